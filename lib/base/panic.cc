#include "base/panic.h"

#include <cstdio>
#include <cstdlib>

namespace shardwright {

void panic(const char* condition, const char* file, int line) {
  std::fprintf(stderr, "shardwright: bug: %s does not hold at %s:%d\n", condition, file, line);
  std::abort();
}

}  // namespace shardwright
