// IX215: shards of one set do not seem to be of one save.
// docs/checks/IX215-mixed-shards.md
#include <fmt/format.h>

#include "base/utf8.h"
#include "check/check.h"
#include "check/fixes.h"
#include "check/mixed_save.h"

namespace shardwright {
namespace {

void mixed_shards(const Model& model, const Reporter& report) {
  const auto mixed = mixed_save(model.checkpoint);
  if (!mixed) return;
  report({.message = fmt::format("{} and {} are of one set, and do not seem to be of one save: {}; "
                                 "loaders take both for one model",
                                 quoted(mixed->first), quoted(mixed->other), mixed->what),
          .fix = no_fix("which shards belong together, the headers do not say: fetch all of them "
                        "again from one place"),
          .group = "all",
          .places = {mixed->first, mixed->other}});
}

}  // namespace

extern const Check kMixedShards;
constinit const Check kMixedShards{
    .code = "IX215",
    .name = "mixed-shards",
    .summary = "shards of one set do not seem to be of one save",
    .severity = Severity::kWarning,
    .repair = Repair::kNever,
    .since = "0.1",
    .run = mixed_shards,
};

}  // namespace shardwright
