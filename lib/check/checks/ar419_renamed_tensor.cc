// AR419: a tensor is stored under another name than the one that the architecture needs.
// docs/checks/AR419-renamed-tensor.md
#include <string>

#include <fmt/format.h>

#include "base/utf8.h"
#include "check/check.h"
#include "check/fixes.h"

namespace shardwright {
namespace {

std::string message_for(const Model& model, const Renamed& renamed, const Tolerated& pair) {
  const std::string stored = quoted(pair.stored->name);
  if (renamed.is_numbering) {
    return fmt::format(
        "the layers are as many as the config counts, {}, and their numbers leave a gap: {} should "
        "be {}; transformers fills the layers of the gap with random values, and leaves the last "
        "ones out",
        model.expected->layers.value_or(0), stored, quoted(pair.expected->name));
  }
  return fmt::format(
      "{} {} is stored, and {} expects {} of this shape in its place: transformers leaves the one "
      "out, and fills the other with random values",
      stored, shape_text(pair.stored->shape), quoted(model.expected->schema->name),
      quoted(pair.expected->name));
}

void renamed_tensor(const Model& model, const Reporter& report) {
  for (const Renamed& renamed : model.join.renamed) {
    for (const Tolerated& pair : renamed.tensors) {
      const std::string& file = model.checkpoint.shards[pair.stored->shard].file;
      report({.file = file,
              .tensor = std::string(pair.stored->name),
              .message = message_for(model, renamed, pair),
              .fix = unsafe_fix("give the tensors the names that the architecture expects",
                                {edit::RenameTensor{file, std::string(pair.stored->name),
                                                    std::string(pair.expected->name)}}),
              .group = fmt::format("{} {}", renamed.from, renamed.to)});
    }
  }
}

}  // namespace

extern const Check kRenamedTensor;
constinit const Check kRenamedTensor{
    .code = "AR419",
    .name = "renamed-tensor",
    .summary = "a tensor is stored under another name than the one that the architecture needs",
    .severity = Severity::kError,
    .repair = Repair::kUnsafe,
    .since = "0.1",
    .run = renamed_tensor,
};

}  // namespace shardwright
