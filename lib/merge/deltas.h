// Room for the differences of a chunk.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "merge/scratch.h"

namespace shardwright {

// Deltas of a chunk, with the room of a Scratch: one at a time in a thread.
class Deltas {
 public:
  Deltas(std::size_t tasks, std::size_t count) {
    const Scratch room(tasks, count);
    for (std::size_t i = 0; i < tasks; ++i)
      spans_.emplace_back(room[i], count);
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
  std::vector<std::span<float>> spans_;
};

}  // namespace shardwright
