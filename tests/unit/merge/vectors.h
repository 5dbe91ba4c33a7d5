// Whole vectors in double precision, beside which the results of merges are held.
#pragma once

#include <cstddef>
#include <functional>
#include <vector>

#include "support/merge_run.h"

namespace shardwright::test {

using Vector = std::vector<double>;
using Vectors = std::vector<Vector>;

inline constexpr double kTolerance = 2e-8;  // a few units in the last place of these floats
inline constexpr std::size_t kDenseCounts[] = {1, 15, 4097, 100'000};

// Vectors that have `shared` of their size in common, as fine-tuned models have.
std::vector<Floats> random_models(std::size_t number, std::size_t count, unsigned seed,
                                  float shared = 0.02F);

Vector wide(const Floats& values);
Vectors wide(const std::vector<Floats>& inputs);

double dot(const Vector& a, const Vector& b);
double norm(const Vector& a);
// a + x b.
Vector plus(Vector a, double x, const Vector& b);
Vector times(double x, Vector a);

// f on each row, or each column, of a matrix.
Vector by_lines(const Vectors& inputs, std::size_t rows, bool columns,
                const std::function<Vector(const Vectors&)>& f);

// The way from a to b along the arc between them; beyond the cosine `colinear` a straight line.
Vector arc(const Vector& a, const Vector& b, double t, double colinear);

// The largest error of an element.
double distance(const Floats& result, const Vector& truth);

// The result is near the truth, and the same for any order of the work.
void agrees(const MergeSetup& setup, const Vector& truth, double tolerance = kTolerance);

}  // namespace shardwright::test
