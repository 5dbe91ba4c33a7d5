// A tensor made of parts of others, as a source of bytes like any other.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

#include "checkpoint/checkpoint.h"
#include "io/source.h"
#include "shardwright/result.h"

namespace shardwright {

// A part of a tensor to come, in bytes of whole elements: `rows` runs of `bytes`; run r comes from
// `from + r * bytes` of the source, and goes to `to + r * stride`.
struct TensorPart {
  const Tensor* source{};
  std::uint64_t from{};
  std::uint64_t to{};
  std::uint64_t bytes{};
  std::uint64_t rows{1};
  std::uint64_t stride{};
  bool transposed{};  // positions in the source count as if its last two extents were swapped
};

// The same part where all numbers count elements. kInvalidArgument where it does not lie in the
// source, or cannot be read so; names the source.
Result<TensorPart> in_bytes(TensorPart elements);

class AssembledSource final : public ByteSource {
 public:
  // `parts`: together each of the bytes once; what they point to must outlive this.
  AssembledSource(std::vector<TensorPart> parts, std::uint64_t bytes);
  ~AssembledSource() override;

  [[nodiscard]] std::uint64_t size() const override { return bytes_; }
  [[nodiscard]] Status read(std::uint64_t offset, MutableBytes into) const override;

 private:
  struct Band;

  Status read_part(const TensorPart& part, std::uint64_t from, MutableBytes into) const;
  Status read_transposed(const Tensor& tensor, std::uint64_t from, MutableBytes into) const;
  Result<std::shared_ptr<const Band>> band(const Tensor& tensor, std::uint64_t matrix,
                                           std::uint64_t column) const;

  std::vector<TensorPart> parts_;
  std::uint64_t bytes_{};
  // Columns of transposed parts that were read last: neighbours are asked for next.
  mutable std::mutex mutex_;
  mutable std::vector<std::shared_ptr<const Band>> bands_;
};

}  // namespace shardwright
