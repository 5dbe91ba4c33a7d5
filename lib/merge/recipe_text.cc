#include <algorithm>
#include <array>
#include <cmath>

#include <fmt/format.h>

#include "base/text.h"
#include "base/utf8.h"
#include "merge/recipe_reader.h"

namespace shardwright::recipe {
namespace {

constexpr std::size_t kShown = 60;  // bytes of a value in a message

bool has(std::span<const std::string_view> words, std::string_view word) {
  return std::ranges::find(words, word) != words.end();
}

std::string joined(std::span<const std::string_view> words, std::string_view quote,
                   std::string_view last) {
  std::string out;
  for (std::size_t i = 0; i < words.size(); ++i) {
    if (i > 0) out += i + 1 == words.size() ? last : ", ";
    out += fmt::format("{0}{1}{0}", quote, words[i]);
  }
  return out;
}

bool takes_parameters(Level level) {
  return has(row_of(level).keys, "parameters");
}

std::vector<std::string_view> parameter_names(const Reader& reader) {
  std::vector<std::string_view> names;
  for (const Method* method : reader.methods) {
    if (reader.method != nullptr && method != reader.method) continue;
    for (const ParameterRow& row : method->parameters)
      names.push_back(row.name);
  }
  return names;
}

// Where a key of another level belongs: "an entry of 'sources' or an entry of 'slices'".
std::string home_of(std::string_view key, bool of_mixture) {
  std::vector<std::string_view> homes;
  for (const LevelRow& row : levels()) {
    if (row.of_mixture == of_mixture && has(row.keys, key)) homes.push_back(row.what);
  }
  return joined(homes, "", " or ");
}

// People hold out recipes of one command to the other.
std::string_view other_command(Level level, std::string_view key) {
  const bool of_mixture = row_of(level).of_mixture;
  if (level != Level::kRecipe && level != Level::kMixture) return {};
  if (home_of(key, !of_mixture).empty()) return {};
  return of_mixture ? "a merge, which 'shardwright merge' makes"
                    : "a mixture of experts, which 'shardwright moe' makes";
}

}  // namespace

std::string found(const YamlNode& node) {
  const std::string text = printable(node.text, kShown);
  switch (node.kind) {
    case YamlNode::Kind::kNull:
      return "nothing";
    case YamlNode::Kind::kFlag:
      return fmt::format("the flag {}", text);
    case YamlNode::Kind::kWhole:
    case YamlNode::Kind::kNumber:
      return fmt::format("the number {}", text);
    case YamlNode::Kind::kText:
      return fmt::format("the text {}", quoted(node.text, kShown));
    case YamlNode::Kind::kOther:
      return fmt::format("{}, which YAML takes for a date or a mark of its own", text);
    case YamlNode::Kind::kList:
      return "a list";
    case YamlNode::Kind::kMap:
      return "a map";
  }
  return {};
}

std::string or_list(std::span<const std::string_view> words) {
  return joined(words, "'", " or ");
}

std::string and_list(std::span<const std::string_view> words) {
  return joined(words, "", " and ");
}

std::string did_you_mean(std::string_view word, std::span<const std::string_view> candidates) {
  const auto best = nearest(word, candidates);
  return best ? fmt::format("; did you mean '{}'?", *best) : std::string();
}

std::vector<std::string_view> methods_taking(const Reader& reader, std::string_view parameter) {
  std::vector<std::string_view> names;
  for (const Method* method : reader.methods) {
    if (std::ranges::find(method->parameters, parameter, &ParameterRow::name) !=
        method->parameters.end()) {
      names.push_back(method->name);
    }
  }
  return names;
}

std::string unknown_key(const Reader& reader, Level level, std::string_view key,
                        std::optional<std::string_view>& near) {
  const LevelRow& row = row_of(level);
  const std::string unknown = fmt::format("unknown key {} in {}", quoted(key, kShown), row.what);
  if (takes_parameters(level)) {
    const auto takers = methods_taking(reader, key);
    if (!takers.empty() || key == kInt8Mask) {
      if (reader.method != nullptr && key != kInt8Mask && !has(takers, reader.method->name)) {
        return fmt::format("{}: it is a parameter of {}, and method '{}' does not take it", unknown,
                           and_list(takers), reader.method->name);
      }
      return fmt::format("{}: it is a parameter, move it under 'parameters'", unknown);
    }
  }
  if (const std::string home = home_of(key, row.of_mixture); !home.empty()) {
    return fmt::format("{}: it belongs in {}", unknown, home);
  }
  if (const std::string_view other = other_command(level, key); !other.empty())
    return fmt::format("{}: it is one of {}", unknown, other);
  near = nearest(key, row.keys);
  if (near) return fmt::format("{}; did you mean '{}'?", unknown, *near);
  if (takes_parameters(level)) {
    if (const auto parameter = nearest(key, parameter_names(reader))) {
      return fmt::format("{}; did you mean the parameter '{}', under 'parameters'?", unknown,
                         *parameter);
    }
  }
  return fmt::format("{}; expected {}", unknown, or_list(row.keys));
}

std::string unknown_parameter(const Reader& reader, std::string_view name,
                              std::optional<std::string_view>& near) {
  const std::string unknown =
      fmt::format("method '{}' has no parameter {}", reader.method->name, quoted(name, kShown));
  const auto takers = methods_taking(reader, name);
  if (!takers.empty()) return fmt::format("{}; it is one of {}", unknown, and_list(takers));
  const auto names = parameter_names(reader);
  near = nearest(name, names);
  if (near) return fmt::format("{}; did you mean '{}'?", unknown, *near);
  if (names.empty()) return unknown + "; it takes none";
  return fmt::format("{}; it takes {}", unknown, and_list(names));
}

}  // namespace shardwright::recipe
