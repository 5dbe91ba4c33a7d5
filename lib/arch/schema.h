// A rule in memory: one file of rules/architectures/, parsed and validated (docs/rules.md).
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "json/value.h"
#include "shardwright/result.h"

namespace shardwright {

struct SchemaBody;  // the compiled expressions and tensor blocks: private to lib/arch

// A flag that a rule may define for the library alone: a router's weights are those of a softmax
// over all experts, and are not divided by their sum.
inline constexpr std::string_view kSoftmaxOverAll = "softmax_over_all";

struct SchemaClass {
  std::string name{};
};

struct SchemaLayout {
  std::string name{};  // "hub" is implicit and not listed
  std::string why{};
  bool internal{};  // no loader reads it: a step on the way to another architecture
};

struct SchemaAlias {
  std::string name{};  // of a model type or a class
  std::string why{};
};

struct Schema {
  std::string name{};
  std::vector<std::string> model_types{};
  std::vector<SchemaAlias> aliases{};
  std::vector<SchemaClass> classes{};
  std::vector<SchemaLayout> layouts{};
  std::string source{};
  std::string vocabulary_key{};  // dotted config keys: "text_config.vocab_size"
  std::string layers_key{};
  std::vector<std::string> per_layer_keys{};
  json::Value example{};  // a small config, an object; null where the rule has none
  // {config key: value that the class takes where the key is absent}, an object; null where the
  // rule has none.
  json::Value defaults{};
  std::string text{};  // the rule's file as it is
  std::shared_ptr<const SchemaBody> body{};
};

// Parses a rule. kMalformed with file and JSON pointer for anything that docs/rules.md does not
// allow.
Result<Schema> load_schema(std::string_view file_name, std::string_view text);

}  // namespace shardwright
