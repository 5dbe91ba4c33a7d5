// Compiled for AVX2: nothing of the standard library may be instantiated here, since the linker
// could take it for all.
#define XXH_INLINE_ALL
#include "base/digest_avx2.h"

#include <xxhash.h>

namespace shardwright {

bool has_avx2_digest() {
#ifdef __AVX2__
  // An int, or a bool, by the compiler. NOLINTNEXTLINE(readability-implicit-bool-conversion)
  return __builtin_cpu_supports("avx2") != 0;
#else
  return false;
#endif
}

RawDigest avx2_digest(const void* bytes, std::size_t count) {
  const XXH128_hash_t hash = XXH3_128bits(bytes, count);
  return {hash.high64, hash.low64};
}

}  // namespace shardwright
