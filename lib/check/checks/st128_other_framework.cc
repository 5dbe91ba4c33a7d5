// ST128: the metadata says that another framework than PyTorch wrote the file.
// docs/checks/ST128-other-framework.md
//
// transformers 4 hands a single file so labelled to TensorFlow or Flax and stops where they are not
// installed; it reads such shards, and version 5 reads all, as if they were PyTorch's.
#include <string>

#include <fmt/format.h>

#include "base/utf8.h"
#include "check/check.h"
#include "check/format_label.h"
#include "check/join.h"

namespace shardwright {
namespace {

void other_framework(const Model& model, const Reporter& report) {
  for (const Shard& shard : model.checkpoint.shards) {
    if (shard.use != ShardUse::kLoaded || !is_sound(shard)) continue;
    const auto format = format_label(*shard.header);
    if (format != "tf" && format != "flax") continue;
    report({.file = shard.file,
            .message = fmt::format(
                "the metadata says that the tensors are for {} ('format' {}): transformers 4 needs "
                "it installed to load the file, and 5 takes the names for PyTorch's",
                *format == "tf" ? "TensorFlow" : "Flax", quoted(*format)),
            .group = fmt::format("format {}", *format)});
  }
}

}  // namespace

extern const Check kOtherFramework;
constinit const Check kOtherFramework{
    .code = "ST128",
    .name = "other-framework",
    .summary = "the metadata of a shard says that its tensors are for TensorFlow or Flax",
    .severity = Severity::kWarning,
    .repair = Repair::kNone,
    .since = "0.1",
    .run = other_framework,
};

}  // namespace shardwright
