// A merge method: a row of the table, its parameters, and a program for one output tensor.
//
// A program sees its inputs as floats, chunk by chunk. What it needs of whole tensors (a norm, a
// k-th magnitude) it gathers in passes before it can be applied; then each chunk of the result is a
// function of the same chunk of the inputs. So memory does not grow with tensors, and the result
// does not depend on threads or tiles.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "shardwright/dtype.h"
#include "shardwright/result.h"
#include "tensor/shape.h"

namespace shardwright {

enum class ParameterScope : std::uint8_t {
  kGlobal,  // one value for a tensor of the result
  kInput,   // one for each input; the base has one only where the recipe gives it
};

enum class ParameterKind : std::uint8_t { kNumber, kWhole, kFlag };

struct ParameterRow {
  std::string_view name;
  ParameterScope scope{};
  ParameterKind kind{};
  std::optional<double> preset{};  // none: it must be given
  double least{}, most{};          // both inclusive; least > most: any finite number
  std::string_view about;          // one clause, for messages and pages
};

enum class BaseRule : std::uint8_t {
  kNone,      // a base is an input like any other
  kOptional,  // a base, where there is one, is subtracted
  kRequired,  // there is none without
  kInput,     // required, and one of the listed models
};

// One tensor of the result, as its program is made.
struct MergeCase {
  std::string_view name{};  // of the tensor of the result
  ShapeView shape{};
  std::uint64_t elements{};
  std::size_t inputs{};               // in the recipe's order
  std::optional<std::size_t> base{};  // its position among the inputs
  std::span<const double> globals{};  // by row of the method's parameters of that scope, in order
  // By input: a value for each row of that scope, in order. NaN: the base has none.
  std::span<const std::vector<double>> values{};
  std::uint64_t seed{};
  // Where the peer's arithmetic is asked for: the dtype to which it rounds after each operation.
  std::optional<DType> round_to{};
  // With it: numbers of the peer's generator that tensors before this one, by name, have drawn.
  std::uint64_t draws{};
};

// A chunk of all inputs. Chunks begin at multiples of the program's chunk size.
struct Chunk {
  std::uint64_t first{};                   // element of the tensor
  std::size_t count{};                     // elements; no more than the program's chunk size
  std::span<const float* const> inputs{};  // by input, `count` values each, aligned to 64 bytes
};

// What one pass adds up. Sums are kept for each block of the tensor and given to conclude() in
// order, so that they do not depend on who added what when: blocks depend on the tensor's size
// alone. Counts are added in any order.
struct PassShape {
  std::size_t sums{};
  std::size_t counts{};
};
struct Tally {
  std::span<double> sums{};           // of this block; begins with zeros
  std::span<std::uint64_t> counts{};  // begins with zeros
};
struct PassResult {
  std::size_t sums{};                               // a block
  std::uint64_t block_elements{};                   // of each block but the last
  std::span<const double> blocks{};                 // block after block
  std::span<const std::uint64_t> counts{};          // of the whole tensor
  [[nodiscard]] double total(std::size_t i) const;  // of sums[i] over all blocks, in order
};

class MergeProgram {
 public:
  MergeProgram() = default;
  MergeProgram(const MergeProgram&) = delete;
  MergeProgram& operator=(const MergeProgram&) = delete;
  virtual ~MergeProgram() = default;

  // Elements of a chunk. A program that needs whole rows takes a multiple of the last extent.
  [[nodiscard]] virtual std::size_t chunk_elements() const { return kChunk; }
  // The shape of pass `index`, or none where the result can be computed. Asked anew after each.
  [[nodiscard]] virtual std::optional<PassShape> pass(int index) const;
  // Counts of any pass, at most.
  [[nodiscard]] virtual std::size_t most_counts() const { return 0; }
  // Bytes of what it would note of its tensor in a pass (kept_mask.h), where there is room.
  [[nodiscard]] virtual std::uint64_t noted_bytes() const { return 0; }
  // Adds a chunk to a pass. Chunks of a block come in order; blocks from many threads.
  virtual void gather(int index, const Chunk& chunk, Tally tally) const;
  // Takes what a pass has added up. Called once for each pass, by one thread.
  virtual void conclude(int index, const PassResult& result);
  // The same chunk of the result. From many threads.
  virtual void apply(const Chunk& chunk, float* result) const = 0;

  static constexpr std::size_t kChunk = 4096;
  // Longer rows are not held whole, so that memory does not grow with them.
  static constexpr std::size_t kLongestRow = std::size_t{1} << 16U;
};

// What a method's make() returns.
template <typename Program, typename... Arguments>
Result<std::unique_ptr<MergeProgram>> make_program(Arguments&&... arguments) {
  return std::unique_ptr<MergeProgram>(
      std::make_unique<Program>(std::forward<Arguments>(arguments)...));
}

struct Method {
  std::string_view name;
  std::string_view summary;
  std::span<const ParameterRow> parameters;
  BaseRule base{};
  std::size_t least_inputs{};  // without a base that is not merged as an input
  std::size_t most_inputs{};   // 0: any number
  // Passes that most tensors need, for the plan.
  int passes{};
  // The program for one tensor. kInvalidArgument where values contradict each other: names the
  // parameter.
  Result<std::unique_ptr<MergeProgram>> (*make)(const MergeCase& merge_case){};
  // Numbers of the peer's generator that a tensor takes; null: none does.
  std::uint64_t (*draws)(const MergeCase& merge_case){};
  // Whether the result is its one input as it is; null: never.
  bool (*is_copy)(const MergeCase& merge_case){};
};

std::span<const Method* const> method_table();  // by name
const Method* find_method(std::string_view name);

}  // namespace shardwright
