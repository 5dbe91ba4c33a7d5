#include "moe/rule.h"

#include <algorithm>
#include <array>
#include <limits>
#include <utility>

#include <fmt/format.h>

#include "arch/rule_reader.h"
#include "base/embedded.h"
#include "base/try.h"
#include "base/utf8.h"

namespace shardwright {

// Made by tools/embed.cmake: the files of rules/moe.
std::span<const EmbeddedFile> builtin_mixtures();

namespace {

class MixtureReader {
 public:
  explicit MixtureReader(std::string_view file) : reader_(file) {}

  Result<MixtureRule> read(const json::Value& root) {
    constexpr std::array<std::string_view, 15> kKeys = {
        "name", "source", "calls", "order", "shared",  "under",  "tensors", "zeros",
        "down", "set",    "from",  "back",  "without", "factor", "unlike"};
    SW_TRY(const auto* members, known(root, "", kKeys));
    SW_TRY(const json::Value* name, reader_.member(root, "", "name"));
    SW_TRY(rule_.name, reader_.text(*name, "/name"));
    SW_TRY(const json::Value* under, reader_.member(root, "", "under"));
    SW_TRY(under_, reader_.text(*under, "/under"));
    for (const std::string_view key : {"down", "tensors", "from"})
      SW_TRY_OK(there(root, key));
    for (const json::Member& member : *members)
      SW_TRY_OK(read_member(member.key, member.value));
    return std::move(rule_);
  }

 private:
  Status there(const json::Value& root, std::string_view key) {
    SW_TRY([[maybe_unused]] const json::Value* member, reader_.member(root, "", key));
    return ok();
  }

  Result<const json::Value::Object*> known(const json::Value& value, const std::string& pointer,
                                           std::span<const std::string_view> keys) {
    SW_TRY(const auto* members, reader_.any_object(value, pointer));
    for (const json::Member& member : *members) {
      if (std::ranges::find(keys, std::string_view(member.key)) == keys.end())
        return reader_.error(below(pointer, member.key), "unknown key");
    }
    return members;
  }

  Status read_member(const std::string& key, const json::Value& value) {
    const std::string pointer = "/" + key;
    if (key == "calls") {
      SW_TRY(rule_.calls, reader_.texts(value, pointer));
    } else if (key == "order") {
      rule_.order = value.whole_number();
      if (!rule_.order) return reader_.error(pointer, "expected a number");
    } else if (key == "shared") {
      return read_shared(value);
    } else if (key == "tensors") {
      return read_tensors(value, pointer, false);
    } else if (key == "zeros") {
      SW_TRY(const auto names, reader_.texts(value, pointer));
      for (const std::string& name : names) {
        SW_TRY(NumberedName parsed, name_of(name, pointer));
        rule_.zeros.push_back(std::move(parsed));
      }
    } else if (key == "down") {
      SW_TRY(const std::string name, reader_.text(value, pointer));
      SW_TRY(rule_.down, name_of(name, pointer));
    } else if (key == "set") {
      SW_TRY(rule_.set, settings_of(value, pointer));
    } else if (key == "from") {
      constexpr std::array<std::string_view, 5> kOfSources = {"layout", "refuse", "refuse_each",
                                                              "set", "plus_one"};
      return read_sources(value, pointer, kOfSources, rule_.from);
    } else if (key == "back") {
      constexpr std::array<std::string_view, 2> kOfBack = {"refuse", "set"};
      return read_sources(value, pointer, kOfBack, rule_.back);
    } else if (key == "without") {
      SW_TRY(rule_.without, reader_.texts(value, pointer));
    } else if (key == "factor") {
      SW_TRY(rule_.factor, reader_.text(value, pointer));
    } else if (key == "unlike") {
      return read_unlike(value, pointer);
    }
    return ok();
  }

  Result<NumberedName> name_of(const std::string& name, const std::string& pointer) {
    auto parsed = parse_numbered_name(under_ + name, rule_.letters);
    if (!parsed) return reader_.error(pointer, parsed.error().message);
    return parsed;
  }

  // {"target": "name"} or {"target": ["name", ...]}; of shared experts also {"target": {"of": ...,
  // "along": 1}}.
  Status read_tensors(const json::Value& value, const std::string& pointer, bool shared) {
    SW_TRY(const auto* members, reader_.any_object(value, pointer));
    for (const json::Member& member : *members) {
      const std::string at = below(pointer, member.key);
      MixtureTensor tensor{.is_shared = shared};
      SW_TRY(tensor.target, name_of(member.key, at));
      tensor.by_expert = member.key.find("{expert}") != std::string::npos;
      const json::Value* of = &member.value;
      if (shared && of->object() != nullptr) {
        constexpr std::array<std::string_view, 2> kKeys = {"of", "along"};
        SW_TRY_OK(is_known(*of, at, kKeys));
        const json::Value* along = of->find("along");
        tensor.along = along != nullptr && along->whole_number() == 1 ? 1 : 0;
        SW_TRY(of, reader_.member(*of, at, "of"));
      }
      SW_TRY(const auto names, reader_.text_or_texts(*of, at));
      for (const std::string& name : names) {
        SW_TRY(NumberedName parsed, name_of(name, at));
        tensor.of.push_back(std::move(parsed));
      }
      rule_.tensors.push_back(std::move(tensor));
    }
    return ok();
  }

  Status is_known(const json::Value& value, const std::string& pointer,
                  std::span<const std::string_view> keys) {
    SW_TRY([[maybe_unused]] const auto* members, known(value, pointer, keys));
    return ok();
  }

  Status read_shared(const json::Value& value) {
    constexpr std::array<std::string_view, 5> kKeys = {"least", "most", "prompts", "gated",
                                                       "tensors"};
    SW_TRY(const auto* members, known(value, "/shared", kKeys));
    rule_.most_shared = std::numeric_limits<std::size_t>::max();
    for (const json::Member& member : *members) {
      const std::string at = below("/shared", member.key);
      if (member.key == "tensors") {
        SW_TRY_OK(read_tensors(member.value, at, true));
      } else if (member.key == "prompts" || member.key == "gated") {
        SW_TRY(const bool flag, reader_.boolean(member.value, at));
        (member.key == "prompts" ? rule_.shared_prompts : rule_.is_gated) = flag;
      } else {
        const auto number = member.value.whole_number();
        if (!number || *number < 0) return reader_.error(at, "expected a number from 0 up");
        (member.key == "least" ? rule_.least_shared : rule_.most_shared) =
            static_cast<std::size_t>(*number);
      }
    }
    return ok();
  }

  Result<std::string> expression_of(const json::Value& value, const std::string& pointer) {
    SW_TRY(std::string text, reader_.text(value, pointer));
    if (!text.starts_with("=")) return reader_.error(pointer, "expected an expression: '= ...'");
    return text.substr(1);
  }

  // {"object": {"type": "= rope_type"}, "if": "= rope_type != 'default'"}
  Result<MixtureSetting> object_of(MixtureSetting setting, const json::Value& value,
                                   const std::string& pointer) {
    constexpr std::array<std::string_view, 2> kKeys = {"object", "if"};
    SW_TRY_OK(is_known(value, pointer, kKeys));
    setting.kind = MixtureSetting::Kind::kObject;
    SW_TRY(const json::Value* object, reader_.member(value, pointer, "object"));
    SW_TRY(const auto* members, reader_.any_object(*object, below(pointer, "object")));
    for (const json::Member& member : *members) {
      SW_TRY(std::string expression, expression_of(member.value, below(pointer, member.key)));
      setting.members.emplace_back(member.key, std::move(expression));
    }
    SW_TRY(const json::Value* condition, reader_.member(value, pointer, "if"));
    SW_TRY(setting.condition, expression_of(*condition, below(pointer, "if")));
    return setting;
  }

  // A text that begins with "=" is an expression.
  Result<MixtureSetting> setting_of(const std::string& key, const json::Value& value,
                                    const std::string& pointer) {
    using Kind = MixtureSetting::Kind;
    MixtureSetting setting{.key = key, .kind = Kind::kValue, .value = value};
    const auto expression = [&](Kind kind, const json::Value& of) -> Status {
      SW_TRY(setting.expression, expression_of(of, pointer));
      setting.kind = kind;
      return ok();
    };
    if (value.string() != nullptr && value.string()->starts_with("=")) {
      SW_TRY_OK(expression(Kind::kExpression, value));
      return setting;
    }
    if (value.find("object") != nullptr) return object_of(std::move(setting), value, pointer);
    const auto* members = value.object();
    if (members == nullptr || members->size() != 1) return setting;
    const json::Member& only = members->front();
    if (only.key == "sqrt") SW_TRY_OK(expression(Kind::kRoot, only.value));
    if (only.key == "inverse_sqrt") SW_TRY_OK(expression(Kind::kInverseRoot, only.value));
    if (only.key == "each_layer") SW_TRY_OK(expression(Kind::kEachLayer, only.value));
    if (only.key == "removed") setting.kind = Kind::kRemoved;
    return setting;
  }

  Result<std::vector<MixtureSetting>> settings_of(const json::Value& value,
                                                  const std::string& pointer) {
    std::vector<MixtureSetting> settings;
    SW_TRY(const auto* members, reader_.any_object(value, pointer));
    for (const json::Member& member : *members) {
      SW_TRY(MixtureSetting setting,
             setting_of(member.key, member.value, below(pointer, member.key)));
      settings.push_back(std::move(setting));
    }
    return settings;
  }

  Result<std::vector<MixtureRefusal>> refusals_of(const json::Value& value,
                                                  const std::string& pointer) {
    std::vector<MixtureRefusal> refusals;
    SW_TRY(const auto* members, reader_.any_object(value, pointer));
    for (const json::Member& member : *members) {
      SW_TRY(std::string why, reader_.text(member.value, below(pointer, member.key)));
      refusals.push_back({member.key, std::move(why)});
    }
    return refusals;
  }

  Status read_unlike(const json::Value& value, const std::string& pointer) {
    SW_TRY(const auto* members, reader_.any_object(value, pointer));
    for (const json::Member& member : *members) {
      SW_TRY(std::string why, reader_.text(member.value, below(pointer, member.key)));
      rule_.unlike.emplace(member.key, std::move(why));
    }
    return ok();
  }

  Status read_source_key(const json::Member& member, const std::string& at, MixtureSource& source) {
    if (member.key == "layout") {
      SW_TRY(source.layout, reader_.text(member.value, at));
    } else if (member.key == "refuse") {
      SW_TRY(source.refuse, refusals_of(member.value, at));
    } else if (member.key == "refuse_each") {
      SW_TRY(source.each, refusals_of(member.value, at));
    } else if (member.key == "set") {
      SW_TRY(source.set, settings_of(member.value, at));
    } else {
      SW_TRY(source.plus_one, reader_.texts(member.value, at));
    }
    return ok();
  }

  Status read_sources(const json::Value& value, const std::string& pointer,
                      std::span<const std::string_view> allowed, std::vector<MixtureSource>& into) {
    SW_TRY(const auto* members, reader_.any_object(value, pointer));
    for (const json::Member& member : *members) {
      const std::string at = below(pointer, member.key);
      SW_TRY(const auto* keys, known(member.value, at, allowed));
      MixtureSource source{.schema = member.key};
      for (const json::Member& key : *keys) {
        const std::string here = below(at, key.key);
        SW_TRY_OK(read_source_key(key, here, source));
      }
      into.push_back(std::move(source));
    }
    return ok();
  }

  RuleReader reader_;
  MixtureRule rule_;
  std::string under_;
};

}  // namespace

const MixtureSource* MixtureRule::source(std::string_view schema) const {
  const auto found = std::ranges::find(from, schema, &MixtureSource::schema);
  return found == from.end() ? nullptr : &*found;
}

Result<MixtureRule> load_mixture_rule(std::string_view file_name, std::string_view text) {
  auto document = json::parse(text);
  if (!document) return std::move(document).error().within(file_name);
  return MixtureReader(file_name).read(document->root);
}

Result<std::vector<MixtureRule>> mixture_rules() {
  std::vector<MixtureRule> rules;
  for (const EmbeddedFile& file : builtin_mixtures()) {
    SW_TRY(MixtureRule rule, load_mixture_rule(file.name, file.text));
    rules.push_back(std::move(rule));
  }
  std::ranges::stable_sort(rules, {}, [](const MixtureRule& rule) {
    return std::pair(rule.order.value_or(std::numeric_limits<std::int64_t>::max()), rule.name);
  });
  return rules;
}

}  // namespace shardwright
