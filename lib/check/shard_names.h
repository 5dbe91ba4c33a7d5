// What the names of shards say: "model-00002-of-00003.safetensors" is the second of three.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "checkpoint/checkpoint.h"

namespace shardwright {

struct ShardNumber {
  std::string_view before{};  // "model"
  std::string_view after{};   // ".safetensors", with a variant ".fp16.safetensors"
  std::uint64_t number{};
  std::uint64_t count{};
};
std::optional<ShardNumber> shard_number(std::string_view file);

// "model-1.safetensors", as mergekit names its shards before it has finished.
bool is_unfinished_name(std::string_view file);

// "model.fp16.safetensors", "model.fp16-00001-of-00002.safetensors": another precision of the same
// model, kept beside it on purpose.
bool is_variant_name(std::string_view file);

// The shards of one count and one naming.
struct ShardFamily {
  std::string before{}, after{};
  std::uint64_t count{};
  std::vector<std::uint64_t> numbers{};  // that are there, sorted

  [[nodiscard]] bool has(std::string_view file) const;  // a name of this family
  [[nodiscard]] std::string name(std::uint64_t number) const;
  [[nodiscard]] std::string text() const;  // "model-*-of-00003.safetensors"
  // Names of the shards that are not there; at most `limit`.
  [[nodiscard]] std::vector<std::string> absent(std::size_t limit = ~std::size_t{0}) const;
};

// The families of the shards of that use which are present, in the order of the checkpoint.
std::vector<ShardFamily> shard_families(const Checkpoint& checkpoint, ShardUse use);

// The loaded shards that are there and say a number, of a set or of a merge that has not finished,
// in its order.
std::vector<std::string> numbered_shards(const Checkpoint& checkpoint);

// What so many files are called as a set, by the name of the first one.
std::vector<std::string> set_names(std::span<const std::string> files);

// Whether the numbers of the loaded shards are not those of a set from 1 to their count, and can
// be: no other file has a name of theirs.
bool can_be_numbered(const Checkpoint& checkpoint);

// Shards of a loaded family that the index leaves out as a whole.
std::vector<const Shard*> unindexed_shards(const Checkpoint& checkpoint);

// Without an index: a number of a loaded family is absent, or the names are those of a merge that
// has not finished. Then nobody knows what else there should be.
bool is_visibly_incomplete(const Checkpoint& checkpoint);

}  // namespace shardwright
