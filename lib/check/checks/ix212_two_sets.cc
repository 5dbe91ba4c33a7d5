// IX212: a single file and an index stand side by side.
// docs/checks/IX212-two-sets.md
#include <algorithm>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include <fmt/format.h>

#include "base/utf8.h"
#include "check/check.h"
#include "check/fixes.h"
#include "check/single_file.h"
#include "check/wording.h"
#include "tensor/shape.h"

namespace shardwright {
namespace {

using safetensors::TensorEntry;

// What the index stands for: its names, and their entries where the shards beside are readable.
struct Sharded {
  std::unordered_map<std::string_view, const TensorEntry*> tensors{};
  std::vector<std::string> absent{};
};

Sharded sharded_set(const Checkpoint& checkpoint, const Shard& single) {
  Sharded set;
  const Index& index = checkpoint.index->index;
  for (const IndexEntry& entry : index.entries)
    set.tensors.emplace(entry.name, nullptr);
  for (const std::string& file : index.files) {
    const auto shard = std::ranges::find(checkpoint.shards, file, &Shard::file);
    if (shard == checkpoint.shards.end() || !shard->header) {
      set.absent.push_back(file);
      continue;
    }
    if (&*shard == &single) continue;
    for (const TensorEntry& tensor : shard->header->tensors)
      set.tensors.insert_or_assign(tensor.name, &tensor);
  }
  return set;
}

std::string form(const TensorEntry& tensor) {
  return fmt::format("{} {}", dtype_name(tensor.dtype), shape_text(tensor.shape));
}

// The first thing in which the two disagree, or empty.
std::string disagreement(const Shard& single, const Sharded& set) {
  std::size_t common = 0;
  for (const TensorEntry& tensor : single.header->tensors) {
    const auto other = set.tensors.find(tensor.name);
    if (other == set.tensors.end()) {
      return fmt::format("{} is in {} only", quoted(tensor.name), quoted(single.file));
    }
    ++common;
    if (other->second == nullptr) continue;
    if (other->second->dtype != tensor.dtype || !same_shape(other->second->shape, tensor.shape)) {
      return fmt::format("{} is {} in {} and {} in the shards of the index", quoted(tensor.name),
                         form(tensor), quoted(single.file), form(*other->second));
    }
  }
  if (common == set.tensors.size()) return "";
  std::unordered_set<std::string_view> alone;
  for (const auto& [name, tensor] : set.tensors)
    alone.insert(name);
  for (const TensorEntry& tensor : single.header->tensors)
    alone.erase(tensor.name);
  return fmt::format("{} is in the index only", quoted(*std::ranges::min_element(alone)));
}

void two_sets(const Model& model, const Reporter& report) {
  const Checkpoint& checkpoint = model.checkpoint;
  const Shard* single = single_file(checkpoint);
  if (single == nullptr || !single->header || checkpoint.kind != CheckpointKind::kFolder ||
      !checkpoint.index || checkpoint.index->index.entries.empty()) {
    return;
  }
  const Sharded set = sharded_set(checkpoint, *single);
  std::string differs = disagreement(*single, set);
  if (differs.empty() && !model.data.sets_differ.empty()) {
    differs = fmt::format("{} has other values in the one than in the other",
                          quoted(model.data.sets_differ));
  }
  const std::vector<std::string>& files = checkpoint.index->index.files;
  const bool same_file = files.size() == 1 && files.front() == single->file;
  if (same_file && differs.empty()) return;
  const std::string both = fmt::format("{} and {} stand side by side", quoted(single->file),
                                       quoted(checkpoint.index->name));
  Report finding{.file = single->file, .places = {single->file, checkpoint.index->name}};
  finding.file.clear();
  if (!differs.empty()) {
    finding.message = fmt::format(
        "{} and disagree: {}; transformers loads the first, and loaders "
        "that look for an index load the second",
        both, differs);
    finding.fix = no_fix("remove the set that is not meant");
  } else if (!set.absent.empty()) {
    finding.message = fmt::format(
        "{}, and {} of the index {} absent: transformers loads the single "
        "file, and loaders that look for an index stop",
        both, some_of(set.absent), set.absent.size() == 1 ? "is" : "are");
    finding.severity = Severity::kWarning;
    finding.fix = no_fix("remove the index, which is of no use beside a single file");
  } else {
    finding.message = fmt::format(
        "{} and agree in names, dtypes, shapes and a sample of their values: the model is there "
        "twice",
        both);
    finding.severity = Severity::kInfo;
  }
  report(std::move(finding));
}

}  // namespace

extern const Check kTwoSets;
constinit const Check kTwoSets{
    .code = "IX212",
    .name = "two-sets",
    .summary = "a single file and an index stand side by side",
    .severity = Severity::kError,
    .repair = Repair::kNever,
    .since = "0.1",
    .run = two_sets,
};

}  // namespace shardwright
