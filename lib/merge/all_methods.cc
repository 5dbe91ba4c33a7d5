// The table of methods. A line of all_methods.inc without its file does not link; a file without
// its line fails the table test.
#include <algorithm>
#include <array>

#include "merge/method.h"

namespace shardwright {

#define SW_ENTRY(method) extern const Method method;
#include "merge/all_methods.inc"
#undef SW_ENTRY

namespace {

constexpr std::array kTable = {
#define SW_ENTRY(method) &method,
#include "merge/all_methods.inc"
#undef SW_ENTRY
};

}  // namespace

std::span<const Method* const> method_table() {
  return kTable;
}

const Method* find_method(std::string_view name) {
  const auto* const found =
      std::ranges::find_if(kTable, [name](const Method* method) { return method->name == name; });
  return found == kTable.end() ? nullptr : *found;
}

}  // namespace shardwright
