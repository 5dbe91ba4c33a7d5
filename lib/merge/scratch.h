// Room for intermediate results of a chunk: this thread's own, kept from call to call.
#pragma once

#include <cstddef>

namespace shardwright {

// `lines` arrays of `count` floats, each aligned to 64 bytes. Good until the next Scratch of this
// thread: a function that holds one calls nothing that makes another.
class Scratch {
 public:
  Scratch(std::size_t lines, std::size_t count);
  [[nodiscard]] float* operator[](std::size_t line) const { return data_ + line * stride_; }

 private:
  std::size_t stride_;
  float* data_;
};

}  // namespace shardwright
