// What an Expansion owns: names and extents in arenas, and the table that finds a name.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "arch/arena.h"
#include "arch/expand.h"

namespace shardwright {

// Finds names by open addressing, 8 bytes a slot. The names stay with the tensors.
class NameTable {
 public:
  // Takes the names of the tensors. The position of a name that is there twice, or none.
  std::optional<std::size_t> index(std::span<const ExpectedTensor> tensors);
  // The position of the name, or none.
  [[nodiscard]] std::optional<std::size_t> find(std::string_view name,
                                                std::span<const ExpectedTensor> tensors) const;

 private:
  struct Slot {
    std::uint32_t tag{};       // upper half of the hash
    std::uint32_t position{};  // from 1; 0 is empty
  };
  std::vector<Slot> slots_;
};

struct Expansion::Storage {
  Arena<char> names{};
  Arena<std::uint64_t> extents{};
  NameTable table{};
  std::vector<std::string> ignored{};
};

}  // namespace shardwright
