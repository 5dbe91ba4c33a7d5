#include "base/name_set.h"

#include <xxhash.h>

#include <algorithm>
#include <bit>
#include <random>

#include "base/large_pages.h"

namespace shardwright {

std::uint64_t name_hash(std::string_view name) {
  static const std::uint64_t seed = [] {
    std::random_device device;
    return std::uint64_t{device()} << 32U | device();
  }();
  return XXH3_64bits_withSeed(name.data(), name.size(), seed);
}

void NameSet::reserve(std::size_t count) {
  if (2 * count > slots_.size()) resize(std::bit_ceil(2 * count));
}

void NameSet::grow() {
  resize(std::max<std::size_t>(16, 2 * slots_.size()));
}

void NameSet::resize(std::size_t slots) {
  std::vector<Slot> old;
  old.swap(slots_);
  reserve_large(slots_, slots);
  slots_.resize(slots);
  const std::size_t mask = slots_.size() - 1;
  for (const Slot& slot : old) {
    if (slot.position == kEmpty) continue;
    std::size_t i = slot.home & mask;
    while (slots_[i].position != kEmpty)
      i = (i + 1) & mask;
    slots_[i] = slot;
  }
}

}  // namespace shardwright
