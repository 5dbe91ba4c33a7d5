// The pieces that JSON reports share.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>

#include "json/value.h"
#include "shardwright/check_job.h"
#include "shardwright/finding.h"

namespace shardwright {

// Version of the machine format: docs/json-output.md.
inline constexpr std::int64_t kJsonVersion = 1;

json::Value json_text(std::string_view text);
json::Value json_text_or_null(std::string_view text);  // null where empty
// Numbers above 2^63 - 1, which no real checkpoint has, are given as that.
json::Value json_number(std::uint64_t number);
json::Value json_bool(bool value);
json::Value json_object(std::initializer_list<std::pair<std::string_view, json::Value>> members);

template <typename Range, typename Make>
json::Value json_array(const Range& range, Make make) {
  json::Value::Array array;
  for (const auto& item : range)
    array.push_back(make(item));
  return {.data = std::move(array)};
}

json::Value json_finding(const Finding& finding);
json::Value json_summary(const Summary& summary);

}  // namespace shardwright
