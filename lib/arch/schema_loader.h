// The parts of load_schema(): they fill one Loading in turn.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "arch/rule_reader.h"
#include "arch/schema.h"
#include "arch/schema_body.h"

namespace shardwright {

struct Loading {
  RuleReader reader;
  Schema schema{};
  SchemaBody body{};
  std::vector<std::string> visible{};  // body.names, but empty where a letter is out of scope
  std::vector<bool> used{};            // by slot
};

// Expressions of the rule; the names they use are marked as used.
Result<Expr> load_expr(Loading& loading, std::string_view source, const std::string& pointer);

// "layer < layers"
struct EachPart {
  Slot letter{};
  Expr count{};
};
Result<EachPart> load_each(Loading& loading, const json::Value& value, const std::string& pointer);
void show_letter(Loading& loading, Slot letter, bool visible);

// Names with holes and stars, at `pointer`.
Result<std::vector<NameTemplate>> load_ignored(Loading& loading, const json::Value& names,
                                               const std::string& pointer);
Result<NameTemplate> load_template(Loading& loading, const std::string& source,
                                   const std::string& pointer);

// `sizes`, `flags` and `lists`, in an order in which each is after what it uses.
Status load_definitions(Loading& loading, const json::Value& rule);
// Fails where a definition is used by nothing.
Status check_all_used(const Loading& loading);

// `tensors` of the rule, a class or a layout.
Result<std::vector<TensorItem>> load_tensors(Loading& loading, const json::Value& value,
                                             const std::string& pointer);

Status load_classes(Loading& loading, const json::Value& classes);
Status load_layouts(Loading& loading, const json::Value& layouts);

// `roles`, `dtypes`, `tied` and `quantized`: what they say of tensors by name.
Status load_marks(Loading& loading, const json::Value& rule);

// "model.layers.{layer + 1}.x" and "model.layers.{l}.x" give "model.layers.{}.x".
std::string unlettered(std::string_view name);

}  // namespace shardwright
