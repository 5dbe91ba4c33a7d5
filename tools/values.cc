#include "tools/values.h"

#include <fmt/format.h>

#include "report/words.h"

namespace shardwright {

Status set_size(std::uint64_t& into, const std::string& text) {
  const auto size = size_from_text(text);
  if (!size || *size == 0) {
    return Error{ErrorCode::kInvalidArgument,
                 fmt::format("takes a size such as 5GB or 200MiB, not {}", shown(text))};
  }
  into = *size;
  return ok();
}

Status set_number(std::uint64_t& into, std::uint64_t least, const std::string& text) {
  const auto number = number_from_text(text);
  if (!number || *number < least) {
    return Error{ErrorCode::kInvalidArgument,
                 fmt::format("takes a whole number from {}, not {}", least, shown(text))};
  }
  into = *number;
  return ok();
}

}  // namespace shardwright
