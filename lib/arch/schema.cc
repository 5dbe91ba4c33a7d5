#include "arch/schema.h"

#include <cstddef>
#include <utility>

#include <fmt/format.h>

#include "arch/schema_loader.h"
#include "base/text.h"
#include "base/try.h"
#include "base/utf8.h"

namespace shardwright {
namespace {

constexpr std::size_t kMaxRule = std::size_t{4} << 20U;

std::string_view stem(std::string_view file) {
  file.remove_prefix(file.rfind('/') + 1);
  return file.substr(0, file.rfind('.'));
}

Status load_head(Loading& loading, const json::Value& rule, std::string_view file) {
  const RuleReader& reader = loading.reader;
  Schema& schema = loading.schema;
  if (const auto* editors = rule.find("$schema")) SW_TRY_OK(reader.text(*editors, "/$schema"));
  SW_TRY(const auto* name, reader.member(rule, "", "name"));
  SW_TRY(schema.name, reader.text(*name, "/name"));
  if (schema.name != stem(file)) {
    return reader.error("/name", fmt::format("{} is not the file's name", quoted(schema.name)));
  }
  SW_TRY(const auto* types, reader.member(rule, "", "model_types"));
  SW_TRY(schema.model_types, reader.texts(*types, "/model_types"));
  SW_TRY(const auto* source, reader.member(rule, "", "source"));
  SW_TRY(schema.source, reader.text(*source, "/source"));
  if (const auto* aliases = rule.find("aliases")) {
    SW_TRY(const auto* members, reader.any_object(*aliases, "/aliases"));
    for (const json::Member& member : *members) {
      SW_TRY(std::string why, reader.text(member.value, below("/aliases", member.key)));
      schema.aliases.push_back({.name = member.key, .why = std::move(why)});
    }
  }
  if (const auto* example = rule.find("example")) {
    SW_TRY_OK(reader.any_object(*example, "/example"));
    schema.example = *example;
  }
  if (const auto* defaults = rule.find("defaults")) {
    SW_TRY_OK(reader.any_object(*defaults, "/defaults"));
    schema.defaults = *defaults;
  }
  if (const auto* keys = rule.find("keys")) {
    SW_TRY_OK(reader.object(*keys, "/keys", "keys"));
    if (const auto* key = keys->find("vocabulary")) {
      SW_TRY(schema.vocabulary_key, reader.text(*key, "/keys/vocabulary"));
    }
    if (const auto* key = keys->find("layers")) {
      SW_TRY(schema.layers_key, reader.text(*key, "/keys/layers"));
    }
    if (const auto* list = keys->find("per_layer")) {
      SW_TRY(schema.per_layer_keys, reader.texts(*list, "/keys/per_layer"));
    }
  }
  return ok();
}

Status load_requirements(Loading& loading, const json::Value& require) {
  SW_TRY(const auto* members, loading.reader.any_object(require, "/require"));
  for (const json::Member& member : *members) {
    const std::string pointer = below("/require", member.key);
    Requirement requirement;
    SW_TRY(requirement.condition, load_expr(loading, member.key, pointer));
    SW_TRY(requirement.message, loading.reader.text(member.value, pointer));
    const Expr& condition = requirement.condition;
    const ExprNode& root = condition.root();
    for (std::uint32_t i = 0; root.op == ExprOp::kEqual && i < root.operand_count; ++i) {
      const ExprNode& side = condition.nodes[condition.operands[root.operands + i]];
      requirement.list_length = requirement.list_length || side.op == ExprOp::kLen;
    }
    loading.body.requirements.push_back(std::move(requirement));
  }
  return ok();
}

}  // namespace

Result<Schema> load_schema(std::string_view file_name, std::string_view text) {
  Loading loading{.reader = RuleReader(file_name)};
  const RuleReader& reader = loading.reader;
  if (text.size() > kMaxRule) return reader.error("", "larger than 4 MiB");
  auto parsed = json::parse(text);
  if (!parsed) return reader.error("", parsed.error().message);
  const json::Document& document = parsed.value();
  if (!document.duplicate_keys.empty()) {
    return reader.error(document.duplicate_keys.front(), "this key stands twice");
  }
  const json::Value& rule = document.root;
  SW_TRY_OK(reader.object(rule, "", "rule"));
  SW_TRY_OK(load_head(loading, rule, file_name));
  SW_TRY_OK(load_definitions(loading, rule));
  if (const auto* require = rule.find("require")) SW_TRY_OK(load_requirements(loading, *require));
  SW_TRY(const auto* tensors, reader.member(rule, "", "tensors"));
  SW_TRY(loading.body.tensors, load_tensors(loading, *tensors, "/tensors"));
  SW_TRY(const auto* classes, reader.member(rule, "", "classes"));
  SW_TRY_OK(load_classes(loading, *classes));
  if (const auto* layouts = rule.find("layouts")) SW_TRY_OK(load_layouts(loading, *layouts));
  if (const auto* ignored = rule.find("ignored")) {
    SW_TRY(loading.body.ignored, load_ignored(loading, *ignored, "/ignored"));
  }
  SW_TRY_OK(load_marks(loading, rule));
  SW_TRY_OK(check_all_used(loading));
  loading.schema.text = text;
  loading.schema.body = std::make_shared<const SchemaBody>(std::move(loading.body));
  return std::move(loading.schema);
}

}  // namespace shardwright
