#include "base/large_pages.h"

#include <sys/mman.h>

#include <memory>

#include "base/units.h"

namespace shardwright {

void prefer_large_pages(void* begin, std::size_t bytes) {
#ifdef MADV_HUGEPAGE
  // The common size. Advice about whole pages of it is about no other memory.
  constexpr std::size_t kLargePage = 2 * kMiB;
  if (std::align(kLargePage, kLargePage, begin, bytes) == nullptr) return;
  madvise(begin, bytes / kLargePage * kLargePage, MADV_HUGEPAGE);
#else
  static_cast<void>(begin), static_cast<void>(bytes);
#endif
}

}  // namespace shardwright
