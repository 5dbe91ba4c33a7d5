// `sizes`, `flags` and `lists` of a rule.
#include <algorithm>
#include <array>
#include <cstddef>
#include <utility>

#include <fmt/format.h>

#include "arch/schema_loader.h"
#include "base/text.h"
#include "base/try.h"
#include "base/utf8.h"

namespace shardwright {
namespace {

constexpr std::size_t kMaxDefinitions = 1000;
constexpr std::size_t kMaxSlots = 2 * kMaxDefinitions;  // letters too

bool is_name(std::string_view text) {
  if (text.empty() || text.size() > 40 || (text[0] >= '0' && text[0] <= '9')) return false;
  return std::ranges::all_of(text, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
  });
}

// Position of `sign` outside of quotes, or npos.
std::size_t find_sign(std::string_view text, std::string_view sign) {
  bool quote = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\'') quote = !quote;
    if (!quote && text.substr(i).starts_with(sign)) return i;
  }
  return std::string_view::npos;
}

Result<ConfigKey> load_key(Loading& loading, std::string_view source, const std::string& pointer) {
  ConfigKey key{.source = std::string(source)};
  for (const std::string_view step : split(source, '.')) {
    ConfigKey::Step part{.text = std::string(step)};
    if (step.starts_with('{') && step.ends_with('}')) {
      const std::string_view letter = step.substr(1, step.size() - 2);
      const auto slot = loading.body.slot(letter);
      if (!slot || loading.visible[*slot].empty() || !loading.body.is_letter(*slot)) {
        return loading.reader.error(pointer,
                                    fmt::format("{} is no letter of an 'each'", quoted(letter)));
      }
      part.letter = slot;
    } else if (step.empty() || step.find_first_of(" {}'?|=") != std::string_view::npos) {
      return loading.reader.error(pointer, fmt::format("{} is no config key", quoted(source)));
    }
    key.steps.push_back(std::move(part));
  }
  return key;
}

// "num_experts | num_local_experts = 60 ?? heads", "= heads * head"
Status load_definition(Loading& loading, std::string_view source, Definition& into) {
  source = trim(source);
  const std::size_t equals = find_sign(source, "=");
  const std::size_t question = find_sign(source, "??");
  if (equals == 0) {
    into.computed = true;
    SW_TRY(into.absent, load_expr(loading, trim(source.substr(1)), into.pointer));
    return ok();
  }
  std::string_view keys = source;
  if (question != std::string_view::npos) {
    SW_TRY(into.null_value, load_expr(loading, trim(source.substr(question + 2)), into.pointer));
    keys = source.substr(0, question);
  }
  if (equals != std::string_view::npos && equals < question) {
    SW_TRY(into.absent, load_expr(loading, trim(keys.substr(equals + 1)), into.pointer));
    keys = keys.substr(0, equals);
  }
  for (const std::string_view key : split(keys, '|')) {
    SW_TRY(ConfigKey parsed, load_key(loading, trim(key), into.pointer));
    into.keys.push_back(std::move(parsed));
  }
  return ok();
}

Status load_each_list(Loading& loading, const json::Value& value, Definition& into) {
  const RuleReader& reader = loading.reader;
  const std::string pointer = into.pointer;
  SW_TRY_OK(reader.object(value, pointer, "list"));
  SW_TRY(const auto* each, reader.member(value, pointer, "each"));
  SW_TRY(const auto* is, reader.member(value, pointer, "is"));
  SW_TRY(EachPart part, load_each(loading, *each, below(pointer, "each")));
  into.letter = part.letter;
  into.count = std::move(part.count);
  into.pointer = below(pointer, "is");
  SW_TRY(const std::string source, reader.text(*is, into.pointer));
  show_letter(loading, part.letter, true);
  SW_TRY_OK(load_definition(loading, source, into));
  show_letter(loading, part.letter, false);
  into.pointer = pointer;
  return ok();
}

struct Found {
  Section section{};
  const json::Member* member{};
};

constexpr std::array<std::pair<std::string_view, Section>, 3> kSections = {
    {{"sizes", Section::kSize}, {"flags", Section::kFlag}, {"lists", Section::kList}}};

// Names first: a definition may use any other.
Result<std::vector<Found>> gather(Loading& loading, const json::Value& rule) {
  const RuleReader& reader = loading.reader;
  SchemaBody& body = loading.body;
  std::vector<Found> all;
  for (const auto& [key, section] : kSections) {
    const json::Value* value = rule.find(key);
    if (value == nullptr) continue;
    const std::string pointer = fmt::format("/{}", key);
    SW_TRY(const auto* members, reader.any_object(*value, pointer));
    for (const json::Member& member : *members) {
      const std::string place = below(pointer, member.key);
      if (!is_name(member.key) || is_reserved_word(member.key) || member.key == "class" ||
          member.key == "labels") {
        return reader.error(place, fmt::format("{} cannot be a name", quoted(member.key)));
      }
      if (std::ranges::find(body.names, member.key) != body.names.end()) {
        return reader.error(place, fmt::format("{} is defined twice", quoted(member.key)));
      }
      if (all.size() == kMaxDefinitions) return reader.error(place, "more than 1000 definitions");
      body.names.push_back(member.key);
      body.definitions.push_back({.name = member.key, .pointer = place, .section = section});
      all.push_back({section, &member});
    }
  }
  body.class_slot = static_cast<Slot>(body.names.size());
  body.names.emplace_back("class");
  body.labels_slot = static_cast<Slot>(body.names.size());
  body.names.emplace_back("labels");
  loading.visible = body.names;
  loading.used.assign(body.names.size(), false);
  return all;
}

std::vector<Slot> uses(const Definition& definition) {
  std::vector<Slot> slots;
  for (const auto* expr : {&definition.absent, &definition.null_value, &definition.count}) {
    if (*expr) slots.insert(slots.end(), (*expr)->slots.begin(), (*expr)->slots.end());
  }
  return slots;
}

enum class Mark : std::uint8_t { kNew, kOpen, kDone };

Status visit(Loading& loading, Slot slot, std::vector<Mark>& marks) {
  SchemaBody& body = loading.body;
  if (slot >= body.definitions.size() || marks[slot] == Mark::kDone) return ok();
  const Definition& definition = body.definitions[slot];
  if (marks[slot] == Mark::kOpen) {
    return loading.reader.error(definition.pointer,
                                fmt::format("'{}' is defined by itself", definition.name));
  }
  marks[slot] = Mark::kOpen;
  for (const Slot used : uses(definition))
    SW_TRY_OK(visit(loading, used, marks));
  marks[slot] = Mark::kDone;
  body.order.push_back(slot);
  return ok();
}

}  // namespace

std::optional<Slot> SchemaBody::slot(std::string_view name) const {
  const auto found = std::ranges::find(names, name);
  if (found == names.end()) return std::nullopt;
  return static_cast<Slot>(found - names.begin());
}

Result<Expr> load_expr(Loading& loading, std::string_view source, const std::string& pointer) {
  auto expr = compile_expr(source, loading.visible);
  if (!expr) return loading.reader.error(pointer, expr.error().message);
  for (const Slot slot : expr->slots)
    loading.used[slot] = true;
  return expr;
}

Result<EachPart> load_each(Loading& loading, const json::Value& value, const std::string& pointer) {
  SW_TRY(const std::string source, loading.reader.text(value, pointer));
  const std::size_t sign = source.find('<');
  const std::string letter(trim(std::string_view(source).substr(0, sign)));
  if (sign == std::string::npos || !is_name(letter) || is_reserved_word(letter)) {
    return loading.reader.error(pointer,
                                fmt::format("expected 'letter < count', not {}", quoted(source)));
  }
  SchemaBody& body = loading.body;
  auto slot = body.slot(letter);
  if (slot && (!body.is_letter(*slot) || !loading.visible[*slot].empty())) {
    return loading.reader.error(pointer, fmt::format("'{}' has a meaning already", letter));
  }
  if (!slot) {
    if (body.names.size() == kMaxSlots) return loading.reader.error(pointer, "too many letters");
    slot = static_cast<Slot>(body.names.size());
    body.names.push_back(letter);
    loading.visible.emplace_back();
    loading.used.push_back(true);
  }
  EachPart part{.letter = *slot};
  SW_TRY(part.count, load_expr(loading, trim(std::string_view(source).substr(sign + 1)), pointer));
  return part;
}

void show_letter(Loading& loading, Slot letter, bool visible) {
  loading.visible[letter] = visible ? loading.body.names[letter] : std::string();
}

Status load_definitions(Loading& loading, const json::Value& rule) {
  SW_TRY(const std::vector<Found> all, gather(loading, rule));
  SchemaBody& body = loading.body;
  for (std::size_t i = 0; i < all.size(); ++i) {
    const json::Value& value = all[i].member->value;
    Definition& definition = body.definitions[i];
    if (all[i].section == Section::kList && value.object() != nullptr) {
      SW_TRY_OK(load_each_list(loading, value, definition));
      continue;
    }
    SW_TRY(const std::string source, loading.reader.text(value, definition.pointer));
    SW_TRY_OK(load_definition(loading, source, definition));
  }
  std::vector<Mark> marks(all.size());
  for (std::size_t i = 0; i < all.size(); ++i)
    SW_TRY_OK(visit(loading, static_cast<Slot>(i), marks));
  return ok();
}

Status check_all_used(const Loading& loading) {
  for (std::size_t i = 0; i < loading.body.definitions.size(); ++i) {
    if (loading.used[i] || loading.body.definitions[i].name == kSoftmaxOverAll) continue;
    const Definition& definition = loading.body.definitions[i];
    return loading.reader.error(definition.pointer,
                                fmt::format("nothing uses '{}'", definition.name));
  }
  return ok();
}

}  // namespace shardwright
