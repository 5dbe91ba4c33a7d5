#include "merge/scratch.h"

#include <array>
#include <vector>

namespace shardwright {

Scratch::Scratch(std::size_t lines, std::size_t count) : stride_((count + 15) / 16 * 16) {
  struct alignas(64) Line : std::array<float, 16> {};
  thread_local std::vector<Line> room;
  if (room.size() < lines * stride_ / 16) room.resize(lines * stride_ / 16);
  data_ = room.empty() ? nullptr : room.front().data();
}

}  // namespace shardwright
