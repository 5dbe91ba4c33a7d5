#include "tools/values.h"

#include <string_view>

#include <fmt/format.h>

#include "report/words.h"
#include "tools/options.h"

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

Status set_numbers(std::vector<std::uint64_t>& into, const std::string& text) {
  constexpr std::uint64_t kMost = 1'000'000;  // of which a list may name each
  for (const std::string& entry : split_list(text)) {
    const std::string_view word = entry;
    const std::size_t dash = word.find('-');
    const auto first = number_from_text(word.substr(0, dash));
    const auto last =
        dash == std::string_view::npos ? first : number_from_text(word.substr(dash + 1));
    if (!first || !last || *last < *first || *last >= kMost) {
      return Error{ErrorCode::kInvalidArgument,
                   fmt::format("takes numbers and ranges such as 0,3,5-9, not {}", shown(text))};
    }
    if (into.size() + (*last - *first) >= kMost)
      return Error{ErrorCode::kInvalidArgument, "names too many numbers"};
    for (std::uint64_t number = *first; number <= *last; ++number)
      into.push_back(number);
  }
  return ok();
}

}  // namespace shardwright
