#include "moe/config.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <set>
#include <string>
#include <utility>

#include <fmt/format.h>

#include "arch/query.h"
#include "base/try.h"
#include "base/utf8.h"
#include "json/edit.h"

namespace shardwright {
namespace {

class MixtureConfigMaker {
 public:
  MixtureConfigMaker(const MixtureRule& rule, const MergeInput& base, const Schema& target,
                     const MixtureCounts& counts)
      : rule_(rule),
        source_(*rule.source(base.expected->schema->name)),
        base_(base),
        target_(target),
        own_(*base.expected->schema, *base.checkpoint->config_value(), base.expected->class_name,
             std::vector<QueryName>{{"experts", static_cast<std::int64_t>(counts.experts)},
                                    {"shared", static_cast<std::int64_t>(counts.shared)},
                                    {"per_token", static_cast<std::int64_t>(counts.per_token)}}),
        text_(base.checkpoint->config->text) {}

  Result<MixtureConfig> run() && {
    SW_TRY_OK(set("model_type", json::Value{target_.model_types.front()}));
    SW_TRY_OK(set("architectures",
                  json::Value{json::Value::Array{json::Value{target_.classes.front().name}}}));
    // Code of the base's, which makes no mixture.
    if (base_.checkpoint->config_value()->find("auto_map") != nullptr)
      SW_TRY_OK(remove("auto_map"));
    for (const auto* settings : {&rule_.set, &source_.set}) {
      for (const MixtureSetting& setting : *settings)
        SW_TRY_OK(apply(setting));
    }
    SW_TRY_OK(write_defaults());
    SW_TRY(json::Document document, json::parse(text_));
    return MixtureConfig{.values = std::move(values_), .document = std::move(document)};
  }

 private:
  Status set(const std::string& key, const json::Value& value) {
    const std::string pointer = "/" + json::pointer_step(key);
    const std::string text = json::dump(value);
    SW_TRY(text_, json::set_value(text_, pointer, text));
    values_.push_back({pointer, text});
    written_.insert(key);
    return ok();
  }

  Status remove(const std::string& key) {
    const std::string pointer = "/" + json::pointer_step(key);
    SW_TRY(text_, json::remove_value(text_, pointer));
    values_.push_back({pointer, {}});
    written_.insert(key);
    return ok();
  }

  Status apply(const MixtureSetting& setting) {
    using Kind = MixtureSetting::Kind;
    if (setting.kind == Kind::kValue) return set(setting.key, setting.value);
    if (setting.kind == Kind::kRemoved) {
      const bool there = base_.checkpoint->config_value()->find(setting.key) != nullptr;
      return there ? remove(setting.key) : ok();
    }
    SW_TRY(const json::Value value, own_.value(setting.expression));
    if (setting.kind == Kind::kExpression) return set(setting.key, value);
    if (setting.kind == Kind::kEachLayer) {
      const std::uint64_t layers = base_.expected->layers.value_or(0);
      return set(setting.key, json::Value{json::Value::Array(layers, value)});
    }
    const auto number = value.number();
    if (!number || *number <= 0) {
      return Error{ErrorCode::kInvalidArgument,
                   fmt::format("{} has no square root", quoted(setting.expression))};
    }
    const double root = std::sqrt(*number);
    return set(setting.key, json::Value{setting.kind == Kind::kRoot ? root : 1 / root});
  }

  // What a config leaves to its class, where the mixture's class takes something else.
  Status write_defaults() {
    SW_TRY(const json::Document now, json::parse(text_));
    const ConfigQuery theirs(target_, now.root, target_.classes.front().name);
    std::set<std::string, std::less<>> keys;
    for (const std::string_view key : keys_read(target_))
      keys.emplace(key);
    for (const Schema* schema : {base_.expected->schema, &target_}) {
      const auto* members = schema->defaults.object();
      if (members == nullptr) continue;
      for (const json::Member& member : *members)
        keys.insert(member.key);
    }
    for (const std::string& key : keys) {
      if (key.find('.') != std::string::npos || is_written(key) || stands(now.root, key)) continue;
      const auto own = value_of(own_, base_.expected->schema->defaults, key);
      if (!own) continue;
      const auto other = value_of(theirs, target_.defaults, key);
      const bool differs = other ? !json::says_the_same(*own, *other) : !own->is_null();
      if (differs) SW_TRY_OK(set(key, *own));
    }
    if (base_.expected->tie.tied != tied(now.root))
      SW_TRY_OK(set("tie_word_embeddings", json::Value{base_.expected->tie.tied}));
    return ok();
  }

  // Under any of its names.
  [[nodiscard]] bool is_written(const std::string& key) const {
    const auto names = alternatives_of(target_, key);
    return written_.contains(key) || std::ranges::any_of(names, [this](std::string_view name) {
             return written_.contains(name);
           });
  }

  static std::optional<json::Value> value_of(const ConfigQuery& query, const json::Value& defaults,
                                             const std::string& key) {
    if (auto value = query.of_key(key)) return value;
    const json::Value* value = defaults.find(key);
    return value == nullptr ? std::nullopt : std::optional(*value);
  }

  // transformers 5 gathers the settings of rotary positions.
  static bool stands(const json::Value& config, const std::string& key) {
    if (config.find(key) != nullptr) return true;
    const json::Value* gathered = config.find("rope_parameters");
    return gathered != nullptr && gathered->find(key) != nullptr;
  }

  [[nodiscard]] bool tied(const json::Value& config) const {
    const auto expected = expand(target_, config, {.class_name = target_.classes.front().name});
    return expected && expected->tie.tied;
  }

  const MixtureRule& rule_;
  const MixtureSource& source_;
  const MergeInput& base_;
  const Schema& target_;
  ConfigQuery own_;
  std::string text_;
  std::vector<ConfigValue> values_;
  std::set<std::string, std::less<>> written_;
};

}  // namespace

Result<MixtureConfig> mixture_config(const MixtureRule& rule, const MergeInput& base,
                                     const Schema& target, const MixtureCounts& counts) {
  return MixtureConfigMaker(rule, base, target, counts).run();
}

}  // namespace shardwright
