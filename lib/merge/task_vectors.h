// Task arithmetic: the methods that add to a base what its fine-tunes changed.
//
//   delta_i = x_i - base, of which a method may keep a part (a Sparsifier) and bring it back to the
//             size of the whole (`rescale`: by the ratio of sums of magnitudes)
//   v_i     = weight_i * delta_i
//   result  = base + lambda * sum of v_i; by consensus only those that have the sign of the sum
//             (TIES: Yadav et al., 2023), and divided by the sum of their weights (`normalize`)
//
// Deltas are taken from the inputs in each pass, and never stored.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "merge/method.h"

namespace shardwright {

// Which elements of deltas are kept. Deltas are numbered without the base.
class Sparsifier {
 public:
  Sparsifier() = default;
  Sparsifier(const Sparsifier&) = delete;
  Sparsifier& operator=(const Sparsifier&) = delete;
  virtual ~Sparsifier() = default;

  [[nodiscard]] virtual std::size_t chunk_elements() const { return MergeProgram::kChunk; }
  // What the sparsifier needs to know of a whole tensor, as a program's passes are.
  [[nodiscard]] virtual std::size_t counts(int /*pass*/) const { return 0; }
  [[nodiscard]] virtual std::size_t most_counts() const { return 0; }  // of any pass
  virtual void gather(int /*pass*/, std::uint64_t /*first*/,
                      std::span<const std::span<float>> /*deltas*/,
                      std::span<std::uint64_t> /*counts*/) const {}
  virtual void conclude(int /*pass*/, std::span<const std::uint64_t> /*counts*/) {}

  // In which the peer applies masks, and takes sums for `rescale`, of deltas of that dtype.
  [[nodiscard]] virtual DType work_dtype(DType dtype) const { return dtype; }

  // Whether anything of that delta is dropped.
  [[nodiscard]] virtual bool thins(std::size_t i) const = 0;
  // Puts zeros where elements are dropped.
  virtual void keep(std::size_t i, std::uint64_t first, std::span<float> delta) const = 0;
  // The same, where each chunk comes once for its measure, and then for the result: what is dear to
  // find may be noted (KeptMask).
  virtual void keep_and_note(std::size_t i, std::uint64_t first, std::span<float> delta) {
    keep(i, first, delta);
  }
  virtual void keep_noted(std::size_t i, std::uint64_t first, std::span<float> delta) const {
    keep(i, first, delta);
  }
  [[nodiscard]] virtual std::uint64_t noted_bytes() const { return 0; }
};

struct TaskRules {
  bool consensus{};
  bool normalize{};
  bool rescale{};
  double lambda = 1;
};

// Inputs other than the base, in order.
std::vector<std::size_t> tasks_of(const MergeCase& merge_case);
// Their values of one row of the method's parameters for inputs.
std::vector<double> task_values(const MergeCase& merge_case, std::size_t row);

std::unique_ptr<MergeProgram> make_task_program(const MergeCase& merge_case, const TaskRules& rules,
                                                std::unique_ptr<Sparsifier> sparsifier);

// --- what the methods' tables share --------------------------------------------------------------

namespace task {

// Global rows of every method of the family, in this order; `lambda` stands last.
enum Global : std::size_t { kInt8Mask, kNormalize, kRescale, kLambda };
// Rows for inputs; the rest are a method's own.
enum Input : std::size_t { kWeight, kDensity, kThird };

constexpr ParameterRow flag(std::string_view name, bool preset, std::string_view about) {
  return {.name = name,
          .scope = ParameterScope::kGlobal,
          .kind = ParameterKind::kFlag,
          .preset = preset ? 1 : 0,
          .least = 0,
          .most = 1,
          .about = about};
}

constexpr ParameterRow share(std::string_view name, double preset, std::string_view about) {
  return {.name = name,
          .scope = ParameterScope::kInput,
          .kind = ParameterKind::kNumber,
          .preset = preset,
          .least = 0,
          .most = 1,
          .about = about};
}

constexpr ParameterRow int8_mask() {
  return flag("int8_mask", false, "taken for the peer's recipes; changes nothing");
}
constexpr ParameterRow normalize(bool preset) {
  return flag("normalize", preset, "divide by the sum of the weights");
}
constexpr ParameterRow rescale(bool preset) {
  return flag("rescale", preset, "bring what is kept back to the size of the whole");
}
constexpr ParameterRow lambda() {
  return {.name = "lambda",
          .scope = ParameterScope::kGlobal,
          .kind = ParameterKind::kNumber,
          .preset = 1,
          .least = 1,
          .most = 0,
          .about = "factor of the sum that is added to the base"};
}
constexpr ParameterRow weight() {
  return {.name = "weight",
          .scope = ParameterScope::kInput,
          .kind = ParameterKind::kNumber,
          .preset = std::nullopt,
          .least = 1,
          .most = 0,
          .about = "factor of the model's difference to the base"};
}
constexpr ParameterRow density(std::string_view about) {
  return share("density", 1, about);
}

TaskRules rules(const MergeCase& merge_case, bool consensus);

}  // namespace task
}  // namespace shardwright
