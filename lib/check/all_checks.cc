// The table of checks. A row's line in all_checks.inc without its file does not link; a file
// without its line fails the table test.
#include <array>

#include "check/check.h"

namespace shardwright {

#define SW_ENTRY(check) extern const Check check;
#include "check/all_checks.inc"
#undef SW_ENTRY

namespace {

constexpr std::array kTable = {
#define SW_ENTRY(check) &check,
#include "check/all_checks.inc"
#undef SW_ENTRY
};

}  // namespace

std::span<const Check* const> check_table() {
  return kTable;
}

}  // namespace shardwright
