// XXH3 of 128 bits as processors with AVX2 compute it: the same values, in a third of the time that
// the library's own build takes, which is for the oldest of their kind.
#pragma once

#include <cstddef>
#include <cstdint>

namespace shardwright {

struct RawDigest {
  std::uint64_t high, low;
};

// Whether it is built in, and this processor can run it.
bool has_avx2_digest();
RawDigest avx2_digest(const void* bytes, std::size_t count);

}  // namespace shardwright
