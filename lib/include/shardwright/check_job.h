// `shardwright check` as a library call.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "shardwright/finding.h"
#include "shardwright/progress.h"
#include "shardwright/result.h"

namespace shardwright {

struct ModelReport;

// Findings that a config file ignores (docs/config-file.md).
struct IgnoreRule {
  std::string code{};    // of a check
  std::string tensor{};  // a name with * for any text; empty: any
  std::string file{};    // likewise
  std::string reason{};
  std::string place{};  // "models.toml:3": where it stands
};

struct CheckSettings {
  std::vector<IgnoreRule> ignores{};
  std::map<std::string, Severity> severity{};  // by code
  std::optional<Severity> fail_on{};
  bool beside{};  // the file lies beside the model: whoever made that does not silence errors
};

// Of a file that the user names: TOML, or JSON where its name ends with .json. kNotFound, kIo;
// kMalformed with every mistake, each with its line and key.
Result<CheckSettings> read_check_settings(const std::string& path);

struct CheckOptions {
  bool data{};                        // also read the tensors' bytes
  std::string arch{};                 // a rule's name or a model type; empty: detect
  std::string rules_dir{};            // more rules; empty: those built in
  std::vector<std::string> select{};  // codes, names or prefixes of codes ("ST"); empty: all
  std::vector<std::string> ignore{};
  std::map<std::string, Severity> severity{};  // by code or name
  std::optional<CheckSettings> settings{};     // what is asked for above comes first
  bool settings_beside{true};  // without `settings`, those of the file beside each model
  int threads{};               // 0: all available
  Monitor monitor{};
  std::function<void(const ModelReport&)> finished{};  // called as each model ends, in order
};

// What was recognised, and why. `schema` is empty where nothing was.
struct ArchitectureFacts {
  std::string schema{}, model_type{}, layout{}, why{};
  bool requested{};  // by CheckOptions::arch
};

struct ModelFacts {
  std::uint64_t tensors{};
  std::uint64_t shards{};
  std::uint64_t parameters{};  // elements of all loaded tensors but fp8 block scales
  std::uint64_t tensor_bytes{};
  std::optional<bool> tied{};  // none where no rule knows
};

struct ModelReport {
  std::string path{};   // as given
  std::string error{};  // set where the model could not be opened: nothing else is then
  std::optional<ArchitectureFacts> architecture{};
  ModelFacts facts{};
  std::vector<Finding> findings{};   // by file, place and code
  std::vector<Finding> ignored{};    // by the config file: in neither `findings` nor any sum
  std::vector<std::string> notes{};  // on the config file beside the model
};

struct Summary {
  std::uint64_t error{}, warning{}, info{};  // findings, not places
};
Summary summarize(const std::vector<ModelReport>& models);

// What is to be said of rules of a file that was given: those that ignored nothing in any model.
std::vector<std::string> unused_ignores(const CheckOptions& options,
                                        const std::vector<ModelReport>& models);

// Checks each model by itself. The reports are in the order of `paths`; a model that cannot be
// opened has an `error` there. kInvalidArgument for unknown codes or rules; kInterrupted.
Result<std::vector<ModelReport>> check(const std::vector<std::string>& paths,
                                       const CheckOptions& options);

// kInvalidArgument where a report may not be written to `output`: it is a file that is there
// already, of one of the models, and holds no report in JSON or SARIF. Files of a model are those
// in its folder that loaders read, and what links of such names lead to.
Status keeps_models(const std::string& output, const std::vector<std::string>& models);

// One row of the table of checks.
struct CheckInfo {
  std::string_view code, name, summary;
  Severity severity;
  std::string_view repair;  // "safe", "unsafe", "never" or "none"
};
std::vector<CheckInfo> all_checks();  // by code

}  // namespace shardwright
