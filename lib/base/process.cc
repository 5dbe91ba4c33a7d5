#include "base/process.h"

#include <fstream>
#include <limits>
#include <string>

#include "base/units.h"

namespace shardwright {
namespace {

// The line "NAME: N kB" of this process. Not getrusage(), whose maximum begins with that of the
// program that started this one.
std::uint64_t status_bytes(const std::string& name) {
  std::ifstream file("/proc/self/status");
  std::string word;
  while (file >> word) {
    std::uint64_t kib = 0;
    if (word == name) return file >> kib ? kib * kKiB : 0;
    file.ignore(std::numeric_limits<std::streamsize>::max(), '\n');
  }
  return 0;
}

}  // namespace

std::uint64_t resident_bytes() {
  return status_bytes("VmRSS:");
}

std::uint64_t peak_resident_bytes() {
  return status_bytes("VmHWM:");
}

}  // namespace shardwright
