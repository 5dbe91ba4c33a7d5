// A matrix whose rows come from rows of others, as a source that is read like any other.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "checkpoint/checkpoint.h"
#include "io/source.h"
#include "merge/token_rows.h"
#include "shardwright/dtype.h"

namespace shardwright {

// What a gathered matrix is made of. All matrices have rows of one shape.
struct RowGather {
  std::vector<Tensor> matrices{};  // by input; those that no row names are not looked at
  std::shared_ptr<const TokenRows> tokens{};
  std::size_t input{};  // whose rows these are
  std::optional<DType>
      round_to{};  // a mean is rounded to it after each operation, as the peer does
};

// Holds the shape and the bytes of one.
class RowSource final : public ByteSource {
 public:
  // `like`: the input's own tensor, whose dtype the rows keep where all have it and none is
  // computed; otherwise they are F32.
  RowSource(RowGather gather, const Tensor& like);
  ~RowSource() override;

  // The matrix under the name of the tensor that it stands for; lives as long as this.
  [[nodiscard]] Tensor tensor() const;

  [[nodiscard]] std::uint64_t size() const override;
  [[nodiscard]] Status read(std::uint64_t offset, MutableBytes into) const override;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace shardwright
