#include <algorithm>
#include <array>
#include <cmath>
#include <map>

#include <fmt/format.h>

#include "base/text.h"
#include "base/utf8.h"
#include "merge/recipe_reader.h"
#include "merge/yaml_scalar.h"

namespace shardwright::recipe {
namespace {

using Kind = YamlNode::Kind;

constexpr std::array<std::string_view, 4> kDtypes = {"bfloat16", "float16", "float32", "float64"};
constexpr std::array<std::pair<std::string_view, std::string_view>, 8> kShortDtypes = {{
    {"bf16", "bfloat16"},
    {"fp16", "float16"},
    {"fp32", "float32"},
    {"fp64", "float64"},
    {"half", "float16"},
    {"float", "float32"},
    {"double", "float64"},
    {"f32", "float32"},
}};

constexpr double kMostWhole = 9007199254740992;  // beyond it a double skips whole numbers

template <typename T>
std::optional<T> unfit(Reader& reader, const YamlNode& node, std::string_view key,
                       std::string_view expected) {
  tell(reader, node.at,
       fmt::format("'{}' takes {}, not {}", printable(key), expected, found(node)));
  return std::nullopt;
}

struct PathAndRevision {
  std::string path, revision;
};

// A path is given to the system later: it must be one there.
bool judge_path(Reader& reader, Mark at, std::string_view part, const std::string& path) {
  const bool clean = std::ranges::all_of(path, [](char c) { return c < 0 || c >= 0x20; });
  if (!path.empty() && clean) return true;
  tell(reader, at,
       path.empty() ? fmt::format("{} is empty", part)
                    : fmt::format("{} {} has characters that no path has", part, quoted(path)));
  return false;
}

// "path" or "path@revision"
std::optional<PathAndRevision> parse_path(Reader& reader, Mark at, std::string_view text,
                                          std::string_view part) {
  const auto parts = split(text, '@');
  if (parts.size() > 2) {
    tell(reader, at,
         fmt::format("{} {} has more than one '@'; expected path or path@revision", part,
                     quoted(text)));
    return std::nullopt;
  }
  PathAndRevision out{std::string(parts.front()), {}};
  if (parts.size() == 2) {
    out.revision = parts.back();
    if (out.revision.empty()) {
      tell(reader, at, fmt::format("{} {} has no revision behind its '@'", part, quoted(text)));
      return std::nullopt;
    }
  }
  if (!judge_path(reader, at, part, out.path)) return std::nullopt;
  return out;
}

// A text, or a map of path and revision.
std::optional<PathAndRevision> read_path(Reader& reader, const YamlNode& node,
                                         std::string_view part) {
  if (node.kind == Kind::kText) return parse_path(reader, node.at, node.text, part);
  if (node.kind != Kind::kMap) {
    return unfit<PathAndRevision>(reader, node, part, "a path, or a map of 'path' and 'revision'");
  }
  const auto members = read_members(reader, node, Level::kPath);
  const YamlNode* path = require(reader, *members, Level::kPath, "path");
  const YamlNode* revision = members->value("revision");
  const auto path_text = path != nullptr ? read_text(reader, *path, "path") : std::nullopt;
  const auto revision_text =
      revision != nullptr ? read_text(reader, *revision, "revision") : std::string();
  if (!path_text || !revision_text || !judge_path(reader, path->at, part, *path_text)) {
    return std::nullopt;
  }
  return PathAndRevision{*path_text, *revision_text};
}

std::string path_text(std::string_view path, std::string_view revision) {
  return revision.empty() ? std::string(path) : fmt::format("{}@{}", path, revision);
}

ModelRef reference_of(PathAndRevision model, std::optional<PathAndRevision> lora, Mark at) {
  ModelRef out;
  out.text = path_text(model.path, model.revision);
  out.path = std::move(model.path);
  out.revision = std::move(model.revision);
  if (lora) {
    out.text += '+' + path_text(lora->path, lora->revision);
    out.lora = std::move(lora->path);
    out.lora_revision = std::move(lora->revision);
  }
  out.at = at;
  return out;
}

std::optional<ModelRef> parse_reference(Reader& reader, const YamlNode& node) {
  const auto parts = split(node.text, '+');
  if (parts.size() > 2) {
    tell(reader, node.at,
         fmt::format("{} has more than one '+'; expected model or model+adapter (a path with a '+' "
                     "is written as a map: {{model: {{path: ...}}}})",
                     quoted(node.text)));
    return std::nullopt;
  }
  auto model = parse_path(reader, node.at, parts.front(), "the model's path");
  if (!model) return std::nullopt;
  if (parts.size() == 1) return reference_of(*std::move(model), std::nullopt, node.at);
  auto lora = parse_path(reader, node.at, parts.back(), "the adapter's path");
  if (!lora) return std::nullopt;
  return reference_of(*std::move(model), std::move(lora), node.at);
}

}  // namespace

const Member* Members::find(std::string_view name) const {
  const auto found = std::ranges::find(known, name, &Member::name);
  return found == known.end() ? nullptr : &*found;
}

const YamlNode* Members::value(std::string_view name) const {
  const Member* found = find(name);
  return found == nullptr || found->value->kind == Kind::kNull ? nullptr : found->value;
}

std::vector<YamlPair> read_named(Reader& reader, const YamlNode& node, std::string_view what) {
  std::vector<YamlPair> pairs;
  if (node.kind != Kind::kMap) {
    tell(reader, node.at, fmt::format("expected {}: a map, not {}", what, found(node)));
    return pairs;
  }
  std::map<std::string_view, const YamlNode*> last;  // of equal keys the last counts
  for (const YamlPair& pair : node.pairs) {
    const YamlNode& key = *pair.key;
    if (key.kind == Kind::kText) {
      last[key.text] = &key;
    } else {
      tell(reader, key.at,
           fmt::format("a key of {} is a text, not {}{}", what, found(key),
                       key.text.empty() ? "" : "; put it in quotes"));
    }
  }
  for (const YamlPair& pair : node.pairs) {
    if (pair.key->kind != Kind::kText) continue;
    const YamlNode& kept = *last[pair.key->text];
    if (&kept == pair.key) {
      pairs.push_back(pair);
    } else {
      tell(reader, kept.at,
           fmt::format("the key {} stands twice in {}, in line {} too", quoted(kept.text), what,
                       pair.key->at.line));
    }
  }
  return pairs;
}

std::optional<Members> read_members(Reader& reader, const YamlNode& node, Level level) {
  const LevelRow& row = row_of(level);
  if (node.kind != Kind::kMap) {
    tell(reader, node.at, fmt::format("{} is a map of keys, not {}", row.what, found(node)));
    return std::nullopt;
  }
  Members members{node.at, {}, {}};
  for (const YamlPair& pair : read_named(reader, node, row.what)) {
    const auto known = std::ranges::find(row.keys, std::string_view(pair.key->text));
    if (known != row.keys.end()) {
      members.known.push_back({*known, pair.key, pair.value});
    } else {
      members.unknown.push_back(pair);
    }
  }
  for (const YamlPair& pair : members.unknown) {
    std::optional<std::string_view> meant;
    tell(reader, pair.key->at, unknown_key(reader, level, pair.key->text, meant));
    if (meant && members.find(*meant) == nullptr) {
      members.known.push_back({*meant, pair.key, pair.value});
    }
  }
  return members;
}

const YamlNode* require(Reader& reader, const Members& members, Level level, std::string_view key) {
  const Member* member = members.find(key);
  if (member == nullptr) {
    tell(reader, members.at, fmt::format("{} needs the key '{}'", row_of(level).what, key));
    return nullptr;
  }
  if (member->value->kind == Kind::kNull) {
    tell(reader, member->key->at, fmt::format("'{}' is empty", key));
    return nullptr;
  }
  return member->value;
}

std::optional<std::string> read_text(Reader& reader, const YamlNode& node, std::string_view key) {
  if (node.kind == Kind::kText) return node.text;
  const bool scalar = node.kind != Kind::kList && node.kind != Kind::kMap;
  return unfit<std::string>(reader, node, key,
                            scalar && node.kind != Kind::kNull ? "a text (in quotes)" : "a text");
}

std::optional<double> as_number(const YamlNode& node) {
  if (node.kind == Kind::kWhole || node.kind == Kind::kNumber) return node.number;
  if (node.kind == Kind::kText) return number_of_text(node.text);
  return std::nullopt;
}

std::optional<bool> as_flag(const YamlNode& node) {
  if (node.kind == Kind::kText) return flag_of_text(node.text);
  const bool number = node.kind == Kind::kWhole || node.kind == Kind::kNumber;
  if (node.kind != Kind::kFlag && !number) return std::nullopt;
  if (node.number == 0) return false;
  if (node.number == 1) return true;
  return std::nullopt;
}

std::optional<double> read_number(Reader& reader, const YamlNode& node, std::string_view key) {
  const auto number = as_number(node);
  if (!number) return unfit<double>(reader, node, key, "a number");
  if (!std::isfinite(*number)) return unfit<double>(reader, node, key, "a finite number");
  return number;
}

std::optional<std::uint64_t> read_whole(Reader& reader, const YamlNode& node,
                                        std::string_view key) {
  const auto number = as_number(node);
  if (!number || *number < 0 || *number > kMostWhole || std::floor(*number) != *number) {
    return unfit<std::uint64_t>(reader, node, key, "a whole number from 0 up");
  }
  return static_cast<std::uint64_t>(*number);
}

std::optional<bool> read_flag(Reader& reader, const YamlNode& node, std::string_view key) {
  const auto flag = as_flag(node);
  if (!flag) return unfit<bool>(reader, node, key, "true or false");
  return flag;
}

std::optional<ModelRef> read_reference(Reader& reader, const YamlNode& node) {
  if (node.kind == Kind::kText) return parse_reference(reader, node);
  if (node.kind != Kind::kMap) {
    tell(reader, node.at,
         fmt::format("a model is a path, a path+adapter or a map, not {}", found(node)));
    return std::nullopt;
  }
  const auto members = read_members(reader, node, Level::kReference);
  const YamlNode* model = require(reader, *members, Level::kReference, "model");
  auto path = model != nullptr ? read_path(reader, *model, "the model's path") : std::nullopt;
  std::optional<PathAndRevision> adapter;
  if (const YamlNode* lora = members->value("lora")) {
    adapter = read_path(reader, *lora, "the adapter's path");
    if (!adapter) path.reset();
  }
  std::string architecture;
  if (const YamlNode* given = members->value("override_architecture")) {
    const auto text = read_text(reader, *given, "override_architecture");
    if (text && text->empty()) tell(reader, given->at, "'override_architecture' is empty");
    if (!text || text->empty()) path.reset();
    architecture = text.value_or("");
  }
  if (!path) return std::nullopt;
  ModelRef out = reference_of(*std::move(path), std::move(adapter), node.at);
  out.architecture = std::move(architecture);
  return out;
}

ModelRef reference_or_blank(Reader& reader, const YamlNode& node) {
  return read_reference(reader, node).value_or(ModelRef{.at = node.at});
}

std::string read_dtype(Reader& reader, const Members& members, std::string_view key,
                       bool short_names) {
  const YamlNode* node = members.value(key);
  if (node == nullptr) return {};
  const auto text = read_text(reader, *node, key);
  if (!text || text->empty()) return {};
  std::string_view name = *text;
  if (name.starts_with("torch.")) name.remove_prefix(6);
  if (std::ranges::find(kDtypes, name) != kDtypes.end()) return std::string(name);
  std::string hint = did_you_mean(name, kDtypes);
  for (const auto& [brief, full] : kShortDtypes) {
    if (name != brief) continue;
    if (short_names) return std::string(full);
    hint = fmt::format("; did you mean '{}'?", full);
  }
  tell(reader, node->at,
       fmt::format("'{}' is {}, not {}{}", key, or_list(kDtypes), quoted(*text, 60), hint));
  return {};
}

void tell_no_list(Reader& reader, const Member& member) {
  const YamlNode& node = *member.value;
  tell(reader, node.at,
       node.kind == Kind::kList
           ? fmt::format("'{}' is an empty list", member.name)
           : fmt::format("'{}' takes a list, not {}", member.name, found(node)));
}

}  // namespace shardwright::recipe
