#include "arch/config_values.h"

#include <algorithm>
#include <cstddef>
#include <utility>

#include <fmt/format.h>

#include "base/text.h"
#include "base/utf8.h"

namespace shardwright {
namespace {

using Kind = ConfigProblem::Kind;

Kind problem_kind(ExprError::Kind kind) {
  switch (kind) {
    case ExprError::Kind::kNotExact:
      return Kind::kNotExact;
    case ExprError::Kind::kRange:
      return Kind::kOutOfRange;
    case ExprError::Kind::kTooMuch:
      return Kind::kTooMany;
    default:
      return Kind::kWrongType;
  }
}

std::string_view expected(Section section) {
  switch (section) {
    case Section::kSize:
      return "a whole number";
    case Section::kFlag:
      return "true or false";
    case Section::kList:
      return "a list";
  }
  return {};
}

std::int64_t count_labels(const json::Value& config) {
  if (const auto* labels = config.find("num_labels")) {
    if (const auto number = labels->whole_number()) return *number;
  }
  if (const auto* names = config.find("id2label"); names != nullptr && names->object() != nullptr) {
    return static_cast<std::int64_t>(names->object()->size());
  }
  return 2;
}

}  // namespace

ConfigValues::ConfigValues(const SchemaBody& body, const json::Value& config,
                           std::string_view class_name)
    : body_(body),
      config_(config),
      slots_(body.names.size()),
      labels_(body.names),
      pointers_(body.names.size()),
      evaluator_(slots_, labels_) {
  slots_[body.class_slot] = ExprValue::of(class_name);
  labels_[body.class_slot] = "architectures";
  pointers_[body.class_slot] = "/architectures";
  slots_[body.labels_slot] = ExprValue::of(count_labels(config));
  labels_[body.labels_slot] = "num_labels";
  pointers_[body.labels_slot] = config.find("num_labels") != nullptr ? "/num_labels" : "/id2label";
  for (const Slot slot : body.order) {
    const Definition& definition = body.definitions[slot];
    if (!definition.keys.empty() && !definition.letter) {
      labels_[slot] = definition.keys.front().source;
      pointers_[slot] = key_pointer(definition.keys.front());
    }
    if (definition.letter) {
      define_list(definition, slot);
    } else {
      define(definition, slot);
    }
  }
}

std::string ConfigValues::key_text(const ConfigKey& key) const {
  std::string text;
  for (const ConfigKey::Step& step : key.steps) {
    if (!text.empty()) text += '.';
    text += step.letter ? fmt::format("{}", slots_[*step.letter].integer) : step.text;
  }
  return text;
}

std::string ConfigValues::key_pointer(const ConfigKey& key) const {
  const std::string text = key_text(key);
  std::string pointer;
  for (const std::string_view step : split(text, '.')) {
    pointer += '/';
    pointer += json::pointer_step(step);
  }
  return pointer;
}

std::string ConfigValues::pointer_of(const std::vector<Slot>& slots) const {
  for (const Slot slot : slots) {
    if (!pointers_[slot].empty()) return pointers_[slot];
  }
  return {};
}

std::vector<Slot> ConfigValues::keyed(std::span<const Slot> slots) const {
  std::vector<Slot> found;
  const auto visit = [&](const auto& self, std::span<const Slot> some) -> void {
    for (const Slot slot : some) {
      if (body_.is_letter(slot) || std::ranges::find(found, slot) != found.end()) continue;
      const Definition* definition =
          slot < body_.definitions.size() ? &body_.definitions[slot] : nullptr;
      if (definition != nullptr && definition->computed) {
        self(self, definition->absent->slots);
      } else if (definition == nullptr || !definition->letter) {
        found.push_back(slot);
      }
    }
  };
  visit(visit, slots);
  return found;
}

void ConfigValues::add_problem(Kind kind, std::string pointer, std::string message) {
  const bool known = std::ranges::any_of(
      problems_, [&](const ConfigProblem& problem) { return problem.message == message; });
  // A list that is too short is told once, as a list of the wrong length.
  const bool told = kind == Kind::kOutOfRange &&
                    std::ranges::any_of(problems_, [&](const ConfigProblem& problem) {
                      return problem.kind == Kind::kListLength && problem.pointer == pointer;
                    });
  if (known || told) return;
  problems_.push_back({.kind = kind, .pointer = std::move(pointer), .message = std::move(message)});
}

void ConfigValues::add_too_many(const Expr* count, std::uint64_t value) {
  std::string pointer;
  std::string cause;
  if (count != nullptr) {
    pointer = pointer_of(count->slots);
    cause = fmt::format(": {} is {}", described(*count, count->root(), labels_), value);
  }
  add_problem(Kind::kTooMany, std::move(pointer),
              fmt::format("the config asks for more than {} tensors{}", kMaxExpected, cause));
}

void ConfigValues::report_error() {
  const ExprError& error = evaluator_.error();
  if (error.kind == ExprError::Kind::kUnknown) return;
  add_problem(problem_kind(error.kind), pointer_of(error.slots), error.message);
}

bool ConfigValues::evaluate(const Expr& expr, ExprValue& out) {
  if (evaluator_.evaluate(expr, out)) return true;
  report_error();
  return false;
}

bool ConfigValues::extent(const Expr& expr, std::uint64_t& out) {
  ExprValue value;
  if (!evaluate(expr, value)) return false;
  if (value.kind == ExprKind::kInt && value.integer >= 0) {
    out = static_cast<std::uint64_t>(value.integer);
    return true;
  }
  const std::string text = described(expr, expr.root(), labels_);
  if (value.kind == ExprKind::kInt) {
    add_problem(
        Kind::kOutOfRange, pointer_of(expr.slots),
        fmt::format("{} is {}, expected a number that is not negative", text, value.integer));
  } else {
    add_problem(Kind::kWrongType, pointer_of(expr.slots),
                fmt::format("{} is {}, expected a whole number", text, kind_name(value.kind)));
  }
  return false;
}

bool ConfigValues::condition(const Expr& expr, bool& out) {
  ExprValue value;
  if (!evaluate(expr, value)) return false;
  if (value.kind == ExprKind::kBool || value.kind == ExprKind::kNull) {
    out = value.kind == ExprKind::kBool && value.boolean;
    return true;
  }
  add_problem(Kind::kWrongType, pointer_of(expr.slots),
              fmt::format("{} is {}, expected true or false", described(expr, expr.root(), labels_),
                          kind_name(value.kind)));
  return false;
}

void ConfigValues::set_letter(Slot slot, std::uint64_t value) {
  slots_[slot] = ExprValue::of(static_cast<std::int64_t>(value));
}

std::uint64_t ConfigValues::letter(Slot slot) const {
  return static_cast<std::uint64_t>(slots_[slot].integer);
}

std::optional<std::uint64_t> ConfigValues::number(std::string_view name) const {
  const auto slot = body_.slot(name);
  if (!slot || *slot >= body_.definitions.size()) return std::nullopt;
  const ExprValue& value = slots_[*slot];
  if (value.kind != ExprKind::kInt || value.integer < 0) return std::nullopt;
  return static_cast<std::uint64_t>(value.integer);
}

std::optional<std::uint64_t> ConfigValues::least(std::string_view name) const {
  const auto slot = body_.slot(name);
  if (!slot || *slot >= body_.definitions.size()) return std::nullopt;
  const ExprValue& value = slots_[*slot];
  if (value.kind != ExprKind::kList) return number(name);
  std::optional<std::uint64_t> least;
  for (const ExprValue& element : value.list) {
    if (element.kind != ExprKind::kInt || element.integer < 0) return std::nullopt;
    least =
        std::min(least.value_or(~std::uint64_t{0}), static_cast<std::uint64_t>(element.integer));
  }
  return least;
}

ExprValue ConfigValues::from_json(const json::Value& value) {
  if (value.is_null()) return ExprValue::null();
  if (const bool* boolean = value.boolean()) return ExprValue::of(*boolean);
  if (const auto number = value.whole_number()) return ExprValue::of(*number);
  if (const auto* text = value.string()) return ExprValue::of(std::string_view(*text));
  if (const auto* array = value.array()) {
    const std::span<ExprValue> elements = evaluator_.values().take(array->size());
    for (std::size_t i = 0; i < array->size(); ++i)
      elements[i] = from_json((*array)[i]);
    return ExprValue::of(std::span<const ExprValue>(elements));
  }
  return {.kind = ExprKind::kOther};
}

// Whether the value is of the section's kind; a null is in a list, and in a size where the rule
// takes it, used or not: classes look at a size's type before they need it.
bool ConfigValues::accept(const Definition& definition, Slot slot, ExprValue& value,
                          std::string_view found) {
  const ExprKind kind = value.kind;
  bool good = kind == ExprKind::kNull;
  switch (definition.section) {
    case Section::kSize:
      good = kind == ExprKind::kInt || (good && (definition.computed || definition.null_value));
      break;
    case Section::kFlag:
      good = kind == ExprKind::kBool;
      break;
    case Section::kList:  // an element of a list may be anything
      good = good || definition.letter || kind == ExprKind::kList || kind == ExprKind::kText;
      break;
  }
  if (good) return true;
  add_problem(Kind::kWrongType, pointers_[slot],
              fmt::format("{} is {}, expected {}", quoted(labels_[slot]), found,
                          expected(definition.section)));
  if (definition.section != Section::kFlag || kind != ExprKind::kNull) return false;
  value = ExprValue::of(false);  // transformers refuses it; the rest can still be judged
  return true;
}

bool ConfigValues::look_up(const Definition& definition, Slot slot, ExprValue& out) {
  const json::Value* found = nullptr;
  for (const ConfigKey& key : definition.keys) {
    const json::Value* value = &config_;
    for (const ConfigKey::Step& step : key.steps) {
      std::string number;
      std::string_view name = step.text;
      if (step.letter) name = number = fmt::format("{}", slots_[*step.letter].integer);
      const json::Value* whole = value;
      value = whole->find(name);
      if (const auto* array = whole->array()) {
        const auto position = parse_u64(name);
        value = position && *position < array->size() ? &(*array)[*position] : nullptr;
      }
      if (value == nullptr) break;
    }
    if (value == nullptr || (found != nullptr && value->is_null())) continue;
    found = value;
    labels_[slot] = key_text(key);
    pointers_[slot] = key_pointer(key);
    if (!value->is_null()) break;
  }
  std::string_view kind = "missing";
  if (found != nullptr) {
    out = from_json(*found);
    kind = found->kind_name();
  }
  const bool absent = found == nullptr;
  if (absent && definition.absent) {
    if (!evaluate(*definition.absent, out)) return false;
    kind = kind_name(out.kind);
  }
  const bool unresolved = absent && !definition.absent;
  if (definition.null_value && (unresolved || out.kind == ExprKind::kNull)) {
    if (!evaluate(*definition.null_value, out)) return false;
    kind = kind_name(out.kind);
  } else if (unresolved) {
    std::string others;
    for (std::size_t i = 1; i < definition.keys.size(); ++i)
      others += fmt::format(" or {}", quoted(key_text(definition.keys[i])));
    add_problem(Kind::kMissingKey, key_pointer(definition.keys.front()),
                fmt::format("{}{} is missing, and has no default",
                            quoted(key_text(definition.keys.front())), others));
    return false;
  }
  return accept(definition, slot, out, kind);
}

void ConfigValues::define(const Definition& definition, Slot slot) {
  ExprValue value;
  if (definition.computed) {
    pointers_[slot] = pointer_of(definition.absent->slots);
    if (!evaluate(*definition.absent, value)) return;
    if (!accept(definition, slot, value, kind_name(value.kind))) return;
  } else if (!look_up(definition, slot, value)) {
    return;
  }
  slots_[slot] = value;
}

void ConfigValues::define_list(const Definition& definition, Slot slot) {
  std::uint64_t count = 0;
  pointers_[slot] = pointer_of(definition.count->slots);
  if (!extent(*definition.count, count)) return;
  if (count > kMaxExpected || !evaluator_.spend(16 * count)) {
    add_too_many(&*definition.count, count);
    return;
  }
  const std::string label = labels_[slot];
  const std::string pointer = pointers_[slot];
  const std::span<ExprValue> elements = evaluator_.values().take(count);
  bool whole = true;
  for (std::uint64_t i = 0; whole && i < count; ++i) {
    set_letter(*definition.letter, i);
    elements[i] = {};
    whole = definition.computed ? evaluate(*definition.absent, elements[i])
                                : look_up(definition, slot, elements[i]);
  }
  labels_[slot] = label;
  pointers_[slot] = pointer;
  if (whole) slots_[slot] = ExprValue::of(std::span<const ExprValue>(elements));
}

void ConfigValues::check_requirements() {
  for (const Requirement& requirement : body_.requirements) {
    const Expr& condition = requirement.condition;
    ExprValue value;
    if (!evaluator_.evaluate(condition, value)) {
      // Without a value there is nothing to hold.
      if (evaluator_.error().kind != ExprError::Kind::kNull) report_error();
      continue;
    }
    if (value.kind == ExprKind::kBool && value.boolean) continue;
    std::string values;
    for (const Slot slot : keyed(condition.slots)) {
      const ExprValue& used = slots_[slot];
      if (used.kind == ExprKind::kNull) continue;
      std::string text(kind_name(used.kind));
      if (used.kind == ExprKind::kInt) text = fmt::format("{}", used.integer);
      if (used.kind == ExprKind::kBool) text = used.boolean ? "true" : "false";
      if (used.kind == ExprKind::kText) text = quoted(used.text, 60);
      if (used.kind == ExprKind::kList) text = fmt::format("a list of {}", used.list.size());
      values +=
          fmt::format("{}{} is {}", values.empty() ? ": " : ", ", quoted(labels_[slot]), text);
    }
    add_problem(requirement.list_length ? Kind::kListLength : Kind::kContradiction,
                pointer_of(condition.slots), requirement.message + values);
  }
}

// SmolLM3 asks for a layer's entry alone: more of them, which pruned models have, do no harm.
constexpr std::string_view kReadByNumber = "no_rope_layers";

void ConfigValues::check_lengths(std::span<const std::string> keys) {
  const auto layers = number("layers");
  if (!layers) return;
  for (const std::string& key : keys) {
    // A config with parts may hold the list in the part of the text model.
    for (const std::string& path : {key, "text_config." + key}) {
      const json::Value* value = config_.find_path(path);
      if (value == nullptr || value->array() == nullptr || value->array()->size() == *layers)
        continue;
      if (key == kReadByNumber && value->array()->size() > *layers) continue;
      std::string pointer = "/" + path;
      std::ranges::replace(pointer, '.', '/');
      add_problem(
          Kind::kListLength, std::move(pointer),
          fmt::format(
              "{} is a list of {}, and there are {} layers: transformers refuses the config",
              quoted(path), value->array()->size(), *layers));
    }
  }
}

std::string ConfigValues::pointer(std::string_view name) const {
  const auto slot = body_.slot(name);
  return slot ? pointers_[*slot] : std::string();
}

}  // namespace shardwright
