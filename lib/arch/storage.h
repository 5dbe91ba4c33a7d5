// What an Expansion owns: names and extents in arenas, and the table that finds a name.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "arch/arena.h"
#include "arch/expand.h"
#include "base/name_set.h"

namespace shardwright {

// Finds names by open addressing, 8 bytes a slot. The names stay with the tensors.
class NameTable {
 public:
  // Takes the names of the tensors. The position of a name that is there twice, or none.
  std::optional<std::size_t> index(std::span<const ExpectedTensor> tensors);
  // The position of the name, or none.
  [[nodiscard]] std::optional<std::size_t> find(std::string_view name,
                                                std::span<const ExpectedTensor> tensors) const {
    return find_hashed(name_hash(name), name, tensors);
  }
  // Those of many names, or none, told in order.
  template <typename Tell>
  void find_all(std::span<const std::string_view> names, std::span<const ExpectedTensor> tensors,
                const Tell& tell) const {
    each_hash(
        [&](std::size_t i) { return names[i]; }, names.size(),
        [&](std::size_t i, std::uint64_t hash) { tell(find_hashed(hash, names[i], tensors)); });
  }

 private:
  struct Slot {
    std::uint32_t tag{};       // upper half of the hash
    std::uint32_t position{};  // from 1; 0 is empty
  };

  [[nodiscard]] std::optional<std::size_t> find_hashed(
      std::uint64_t hash, std::string_view name, std::span<const ExpectedTensor> tensors) const;

  // Calls body(i, hash of the name at i) for i in [0, count). The table is larger than the nearer
  // caches: its lines are asked for some names ahead.
  template <typename NameAt, typename Body>
  void each_hash(const NameAt& name_at, std::size_t count, const Body& body) const {
    constexpr std::size_t kAhead = 16;
    std::array<std::uint64_t, kAhead> hashes{};
    for (std::size_t i = 0; i < count + kAhead; ++i) {
      if (i >= kAhead) body(i - kAhead, hashes[i % kAhead]);
      if (i >= count) continue;
      hashes[i % kAhead] = name_hash(name_at(i));
      if (!slots_.empty()) __builtin_prefetch(&slots_[hashes[i % kAhead] & (slots_.size() - 1)], 1);
    }
  }
  std::vector<Slot> slots_;
};

struct Expansion::Storage {
  Arena<char> names{};
  Arena<std::uint64_t> extents{};
  NameTable table{};
  std::vector<std::string> ignored{};
};

}  // namespace shardwright
