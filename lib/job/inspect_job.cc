#include "shardwright/inspect_job.h"

#include <algorithm>
#include <array>
#include <set>

#include "base/checked.h"
#include "base/try.h"
#include "checkpoint/checkpoint.h"

namespace shardwright {
namespace {

// Sums of hostile numbers stay where they are rather than wrap.
void add(std::uint64_t& sum, std::uint64_t part) {
  sum = checked_add(sum, part).value_or(sum);
}

InspectedFile describe(const Shard& shard) {
  InspectedFile file = {.name = shard.file,
                        .use = shard.use == ShardUse::kLoaded ? FileUse::kLoaded : FileUse::kStray,
                        .bytes = shard.source != nullptr ? shard.source->size() : 0,
                        .problem = shard.open_error};
  if (shard.foreign != safetensors::ForeignKind::kNone) {
    file.problem = safetensors::foreign_name(shard.foreign);
  }
  if (shard.header) {
    file.header_bytes = shard.header->header_bytes;
    file.tensors = shard.header->tensors.size();
    file.metadata = shard.header->metadata;
  }
  return file;
}

std::vector<InspectedFile> files_of(const Checkpoint& checkpoint) {
  std::vector<InspectedFile> files;
  std::set<std::string_view> shards;
  for (const Shard& shard : checkpoint.shards) {
    files.push_back(describe(shard));
    shards.insert(shard.file);
  }
  for (const FolderEntry& entry : checkpoint.folder->entries()) {
    if (shards.contains(entry.name) || entry.kind == EntryKind::kFolder) continue;
    files.push_back({.name = entry.name,
                     .use = FileUse::kOther,
                     .bytes = entry.kind == EntryKind::kFile ? entry.bytes : 0,
                     .problem = entry.kind == EntryKind::kDangling ? "a link to nothing" : ""});
  }
  return files;
}

void add_tensors(const Checkpoint& checkpoint, InspectReport& report) {
  std::array<DTypeTotal, kDTypeCount> totals{};
  report.tensors.reserve(checkpoint.tensors.size());
  for (const Tensor& tensor : checkpoint.tensors) {
    const std::uint64_t parameters = element_count(tensor.shape).value_or(0);
    DTypeTotal& total = totals[static_cast<std::size_t>(tensor.dtype)];
    ++total.tensors;
    add(total.parameters, parameters);
    add(total.bytes, tensor.bytes);
    add(report.parameters, parameters);
    add(report.tensor_bytes, tensor.bytes);
    report.tensors.push_back({.name = std::string(tensor.name),
                              .dtype = tensor.dtype,
                              .shape = {tensor.shape.begin(), tensor.shape.end()},
                              .file = tensor.shard,
                              .bytes = tensor.bytes,
                              .parameters = parameters});
  }
  for (std::size_t i = 0; i < totals.size(); ++i) {
    totals[i].dtype = static_cast<DType>(i);
    if (totals[i].tensors > 0) report.dtypes.push_back(totals[i]);
  }
  std::ranges::stable_sort(report.dtypes, std::ranges::greater{}, &DTypeTotal::bytes);
}

}  // namespace

Result<InspectReport> inspect(const std::string& path, const InspectOptions& options) {
  SW_TRY(const auto checkpoint, open_checkpoint(path, {.threads = options.threads}));
  InspectReport report = {.path = path, .directory = checkpoint.directory};
  report.files = files_of(checkpoint);
  add_tensors(checkpoint, report);
  return report;
}

}  // namespace shardwright
