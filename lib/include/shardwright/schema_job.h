// `shardwright schema` as library calls: the rules, and what one of them asks of a config.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "shardwright/result.h"

namespace shardwright {

struct SchemaRow {
  std::string name{};
  std::vector<std::string> model_types{};
  std::vector<std::string> aliases{};
  std::vector<std::string> classes{};
  std::vector<std::string> layouts{};  // beside the hub's
  std::string source{};                // what it was written from
};

// All rules by name. `rules_dir`: a folder of more rules, or empty. kIo, kMalformed for that
// folder.
Result<std::vector<SchemaRow>> list_schemas(const std::string& rules_dir);

// The text of a rule, by its name, a model type or an alias. kInvalidArgument with the nearest
// name.
Result<std::string> show_schema(std::string_view name, const std::string& rules_dir);

struct ExpandOptions {
  std::string arch{};    // a rule's name or a model type; empty: as the config says
  std::string layout{};  // empty: the form of the index beside the config, else the hub's
  std::string rules_dir{};
};

struct SchemaTensor {
  std::string name{};
  std::vector<std::uint64_t> shape{};
  std::string role{};  // "embedding", "router"...; empty for none
  bool optional{};     // legal when present and legal when absent
};

struct SchemaExpansion {
  std::string schema{}, layout{}, why{};
  bool tied{};
  std::vector<SchemaTensor> tensors{};  // in the rule's order
};

// The tensors that a config asks for. `path` is a config.json, a folder that holds one (weights are
// not needed), an index beside one, or a hub id in the local cache. kNotFound, kIo; kMalformed for
// a config that cannot be used, with everything that is wrong with it; kUnsupported where no rule
// describes it.
Result<SchemaExpansion> expand_schema(const std::string& path, const ExpandOptions& options = {});

}  // namespace shardwright
