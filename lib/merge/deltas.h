// Room for the differences of a chunk.
#pragma once

#include <array>
#include <cstddef>
#include <memory>
#include <span>
#include <vector>

namespace shardwright {

// Deltas of a chunk, each at a multiple of 64 bytes.
class Deltas {
 public:
  Deltas(std::size_t tasks, std::size_t count) {
    const std::size_t stride = (count + 15) / 16 * 16;
    lines_ = std::make_unique_for_overwrite<Line[]>(tasks * stride / 16);
    for (std::size_t i = 0; i < tasks; ++i)
      spans_.emplace_back(lines_[i * stride / 16].data(), count);
  }
  [[nodiscard]] std::span<const std::span<float>> spans() const { return spans_; }
  [[nodiscard]] std::span<float> operator[](std::size_t i) const { return spans_[i]; }
  [[nodiscard]] std::vector<const float*> pointers() const {
    std::vector<const float*> pointers;
    for (const auto span : spans_)
      pointers.push_back(span.data());
    return pointers;
  }

 private:
  struct alignas(64) Line : std::array<float, 16> {};
  std::unique_ptr<Line[]> lines_;
  std::vector<std::span<float>> spans_;
};

}  // namespace shardwright
