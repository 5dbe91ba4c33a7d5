// fp8 weights with block scales, as the floats that they stand for: each becomes a source of bytes
// that multiplies when it is read.
//
// A weight X [rows, columns] of F8_E4M3 has beside it X_scale_inv, a number for each block of
// weight_block_size, blocks at the edges being smaller; an element is its fp8 value times the
// number of its block (DeepSeek-V3, arXiv 2412.19437, section 3.3.2). Experts in one tensor have a
// first extent more. The product is taken in fp32, as transformers 5.23.0 does.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "arch/expand.h"
#include "checkpoint/checkpoint.h"
#include "io/source.h"
#include "merge/plan.h"
#include "shardwright/dtype.h"
#include "shardwright/result.h"

namespace shardwright {

// The elements as F32, in the weight's order.
class DequantizedSource final : public ByteSource {
 public:
  // `scale` has a number for each block of the weight's last two extents.
  DequantizedSource(Tensor weight, Tensor scale, std::array<std::uint64_t, 2> block);

  [[nodiscard]] std::uint64_t size() const override { return elements_ * sizeof(float); }
  [[nodiscard]] Status read(std::uint64_t offset, MutableBytes into) const override;

 private:
  Status compute(std::uint64_t first, std::size_t count, float* to) const;
  // The row of the scale that a row of the weight, all matrices one below the other, belongs to.
  [[nodiscard]] std::uint64_t scale_row(std::uint64_t row) const;

  Tensor weight_;
  Tensor scale_;
  std::array<std::uint64_t, 2> block_;
  std::uint64_t elements_{};
  std::uint64_t rows_{}, columns_{};              // of a matrix
  std::uint64_t scale_rows_{}, scale_columns_{};  // likewise
};

// A weight of fp8.
struct Dequantized {
  std::string_view name{};
  Tensor tensor{};             // F32, computed
  std::uint64_t read_bytes{};  // for all of it
};

struct Dequantization {
  DType plain{};                       // of most elements that are not quantised: what a result has
  std::vector<Dequantized> tensors{};  // by name
  std::vector<std::string_view> scales{};                    // by name: of no use beside `tensors`
  std::vector<std::shared_ptr<const ByteSource>> sources{};  // owns what `tensors` point to
  std::string refusal{};  // why the input's weights cannot be read; then there are no tensors

  [[nodiscard]] const Dequantized* find(std::string_view name) const;
  [[nodiscard]] bool is_scale(std::string_view name) const;
};

// Of a checkpoint that is quantised, none of another. `expected` is null where no rule describes
// it. Both must outlive the result.
std::optional<Dequantization> dequantize(const Checkpoint& checkpoint, const Expansion* expected);

// The input's tensor of that name as floats, where it is an fp8 weight; else as it is stored. Null
// where there is none.
const Tensor* find_tensor(const MergeInput& input, std::string_view name);
// The dtype that a tensor of find_tensor() has in a result where the recipe asks for none.
DType stored_dtype(const MergeInput& input, const Tensor& tensor);
// What reading all of one takes of the disk.
std::uint64_t stored_bytes(const MergeInput& input, const Tensor& tensor);

}  // namespace shardwright
