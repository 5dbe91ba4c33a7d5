#include "check/wording.h"

#include <vector>

#include <fmt/format.h>

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

std::string prints(std::string_view text) {
  const bool open = text.ends_with(' ');
  return fmt::format("loaders print '{}{}'", trim(text), open ? " …" : "");
}

std::string prints(safetensors::DefectKind kind) {
  return prints(safetensors::loader_text(kind));
}

std::string why_unusable(std::string_view text, std::string_view error) {
  if (!text.starts_with("version https://git-lfs")) return std::string(error);
  return "it is a Git LFS pointer, not the file itself ('git lfs pull' fetches it)";
}

}  // namespace shardwright
