#include "moe/config.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <utility>

#include <fmt/format.h>

#include "arch/query.h"
#include "base/try.h"
#include "base/utf8.h"
#include "moe/config_draft.h"

namespace shardwright {
namespace {

class ConfigMaker {
 public:
  ConfigMaker(const MergeInput& base, const Schema& target, std::span<const QueryName> names)
      : base_(base),
        target_(target),
        own_(*base.expected->schema, *base.checkpoint->config_value(), base.expected->class_name,
             names),
        draft_(base.checkpoint->config->text) {}

  Result<MixtureConfig> run(std::span<const std::span<const MixtureSetting>> all,
                            std::span<const std::string> without) && {
    SW_TRY_OK(set("model_type", json::Value{target_.model_types.front()}));
    SW_TRY_OK(set("architectures",
                  json::Value{json::Value::Array{json::Value{target_.classes.front().name}}}));
    // Code of the base's, which makes no other architecture.
    SW_TRY_OK(remove("auto_map"));
    for (const std::string& key : without)
      SW_TRY_OK(remove(key));
    for (const std::span<const MixtureSetting> settings : all) {
      for (const MixtureSetting& setting : settings)
        SW_TRY_OK(apply(setting));
    }
    SW_TRY_OK(write_defaults());
    SW_TRY(json::Document document, draft_.parse_for(base_));
    return MixtureConfig{.values = draft_.take(), .document = std::move(document)};
  }

 private:
  Status set(const std::string& key, const json::Value& value) {
    written_.insert(key);
    return draft_.set(key, value);
  }

  // Where it is there.
  Status remove(const std::string& key) {
    written_.insert(key);
    const bool there = base_.checkpoint->config_value()->find(key) != nullptr;
    return there ? draft_.remove(key) : ok();
  }

  Status apply(const MixtureSetting& setting) {
    using Kind = MixtureSetting::Kind;
    if (setting.kind == Kind::kValue) return set(setting.key, setting.value);
    if (setting.kind == Kind::kRemoved) return remove(setting.key);
    if (setting.kind == Kind::kObject) return set_object(setting);
    SW_TRY(const json::Value value, own_.value(setting.expression));
    if (setting.kind == Kind::kExpression) return set(setting.key, value);
    if (setting.kind == Kind::kEachLayer) {
      const std::uint64_t layers = base_.expected->layers.value_or(0);
      return set(setting.key, json::Value{json::Value::Array(layers, value)});
    }
    const auto number = value.number();
    if (!number || !(*number > 0)) {
      return Error{ErrorCode::kInvalidArgument,
                   fmt::format("{} has no square root", quoted(setting.expression))};
    }
    const double root = std::sqrt(*number);
    return set(setting.key, json::Value{setting.kind == Kind::kRoot ? root : 1 / root});
  }

  Status set_object(const MixtureSetting& setting) {
    SW_TRY(const json::Value holds, own_.value(setting.condition));
    if (holds.boolean() == nullptr || !*holds.boolean()) return ok();
    json::Value::Object members;
    for (const auto& [key, expression] : setting.members) {
      SW_TRY(json::Value value, own_.value(expression));
      members.push_back({key, std::move(value)});
    }
    return set(setting.key, json::Value{std::move(members)});
  }

  // What a config leaves to its class, where the other class takes something else.
  Status write_defaults() {
    SW_TRY(const json::Document now, draft_.parse());
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
      if (key.find('.') != std::string::npos || is_settled(now.root, key)) continue;
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

  // Said already, by whatever name the other class has for it.
  [[nodiscard]] bool is_settled(const json::Value& config, const std::string& key) const {
    const std::vector<std::string> spellings = spellings_of(target_, key);
    return std::ranges::any_of(spellings, [&](const std::string& one) {
      return written_.contains(one) || stands(config, one);
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

  const MergeInput& base_;
  const Schema& target_;
  ConfigQuery own_;
  ConfigDraft draft_;
  std::set<std::string, std::less<>> written_;
};

}  // namespace

Result<MixtureConfig> mixture_config(const MixtureRule& rule, const MergeInput& base,
                                     const Schema& target, const MixtureCounts& counts) {
  const std::array<QueryName, 3> names = {
      {{"experts", static_cast<std::int64_t>(counts.experts)},
       {"shared", static_cast<std::int64_t>(counts.shared)},
       {"per_token", static_cast<std::int64_t>(counts.per_token)}}};
  const std::array<std::span<const MixtureSetting>, 2> settings = {
      rule.set, rule.source(base.expected->schema->name)->set};
  return ConfigMaker(base, target, names).run(settings, {});
}

Result<MixtureConfig> dense_config(const MixtureRule& rule, const MixtureSource& back,
                                   const MergeInput& mixture, const Schema& target) {
  const std::array<std::span<const MixtureSetting>, 1> settings = {back.set};
  return ConfigMaker(mixture, target, {}).run(settings, rule.without);
}

}  // namespace shardwright
