#include "check/wording.h"

#include <unordered_map>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/text.h"
#include "base/utf8.h"

namespace shardwright {
namespace {

constexpr std::size_t kNamed = 3;

}  // namespace

std::string counted(std::uint64_t count, std::string_view word) {
  return fmt::format("{} {}{}", count, word, count == 1 ? "" : "s");
}

std::string byte_count(std::uint64_t bytes) {
  constexpr std::uint64_t kExactBelow = 100'000;
  return bytes < kExactBelow ? counted(bytes, "byte") : human_bytes(bytes);
}

std::string some_of(std::span<const std::string_view> names) {
  std::string text;
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (i == kNamed) return fmt::format("{} and {} more", text, names.size() - kNamed);
    if (i > 0) text += i + 1 == names.size() ? " and " : ", ";
    text += quoted(names[i]);
  }
  return text;
}

std::string some_of(std::span<const std::string> names) {
  const std::vector<std::string_view> views(names.begin(), names.end());
  return some_of(views);
}

std::string number_runs(std::span<const std::int32_t> numbers) {
  constexpr std::size_t kShort = 2;  // told one by one
  constexpr std::size_t kMost = 8;
  std::vector<std::string> parts;
  std::size_t i = 0;
  while (i < numbers.size() && parts.size() < kMost) {
    std::size_t end = i + 1;
    while (end < numbers.size() && numbers[end] == numbers[end - 1] + 1)
      ++end;
    if (end - i > kShort) {
      parts.push_back(fmt::format("{} to {}", numbers[i], numbers[end - 1]));
      i = end;
    }
    for (; i < end; ++i)
      parts.push_back(std::to_string(numbers[i]));
  }
  if (i < numbers.size()) parts.push_back(fmt::format("{} more", numbers.size() - i));
  std::string text;
  for (std::size_t p = 0; p < parts.size(); ++p)
    text += (p == 0 ? "" : p + 1 == parts.size() ? " and " : ", ") + parts[p];
  return text;
}

std::string by_layers(std::span<const std::pair<std::int32_t, std::string>> said) {
  std::vector<std::pair<std::string_view, std::vector<std::int32_t>>> patterns;
  std::unordered_map<std::string_view, std::size_t> known;
  for (const auto& [layer, what] : said) {
    const auto [found, is_new] = known.try_emplace(what, patterns.size());
    if (is_new) patterns.emplace_back(what, std::vector<std::int32_t>());
    patterns[found->second].second.push_back(layer);
  }
  std::vector<std::string> parts;
  std::size_t others = 0;
  for (const auto& [what, layers] : patterns) {
    if (parts.size() == kNamed) {
      others += layers.size();
    } else {
      parts.push_back(fmt::format("{} in layer{} {}", what, layers.size() == 1 ? "" : "s",
                                  number_runs(layers)));
    }
  }
  if (others > 0) parts.push_back(fmt::format("and others in {}", counted(others, "layer")));
  return fmt::format("{}", fmt::join(parts, "; "));
}

std::string prints(std::string_view text) {
  const bool open = text.ends_with(' ');
  return fmt::format("loaders print '{}{}'", trim(text), open ? " …" : "");
}

std::string prints(safetensors::DefectKind kind) {
  return prints(safetensors::loader_text(kind));
}

std::string why_unusable(std::string_view text, std::string_view error) {
  if (text.starts_with("version https://git-lfs"))
    return "it is a Git LFS pointer, not the file itself ('git lfs pull' fetches it)";
  if (text.starts_with("\xEF\xBB\xBF"))
    return "it begins with a byte-order mark, at which loaders stop: save it as UTF-8 without one";
  return std::string(error);
}

}  // namespace shardwright
