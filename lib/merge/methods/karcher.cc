// The point on the unit sphere from which the directions of all models pull equally (the Karcher
// mean), at the mean of their lengths.
//
// Each step walks along the mean of the tangents that lead to the models. All points are
// combinations of the models' directions, so that a step is arithmetic on their factors.
#include <algorithm>
#include <cmath>

#include "merge/combination.h"

namespace shardwright {
namespace {

using Point = std::vector<double>;  // factors of the vectors as they are

void scale(Point& point, double factor) {
  for (double& value : point)
    value *= factor;
}

// Moves the mean; false where it stands already.
bool step(const Dots& dots, std::span<const std::size_t> pulling, double tolerance, Point& mean) {
  Point tangent(mean.size());
  for (const std::size_t i : pulling) {
    const double cosine = std::clamp(dots.dot(i, mean) / dots.norm(i), -1.0, 1.0);
    const double angle = std::acos(cosine);
    if (angle < tolerance) continue;
    const double pull = angle / std::sin(angle) / static_cast<double>(pulling.size());
    tangent[i] += pull / dots.norm(i);
    for (std::size_t k = 0; k < mean.size(); ++k)
      tangent[k] -= pull * cosine * mean[k];
  }
  const double length = dots.norm(tangent);
  if (!(length >= tolerance)) return false;
  for (std::size_t k = 0; k < mean.size(); ++k)
    mean[k] = std::cos(length) * mean[k] + std::sin(length) * tangent[k] / length;
  if (const double norm = dots.norm(mean); norm > tolerance) scale(mean, 1 / norm);
  return true;
}

void karcher(int most_steps, double tolerance, const Dots& dots, std::span<double> factors) {
  double length = 0;
  std::vector<std::size_t> pulling;
  for (std::size_t i = 0; i < dots.size(); ++i) {
    length += dots.norm(i) / static_cast<double>(dots.size());
    if (!(dots.norm(i) <= tolerance)) pulling.push_back(i);
  }
  std::ranges::fill(factors, 0.0);
  if (pulling.empty()) return;
  Point mean(dots.size());
  for (const std::size_t i : pulling)
    mean[i] = 1 / dots.norm(i) / static_cast<double>(pulling.size());
  if (const double norm = dots.norm(mean); !(norm < tolerance)) {
    scale(mean, 1 / norm);
  } else {
    // The models pull against each other: begin at the first.
    std::ranges::fill(mean, 0.0);
    mean[pulling[0]] = 1 / dots.norm(pulling[0]);
  }
  for (int i = 0; i < most_steps; ++i) {
    if (!step(dots, pulling, tolerance, mean)) break;
  }
  scale(mean, length);
  std::ranges::copy(mean, factors.begin());
}

Result<std::unique_ptr<MergeProgram>> make_karcher(const MergeCase& merge_case) {
  if (merge_case.inputs == 1) return make_copy(0);
  return make_combination(
      {.members = all_inputs(merge_case)},
      [steps = static_cast<int>(merge_case.globals[0]), tolerance = merge_case.globals[1]](
          const Dots& dots, std::span<double> factors) {
        karcher(steps, tolerance, dots, factors);
      });
}

constexpr ParameterRow kKarcherParameters[] = {
    {.name = "max_iter",
     .scope = ParameterScope::kGlobal,
     .kind = ParameterKind::kWhole,
     .preset = 10,
     .least = 0,
     .most = 1'000'000,
     .about = "most steps"},
    {.name = "tol",
     .scope = ParameterScope::kGlobal,
     .kind = ParameterKind::kNumber,
     .preset = 1e-5,
     .least = 0,
     .most = 1,
     .about = "length of the step that is the last, and of a vector that is left out"},
};

}  // namespace

extern const Method kKarcher;
const Method kKarcher = {
    .name = "karcher",
    .summary = "the mean direction of all models on the sphere, at their mean length",
    .parameters = kKarcherParameters,
    .base = BaseRule::kNone,
    .least_inputs = 1,
    .passes = 1,
    .make = make_karcher,
};

}  // namespace shardwright
