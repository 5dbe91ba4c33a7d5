// Runs the program of a merge method over tensors in memory, as the engine does over files.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "merge/method.h"

namespace shardwright::test {

using Floats = std::vector<float>;

struct MergeSetup {
  std::string_view method{};
  std::vector<std::uint64_t> shape{};  // empty: one extent, of the inputs' size
  std::vector<Floats> inputs{};
  std::optional<std::size_t> base{};
  std::vector<double> globals{};              // empty: the presets
  std::vector<std::vector<double>> values{};  // by input; a short or absent row: presets, or NaN
  std::uint64_t seed{};
  std::optional<DType> round_to{};
};

// How the work is cut and ordered; results must not depend on it,
// but for the last bit of a sum.
struct MergeOrder {
  int threads = 1;
  std::uint64_t shuffle{};          // seed of the order of blocks and chunks; 0: as they stand
  std::uint64_t block = 1U << 16U;  // elements, rounded up to whole chunks; sums depend on it
};

Result<std::unique_ptr<MergeProgram>> make_program(const MergeSetup& setup);

// The result, not rounded to any dtype. Throws where make() refuses.
Floats run_merge(const MergeSetup& setup, const MergeOrder& order = {});

// Passes that the program took.
int count_passes(const MergeSetup& setup);

}  // namespace shardwright::test
