#include "job/settings.h"

#include <algorithm>
#include <array>
#include <set>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "base/text.h"
#include "base/try.h"
#include "base/utf8.h"
#include "check/engine.h"
#include "job/settings_node.h"

namespace shardwright {
namespace {

constexpr std::array<std::string_view, 2> kNamesBeside = {".shardwright.toml", ".shardwright.json"};
constexpr std::size_t kMaxMistakes = 10;   // that are told at once
constexpr std::size_t kMaxIgnores = 1000;  // of one file

using Kind = SettingsNode::Kind;

class SettingsFileReader {
 public:
  SettingsFileReader(const std::string& name, SettingsOrigin origin)
      : name_(name), beside_(origin == SettingsOrigin::kBeside) {
    settings_.beside = beside_;
  }

  Result<CheckSettings> read(const SettingsNode& root) {
    if (root.kind != Kind::kTable) {
      mistake(root.line, fmt::format("{} stands where keys and values should", kind_text(root)));
    }
    constexpr std::array<std::string_view, 4> kKeys = {"ignore", "severity", "fail-on", "$schema"};
    for (const SettingsNode& member : unique(root, kKeys)) {
      if (member.key == "ignore") {
        read_ignores(member);
      } else if (member.key == "$schema") {
        (void)text_of(member);  // for editors
      } else if (beside_) {
        mistake(member.line,
                fmt::format("'{}' is for whoever runs the command: it counts only in a "
                            "file that --config-file names",
                            member.key));
      } else if (member.key == "severity") {
        read_severities(member);
      } else if (const auto severity = severity_of(member)) {
        settings_.fail_on = severity;
      }
    }
    if (mistakes_.empty()) return std::move(settings_);
    std::string text;
    for (std::size_t i = 0; i < std::min(mistakes_.size(), kMaxMistakes); ++i)
      text += (i > 0 ? "; " : "") + mistakes_[i];
    if (mistakes_.size() > kMaxMistakes)
      text += fmt::format("; and {} more", mistakes_.size() - kMaxMistakes);
    return Error{ErrorCode::kMalformed, std::move(text)};
  }

 private:
  std::string place(std::size_t line) const { return fmt::format("{}:{}", name_, line); }

  void mistake(std::size_t line, std::string_view what) {
    mistakes_.push_back(fmt::format("{}: {}", printable(place(line), kShownPath), what));
  }

  // The members of known keys, each once; all others are mistakes.
  std::vector<SettingsNode> unique(const SettingsNode& table,
                                   std::span<const std::string_view> keys) {
    std::vector<SettingsNode> known;
    std::set<std::string_view> seen;
    for (const SettingsNode& member : table.items) {
      if (std::ranges::find(keys, member.key) == keys.end()) {
        const auto near = nearest(member.key, keys);
        mistake(member.line,
                fmt::format("unknown key {}{}", quoted(member.key),
                            near ? fmt::format("; did you mean '{}'?", *near) : std::string()));
      } else if (!seen.insert(member.key).second) {
        mistake(member.line, fmt::format("{} is there twice", quoted(member.key)));
      } else {
        known.push_back(member);
      }
    }
    return known;
  }

  std::optional<std::string> text_of(const SettingsNode& member) {
    if (member.kind == Kind::kText && !trim(member.text).empty()) return member.text;
    mistake(member.line,
            fmt::format("'{}' needs a text, not {}", member.key,
                        member.kind == Kind::kText ? "an empty one" : kind_text(member)));
    return std::nullopt;
  }

  // The code of the check of that code or name.
  std::string code_of(const SettingsNode& member) {
    const auto text = text_of(member);
    if (!text) return {};
    for (const Check* check : check_table()) {
      if (*text == check->code || *text == check->name) return std::string(check->code);
    }
    // Of a prefix, too: who silences a check names it.
    mistake(member.line,
            fmt::format("no check is called {}: 'shardwright explain --list' lists them",
                        quoted(*text)));
    return {};
  }

  std::optional<Severity> severity_of(const SettingsNode& member) {
    const auto text = text_of(member);
    if (!text) return std::nullopt;
    const auto severity = severity_from_name(*text);
    if (!severity) {
      mistake(member.line, fmt::format("{} is error, warning or info, not {}", quoted(member.key),
                                       quoted(*text)));
    }
    return severity;
  }

  void read_severities(const SettingsNode& member) {
    if (member.kind != Kind::kTable) {
      mistake(member.line, fmt::format("'severity' needs a table of checks and severities, not {}",
                                       kind_text(member)));
      return;
    }
    for (const SettingsNode& row : member.items) {
      const SettingsNode name{
          .kind = Kind::kText, .line = row.line, .key = row.key, .text = row.key};
      const std::string code = code_of(name);
      const auto severity = severity_of(row);
      if (code.empty() || !severity) continue;
      if (!settings_.severity.emplace(code, *severity).second)
        mistake(row.line, fmt::format("{} has its severity twice", code));
    }
  }

  void read_ignores(const SettingsNode& member) {
    if (member.kind != Kind::kList) {
      mistake(member.line,
              fmt::format("'ignore' needs a list of tables, not {}", kind_text(member)));
      return;
    }
    if (member.items.size() > kMaxIgnores) {
      mistake(member.line, fmt::format("{} entries of 'ignore', and {} are the most",
                                       member.items.size(), kMaxIgnores));
      return;
    }
    for (const SettingsNode& item : member.items)
      read_ignore(item);
  }

  void read_ignore(const SettingsNode& item) {
    if (item.kind != Kind::kTable) {
      mistake(item.line, fmt::format("an entry of 'ignore' is a table, not {}", kind_text(item)));
      return;
    }
    constexpr std::array<std::string_view, 4> kKeys = {"code", "tensor", "file", "reason"};
    IgnoreRule rule{.place = place(item.line)};
    const std::size_t before = mistakes_.size();
    for (const SettingsNode& member : unique(item, kKeys)) {
      if (member.key == "code") {
        rule.code = code_of(member);
      } else if (auto text = text_of(member)) {
        (member.key == "tensor" ? rule.tensor
         : member.key == "file" ? rule.file
                                : rule.reason) = *std::move(text);
      }
    }
    if (mistakes_.size() > before) return;
    if (rule.code.empty()) mistake(item.line, "an ignore without a 'code': name the check");
    if (rule.reason.empty()) {
      mistake(item.line, "an ignore without a 'reason': say why, for whoever reads it next");
    }
    settings_.ignores.push_back(std::move(rule));
  }

  const std::string& name_;
  bool beside_;
  CheckSettings settings_;
  std::vector<std::string> mistakes_;
};

Result<std::string> read_text(const ByteSource& source, const std::string& name) {
  auto text = read_all(source, kMaxSettingsBytes);
  if (!text) return std::move(text).error().within(quoted(name, kShownPath));
  return text;
}

}  // namespace

std::string_view kind_text(const SettingsNode& node) {
  switch (node.kind) {
    case Kind::kText:
      return "a text";
    case Kind::kList:
      return "a list";
    case Kind::kTable:
      return "a table";
    case Kind::kOther:
      break;
  }
  return node.other;
}

Result<CheckSettings> parse_check_settings(std::string_view text, const std::string& name,
                                           SettingsOrigin origin) {
  const auto root = name.ends_with(".json") ? parse_settings_json(text) : parse_settings_toml(text);
  if (!root) {
    return Error{ErrorCode::kMalformed,
                 fmt::format("{}:{}", printable(name, kShownPath), root.error().message)};
  }
  return SettingsFileReader(name, origin).read(*root);
}

Result<CheckSettings> read_check_settings(const std::string& path) {
  SW_TRY(const auto source, open_file(path));
  SW_TRY(const std::string text, read_text(*source, path));
  return parse_check_settings(text, path, SettingsOrigin::kGiven);
}

Result<std::optional<CheckSettings>> settings_beside(const Folder& folder) {
  std::string found;
  for (const std::string_view name : kNamesBeside) {
    if (folder.find(name) == nullptr) continue;
    if (!found.empty()) {
      return Error{ErrorCode::kMalformed, fmt::format("'{}' and '{}' are both there: keep one",
                                                      kNamesBeside[0], kNamesBeside[1])};
    }
    found = name;
  }
  if (found.empty()) return std::optional<CheckSettings>();
  SW_TRY(const auto source, folder.open(found));
  SW_TRY(const std::string text, read_text(*source, found));
  SW_TRY(CheckSettings settings, parse_check_settings(text, found, SettingsOrigin::kBeside));
  return std::optional(std::move(settings));
}

}  // namespace shardwright
