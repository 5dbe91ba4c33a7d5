// SW_CHECK(condition): a bug in this program. Prints the place and aborts; never used on input.
#pragma once

namespace shardwright {

[[noreturn]] void panic(const char* condition, const char* file, int line);

}  // namespace shardwright

#define SW_CHECK(condition)                                                 \
  do {                                                                      \
    if (!(condition)) ::shardwright::panic(#condition, __FILE__, __LINE__); \
  } while (false)
