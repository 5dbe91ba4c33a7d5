// CF310: a module that auto_map names is not there.
// docs/checks/CF310-missing-module.md
#include <set>

#include <fmt/format.h>

#include "base/utf8.h"
#include "check/check.h"
#include "check/fixes.h"

namespace shardwright {
namespace {

// "modeling_x.XForCausalLM" names modeling_x.py; "org/repo--modeling_x.X" names a file elsewhere.
void collect(const json::Value& value, std::set<std::string>& modules) {
  if (value.array() != nullptr) {
    for (const json::Value& item : *value.array())
      collect(item, modules);
  } else if (value.object() != nullptr) {
    for (const json::Member& member : *value.object())
      collect(member.value, modules);
  } else if (value.string() != nullptr && value.string()->find("--") == std::string::npos) {
    if (const auto dot = value.string()->find('.'); dot != std::string::npos && dot > 0) {
      modules.insert(value.string()->substr(0, dot) + ".py");
    }
  }
}

void missing_module(const Model& model, const Reporter& report) {
  const Checkpoint& checkpoint = model.checkpoint;
  const auto look = [&](const SideFile& file) {
    if (!file.document) return;
    const json::Value* map = file.document->root.find("auto_map");
    if (map == nullptr) return;
    std::set<std::string> modules;
    collect(*map, modules);
    for (const std::string& module : modules) {
      if (checkpoint.folder->find(module) != nullptr) continue;
      report({.file = file.name,
              .pointer = "/auto_map",
              .message =
                  fmt::format("auto_map of {} names code in {}, which is not there: loading with "
                              "trust_remote_code fails",
                              quoted(file.name), quoted(module)),
              .fix = no_fix(fmt::format("copy {} from the model that this one was made from",
                                        quoted(module))),
              .group = file.name + module,
              .places = {module}});
    }
  };
  if (checkpoint.config) look(*checkpoint.config);
  for (const SideFile& file : checkpoint.side_files)
    look(file);
}

}  // namespace

extern const Check kMissingModule;
constinit const Check kMissingModule{
    .code = "CF310",
    .name = "missing-module",
    .summary = "a module that auto_map names is not there",
    .severity = Severity::kWarning,
    .repair = Repair::kNever,
    .since = "0.1",
    .run = missing_module,
};

}  // namespace shardwright
