// A set of positions by name, for finding equal names among very many: open addressing, 12 bytes a
// slot. The names stay with the caller, who tells the name at a position.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

namespace shardwright {

// Differs from run to run, so that no file can be made whose names all collide.
std::uint64_t name_hash(std::string_view name);

class NameSet {
 public:
  // Makes room for `count` names at once.
  void reserve(std::size_t count);

  // The position of that name, or none.
  template <typename NameAt>
  std::optional<std::size_t> find(std::string_view name, const NameAt& name_at) const {
    if (slots_.empty()) return std::nullopt;
    const std::uint64_t hash = name_hash(name);
    const auto tag = static_cast<std::uint32_t>(hash >> 32U);
    const std::size_t mask = slots_.size() - 1;
    for (std::size_t i = hash & mask; slots_[i].position != kEmpty; i = (i + 1) & mask) {
      const Slot& slot = slots_[i];
      if (slot.tag == tag && name_at(slot.position) == name) return slot.position;
    }
    return std::nullopt;
  }

  // The position of an equal name that is already there, or none after adding this one.
  template <typename NameAt>
  std::optional<std::size_t> insert(std::string_view name, std::size_t position,
                                    const NameAt& name_at) {
    if (2 * (count_ + 1) > slots_.size()) grow();
    const std::uint64_t hash = name_hash(name);
    const auto tag = static_cast<std::uint32_t>(hash >> 32U);
    const std::size_t mask = slots_.size() - 1;
    for (std::size_t i = hash & mask;; i = (i + 1) & mask) {
      Slot& slot = slots_[i];
      if (slot.position == kEmpty) {
        slot = {tag, static_cast<std::uint32_t>(hash), static_cast<std::uint32_t>(position)};
        ++count_;
        return std::nullopt;
      }
      if (slot.tag == tag && name_at(slot.position) == name) return slot.position;
    }
  }

  [[nodiscard]] std::size_t size() const { return count_; }

  void clear() {
    slots_.clear();
    count_ = 0;
  }

 private:
  static constexpr std::uint32_t kEmpty = 0xFFFFFFFFU;  // no text of 4 GiB is parsed
  struct Slot {
    std::uint32_t tag{};   // the upper half of the hash
    std::uint32_t home{};  // the lower half, for growing without the names
    std::uint32_t position{kEmpty};
  };

  void grow();
  void resize(std::size_t slots);  // a power of two

  std::vector<Slot> slots_;
  std::size_t count_{};
};

}  // namespace shardwright
