// What a config says in the words of its rule: expressions over the names that the rule defines.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "arch/schema.h"
#include "json/value.h"
#include "shardwright/result.h"

namespace shardwright {

// A name that an expression may use beside the rule's, which it hides.
using QueryName = std::pair<std::string, std::int64_t>;

// Where no definition of the rule has that name, expressions may also use the keys at the top of
// the config, those of its rope_parameters or rope_scaling (`rope_type` is always there), and those
// that the rule has defaults for.
class ConfigQuery {
 public:
  // Rule and config must outlive this. `class_name`: empty for architectures[0].
  ConfigQuery(const Schema& schema, const json::Value& config, std::string_view class_name,
              std::span<const QueryName> more = {});
  ~ConfigQuery();
  ConfigQuery(const ConfigQuery&) = delete;
  ConfigQuery& operator=(const ConfigQuery&) = delete;

  // The value of an expression (docs/rules.md): a number, a text, a flag, null, or a list of such.
  // A key's name alone also gives a number that is written with a point, as it is.
  // kMalformed where it is none or uses a name that is not there; kInvalidArgument where this
  // config gives it no value.
  [[nodiscard]] Result<json::Value> value(std::string_view expression) const;

  // The value of the rule's definition that reads this key of a config (dotted); none where no
  // definition does, or where the config gives it no value.
  [[nodiscard]] std::optional<json::Value> of_key(std::string_view key) const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// The config keys (dotted) that the rule's definition of that name reads, in its order: the last is
// the architecture's own, those before it are aliases. Of a list's elements the key of the list.
// Empty where there is no such definition, or it is computed.
std::vector<std::string> keys_of(const Schema& schema, std::string_view name);

// All keys that say the same as this one: those of the rule's definition that reads it.
std::vector<std::string> spellings_of(const Schema& schema, std::string_view key);

// The config keys (dotted, of alternatives the first) that the rule's definitions read, each once.
std::vector<std::string_view> keys_read(const Schema& schema);

}  // namespace shardwright
