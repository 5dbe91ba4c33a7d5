// Memory that grows and is given back all at once: the names, extents and values of an expansion.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <memory>
#include <span>
#include <string_view>
#include <type_traits>
#include <vector>

namespace shardwright {

template <typename T>
  requires std::is_trivially_copyable_v<T>
class Arena {
 public:
  // Room for `count` values, not initialised; it stays where it is as long as the arena lives.
  std::span<T> take(std::size_t count) {
    if (count > left_) {
      const std::size_t size = std::max(count, kBlock);
      blocks_.push_back(std::make_unique_for_overwrite<T[]>(size));
      next_ = blocks_.back().get();
      left_ = size;
    }
    const std::span<T> room(next_, count);
    next_ += count;
    left_ -= count;
    taken_ += count;
    return room;
  }

  std::span<T> copy(std::span<const T> values) {
    const std::span<T> room = take(values.size());
    std::copy(values.begin(), values.end(), room.begin());
    return room;
  }

  [[nodiscard]] std::size_t taken() const { return taken_; }

 private:
  static constexpr std::size_t kBlock =
      std::max<std::size_t>(64, (std::size_t{1} << 18U) / sizeof(T));

  std::vector<std::unique_ptr<T[]>> blocks_;
  T* next_{};
  std::size_t left_{};
  std::size_t taken_{};
};

// The text, kept in the arena.
inline std::string_view keep(Arena<char>& arena, std::string_view text) {
  const std::span<char> room = arena.copy(text);
  return {room.data(), room.size()};
}

}  // namespace shardwright
