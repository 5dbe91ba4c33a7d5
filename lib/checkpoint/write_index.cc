// write_index and write_weight_map of index.h.
#include <algorithm>

#include <fmt/format.h>

#include "checkpoint/index.h"
#include "json/pull.h"

namespace shardwright {
namespace {

using Pair = std::pair<std::string_view, std::string_view>;

std::vector<Pair> sorted(std::span<const Pair> pairs) {
  std::vector<Pair> out(pairs.begin(), pairs.end());
  // By bytes of UTF-8, which is by code points, which is Python's order.
  std::ranges::sort(out, {}, &Pair::first);
  return out;
}

}  // namespace

std::string write_weight_map(std::span<const Pair> entries) {
  std::string out = "{";
  std::string_view separator = "\n    ";
  for (const auto& [name, file] : sorted(entries)) {
    out += separator;
    json::append_string(out, name, json::NonAscii::kEscape);
    out += ": ";
    json::append_string(out, file, json::NonAscii::kEscape);
    separator = ",\n    ";
  }
  out += entries.empty() ? "}" : "\n  }";
  return out;
}

std::string write_index(std::span<const Pair> entries, std::uint64_t total_size,
                        std::span<const Pair> metadata) {
  const std::string total = fmt::format("{}", total_size);
  std::vector<Pair> members(metadata.begin(), metadata.end());
  members.emplace_back("total_size", total);
  std::string out = "{\n  \"metadata\": {";
  std::string_view separator = "\n    ";
  for (const auto& [key, value] : sorted(members)) {
    out += separator;
    json::append_string(out, key, json::NonAscii::kEscape);
    out += ": ";
    out += value;
    separator = ",\n    ";
  }
  out += "\n  },\n  \"weight_map\": ";
  out += write_weight_map(entries);
  out += "\n}\n";
  return out;
}

}  // namespace shardwright
