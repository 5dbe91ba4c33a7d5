// A tensor with an adapter's deltas in it, as a source of bytes like any other.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "checkpoint/checkpoint.h"
#include "io/source.h"
#include "merge/factor.h"
#include "shardwright/dtype.h"
#include "shardwright/result.h"

namespace shardwright {

// `scale` times left times right, added to the rows from `first_row` on.
struct LowRank {
  std::uint64_t first_row{};
  Factor left{};   // [rows, rank]
  Factor right{};  // [rank, columns]
  float scale{};
  bool rounds{};  // where AdaptedTensor::rounds: the delta, too, as PEFT does with some
};

// Rows that stand in the place of the base's: row i of `values` in that of row rows[i].
struct RowPatch {
  std::vector<std::uint64_t> rows{};  // ascending
  Tensor values{};                    // [rows, columns]
};

struct AdaptedTensor {
  Tensor base{};
  std::uint64_t columns{};          // of the base as a matrix: its last extent, or all of a vector
  std::vector<LowRank> products{};  // by first row; no row twice
  // A vector that is added, times `shift_scale`, to a base of that size.
  std::optional<Tensor> shift{};
  float shift_scale{};
  std::optional<RowPatch> patch{};
  // DoRA (Liu et al. 2024, equation 5): each row, or each column, of the sum is scaled to this
  // length.
  std::optional<Tensor> magnitude{};
  bool by_column{};
  // Where the peer's arithmetic is asked for: the result is rounded to the base's dtype.
  bool rounds{};
};

// The elements as F32, in the base's order, rounded once from exact factors summed in fp32.
class AdaptedSource final : public ByteSource {
 public:
  AdaptedSource(AdaptedTensor adapted, std::shared_ptr<FactorCache> cache);

  [[nodiscard]] std::uint64_t size() const override;
  [[nodiscard]] Status read(std::uint64_t offset, MutableBytes into) const override;

  [[nodiscard]] const AdaptedTensor& adapted() const { return adapted_; }

 private:
  Status compute(std::uint64_t first, std::size_t count, float* to, bool scaled) const;
  Status add_low_rank(const LowRank& product, std::uint64_t first, std::size_t count,
                      float* delta) const;
  Status add_block(const LowRank& product, std::uint64_t row, std::size_t rows,
                   std::uint64_t column, std::size_t columns, float* to) const;
  Status put_rows(std::uint64_t first, std::size_t count, float* to) const;
  Status scale_to_length(std::uint64_t first, std::size_t count, float* to) const;
  Status find_lengths() const;

  AdaptedTensor adapted_;
  std::shared_ptr<FactorCache> cache_;
  std::uint64_t elements_{};
  // Magnitude over length, of rows or of columns: found by whoever needs it first.
  mutable std::once_flag once_;
  mutable std::vector<float> factors_;
  mutable Status found_ = ok();
};

}  // namespace shardwright
