// What a pickle is made of while it is read. Values refer to one another by position: one that is
// stored in the memo and used a million times is there once.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "shardwright/dtype.h"

namespace shardwright::pickle {

enum class ValueKind : std::uint8_t {
  kNone,
  kBool,
  kInt,
  kFloat,  // which one does not matter: no tensor is made of it
  kString,
  kTuple,
  kList,
  kDict,     // an OrderedDict, too
  kGlobal,   // `number`: position in the table of rebuild.cc
  kStorage,  // bytes of the archive
  kTensor,
};

using ValueId = std::uint32_t;

struct Value {
  ValueKind kind{};
  std::optional<DType> dtype{};  // of a tensor, and of a storage that has one
  std::int64_t number{};         // kInt, kBool; of a storage, its elements: bytes without a dtype
  std::string_view text{};       // kString; of a storage, the name of its entry
  // kTuple and kList: elements. kDict: key, value, key, value. kTensor: storage, position of the
  // first element in it, extents and strides.
  std::vector<ValueId> items{};
};

// Values by their id.
class Values {
 public:
  // Real files have some twenty a tensor.
  static constexpr std::size_t kMost = 4'000'000;

  [[nodiscard]] bool is_full() const { return all_.size() >= kMost; }
  ValueId add(Value value) {
    all_.push_back(std::move(value));
    return static_cast<ValueId>(all_.size() - 1);
  }
  Value& operator[](ValueId id) { return all_[id]; }
  const Value& operator[](ValueId id) const { return all_[id]; }

 private:
  std::vector<Value> all_{};
};

}  // namespace shardwright::pickle
