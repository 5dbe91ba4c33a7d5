// IX208: the index names a file outside the folder.
// docs/checks/IX208-path-outside-folder.md
#include <algorithm>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "base/utf8.h"
#include "check/check.h"
#include "check/fixes.h"
#include "check/wording.h"
#include "json/value.h"

namespace shardwright {
namespace {

void path_outside_folder(const Model& model, const Reporter& report) {
  const Checkpoint& checkpoint = model.checkpoint;
  if (checkpoint.outside.empty() || !checkpoint.index) return;
  const Index& index = checkpoint.index->index;
  const auto first = std::ranges::find_if(index.entries, [&](const IndexEntry& entry) {
    return std::ranges::binary_search(checkpoint.outside, index.files[entry.file]);
  });
  if (first == index.entries.end()) return;
  report({.file = checkpoint.index->name,
          .tensor = std::string(first->name),
          .pointer = "/weight_map/" + json::pointer_step(first->name),
          .message = fmt::format(
              "the index places {} in {}, which is no name inside the folder: transformers opens "
              "any path, and would read files that are not the model's; shardwright does not open "
              "it",
              quoted(first->name), some_of(checkpoint.outside)),
          .fix = no_fix("a model that reads elsewhere is broken or hostile: fetch it again from a "
                        "source that you trust, or move the shards into the folder and correct the "
                        "index"),
          .places = std::vector<std::string>(checkpoint.outside)});
}

}  // namespace

extern const Check kPathOutsideFolder;
constinit const Check kPathOutsideFolder{
    .code = "IX208",
    .name = "path-outside-folder",
    .summary = "the index names a file outside the folder",
    .severity = Severity::kError,
    .repair = Repair::kNever,
    .since = "0.1",
    .run = path_outside_folder,
};

}  // namespace shardwright
