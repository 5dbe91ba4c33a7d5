// What this process takes of the machine.
#pragma once

#include <cstdint>

namespace shardwright {

// Bytes of memory, now and at most until now; 0 where the system does not say.
std::uint64_t resident_bytes();
std::uint64_t peak_resident_bytes();

}  // namespace shardwright
