// Look-ups over the stored tensors of a model: by place, and by what their bytes are.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/digest.h"
#include "check/check.h"

namespace shardwright {

class Stored {
 public:
  // `model` must outlive it.
  explicit Stored(const Model& model);

  [[nodiscard]] const Model& model() const { return model_; }
  [[nodiscard]] const std::string& file_of(const Tensor& tensor) const {
    return model_.checkpoint.shards[tensor.shard].file;
  }

  // The tensor of that name in that loaded shard (of equal ones the last), or null.
  [[nodiscard]] const Tensor* at(std::string_view file, std::string_view name) const;
  // Where its bytes were read.
  [[nodiscard]] std::optional<Digest> digest(const Tensor& tensor) const;
  // What need not be read again of a tensor with these bytes.
  [[nodiscard]] std::optional<KnownTensor> known(const Tensor& tensor) const;
  // Whether both have the same bytes and dtype, or the other is what this one is tied to and has
  // the same numbers in another dtype. Not where nobody read them.
  [[nodiscard]] bool repeats(const Tensor& tensor, const Tensor& other) const;
  // Another tensor that this one repeats and that is not `dropped`, or null.
  [[nodiscard]] const Tensor* twin(const Tensor& tensor,
                                   const std::set<const Tensor*>& dropped) const;

 private:
  const Model& model_;
  std::unordered_map<std::string_view, std::uint32_t> shards_;                // loaded, by file
  std::vector<std::unordered_map<std::string_view, const Tensor*>> by_name_;  // for each shard
  std::map<std::pair<std::uint64_t, std::uint64_t>, std::vector<const Tensor*>> by_digest_;
};

// "every byte of it is", or "every number of it is" where the dtypes are two.
std::string_view every_part_of(const Tensor& tensor, const Tensor& other);

}  // namespace shardwright
