#include "report/words.h"

#include <unistd.h>

#include <algorithm>

#include <fmt/format.h>

#include "base/text.h"
#include "base/utf8.h"

namespace shardwright {
namespace {

bool is_plain(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
         std::string_view("_@%+=:,./-").find(c) != std::string_view::npos;
}

// Bash, zsh, ksh and busybox know $'...'; it is the only form that shows control characters.
std::string ansi_c_quoted(std::string_view text) {
  std::string out = "$'";
  for (const char c : text) {
    if (c == '\'' || c == '\\') {
      out += '\\';
      out += c;
    } else if (c >= ' ' && c <= '~') {
      out += c;
    } else {
      out += fmt::format("\\x{:02x}", static_cast<unsigned>(static_cast<unsigned char>(c)));
    }
  }
  return out + "'";
}

}  // namespace

std::string grouped(std::uint64_t number) {
  std::string digits = std::to_string(number);
  for (std::size_t at = digits.size(); at > 3;) {
    at -= 3;
    digits.insert(at, 1, ',');
  }
  return digits;
}

std::string counted(std::uint64_t count, std::string_view one, std::string_view many) {
  if (count == 1) return fmt::format("1 {}", one);
  return many.empty() ? fmt::format("{} {}s", grouped(count), one)
                      : fmt::format("{} {}", grouped(count), many);
}

std::string short_count(std::uint64_t number) {
  if (number < 10'000) return grouped(number);
  double value = static_cast<double>(number) / 1000;
  char unit = 'K';
  for (const char next : {'M', 'B', 'T'}) {
    if (value < 999.5) break;
    value /= 1000;
    unit = next;
  }
  const int decimals = value < 9.995 ? 2 : value < 99.95 ? 1 : 0;
  return fmt::format("{:.{}f} {}", value, decimals, unit);
}

std::string summary_text(const Summary& summary) {
  std::string text;
  const auto add = [&](std::uint64_t count, std::string_view one, std::string_view many) {
    if (count == 0) return;
    if (!text.empty()) text += ", ";
    text += counted(count, one, many);
  };
  add(summary.error, "error", "errors");
  add(summary.warning, "warning", "warnings");
  add(summary.info, "info", "info");
  return text.empty() ? "nothing found" : text;
}

std::string progress_text(const Progress& progress, std::size_t width) {
  std::string amount = human_bytes(progress.done);
  if (progress.total > 0) {
    const double share = static_cast<double>(std::min(progress.done, progress.total)) /
                         static_cast<double>(progress.total);
    amount = fmt::format("{}%, {} of {}", static_cast<int>(share * 100), amount,
                         human_bytes(progress.total));
  }
  // The amount matters more than the whole of a long name.
  const std::size_t room = amount.size() + 2;
  const std::size_t most = width == 0 ? progress.what.size() : width > room ? width - room : 0;
  std::string what = printable(progress.what, progress.what.size() + 1);
  if (width > 0 && what.size() > most) what = most > 4 ? printable(what, most - 1) : std::string();
  return what.empty() ? amount : what + ": " + amount;
}

std::optional<std::uint64_t> size_from_text(std::string_view text) {
  return parse_size(text);
}

std::optional<std::uint64_t> number_from_text(std::string_view text) {
  return parse_u64(text);
}

std::string shell_word(std::string_view text) {
  std::string word;
  if (text.starts_with('-')) word = "./";
  word += text;
  if (word.empty()) return "''";
  if (std::ranges::all_of(word, is_plain)) return word;
  if (printable(word, word.size() + 1) != word) return ansi_c_quoted(word);
  std::string out = "'";
  for (const char c : word) {
    if (c == '\'') {
      out += "'\\''";
    } else {
      out += c;
    }
  }
  return out + "'";
}

std::string shown(std::string_view text) {
  return quoted(text);
}

std::string did_you_mean(std::string_view word, std::span<const std::string_view> candidates) {
  const auto best = nearest(word, candidates);
  return best ? fmt::format("; did you mean '{}'?", *best) : std::string();
}

std::string repaired_path(std::string_view model) {
  while (model.size() > 1 && model.ends_with('/'))
    model.remove_suffix(1);
  std::string name(model);
  if (::access(name.c_str(), F_OK) != 0) {  // a hub id: the folder goes where the user is
    name = name.substr(name.rfind('/') + 1);
    name = name.substr(0, name.find('@'));
  }
  // The folder of an index, and the stem of a single file.
  constexpr std::string_view kIndex = ".safetensors.index.json";
  constexpr std::string_view kFile = ".safetensors";
  if (name.ends_with(kIndex)) {
    const std::size_t slash = name.rfind('/');
    name = slash == std::string::npos ? "." : name.substr(0, std::max<std::size_t>(slash, 1));
  } else if (name.ends_with(kFile)) {
    name.resize(name.size() - kFile.size());
  }
  // "." and "a/.." have no name of their own to build on.
  const std::string last = name.substr(name.rfind('/') + 1);
  if (last.empty() || last == "." || last == "..")
    return (name == "." ? "" : name + "/") + "../repaired";
  return name + "-repaired";
}

}  // namespace shardwright
