#include "checkpoint/shard_split.h"

#include <cstdint>
#include <vector>

#include <doctest/doctest.h>

namespace shardwright {

TEST_CASE("job: shards are split by size as the hub splits them") {
  using Sizes = std::vector<std::uint64_t>;
  CHECK(split_by_size(Sizes{4, 6, 1}, 10) == ShardSplit{{0, 1}, {2}});
  CHECK(split_by_size(Sizes{4, 6}, 10) == ShardSplit{{0, 1}});
  CHECK(split_by_size(Sizes{4, 7, 3}, 10) == ShardSplit{{0}, {1, 2}});
  // One that fits nowhere comes before the shard that is being filled.
  CHECK(split_by_size(Sizes{4, 11, 3}, 10) == ShardSplit{{1}, {0, 2}});
  CHECK(split_by_size(Sizes{11, 12}, 10) == ShardSplit{{0}, {1}});
  CHECK(split_by_size(Sizes{0, 0}, 10) == ShardSplit{{0, 1}});
}

TEST_CASE("job: shards are split by count into nearly equal parts") {
  using Sizes = std::vector<std::uint64_t>;
  const auto split = [](const Sizes& sizes, std::uint64_t shards) {
    auto result = split_by_count(sizes, shards);
    REQUIRE(result.has_value());
    return *result;
  };
  CHECK(split(Sizes{5, 5, 5, 5}, 2) == ShardSplit{{0, 1}, {2, 3}});
  CHECK(split(Sizes{5, 5, 5, 5}, 4) == ShardSplit{{0}, {1}, {2}, {3}});
  CHECK(split(Sizes{100, 1, 1}, 3) == ShardSplit{{0}, {1}, {2}});
  CHECK(split(Sizes{1, 1, 100}, 3) == ShardSplit{{0}, {1}, {2}});
  CHECK(split(Sizes{0, 0, 0}, 2) == ShardSplit{{0, 1}, {2}});
  CHECK(split(Sizes{7}, 1) == ShardSplit{{0}});
  const auto refused = split_by_count(Sizes{1, 2}, 3);
  REQUIRE_FALSE(refused.has_value());
  CHECK(refused.error().message == "3 shards asked for, and there are 2 tensors");
}

TEST_CASE("job: shards are named as the hub names them") {
  CHECK(shard_name(0, 1) == "model.safetensors");
  CHECK(shard_name(0, 2) == "model-00001-of-00002.safetensors");
  CHECK(shard_name(162, 163) == "model-00163-of-00163.safetensors");
}

}  // namespace shardwright
