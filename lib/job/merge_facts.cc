#include "job/merge_facts.h"

#include <map>
#include <utility>

#include <fmt/format.h>

#include "base/field_digest.h"
#include "base/utf8.h"
#include "shardwright/dtype.h"

namespace shardwright {
namespace {

// What no byte of a result depends on.
bool is_aside(const FolderEntry& entry) {
  return entry.kind != EntryKind::kFile || entry.name.starts_with('.') ||
         entry.name.ends_with(".md");
}

void add_files(const Checkpoint& checkpoint, const std::string& model,
               std::vector<PlanFact>& facts) {
  std::map<std::string, FolderEntry> files;
  for (const FolderEntry& entry : checkpoint.folder->entries()) {
    if (!is_aside(entry)) files.emplace(entry.name, entry);
  }
  for (const Shard& shard : checkpoint.shards)
    files.emplace(shard.file, shard.entry);  // it may lie in a sub-folder
  for (const auto& [name, entry] : files) {
    FieldDigest fields;
    fields.number(entry.bytes);
    fields.number(static_cast<std::uint64_t>(entry.modified_ns));
    facts.push_back({fmt::format("{} of {}", quoted(name, kShownPath), quoted(model, kShownPath)),
                     fields.finish()});
  }
  FieldDigest headers;
  for (const Tensor& tensor : checkpoint.tensors) {
    headers.text(tensor.name);
    headers.text(dtype_name(tensor.dtype));
    headers.number(tensor.shape.size());
    for (const std::uint64_t extent : tensor.shape)
      headers.number(extent);
    headers.number(tensor.shard);
    headers.number(tensor.offset);
    headers.number(tensor.bytes);
  }
  facts.push_back(
      {fmt::format("the list of tensors of {}", quoted(model, kShownPath)), headers.finish()});
}

}  // namespace

PlanFact text_fact(std::string what, std::string_view text) {
  return {std::move(what), digest_of(std::as_bytes(std::span(text)))};
}

void add_input_facts(const MergeModel& model, std::vector<PlanFact>& facts) {
  if (model.made_by == nullptr) add_files(model.checkpoint(), model.ref.path, facts);
  if (model.adapter) add_files(model.adapter->model.checkpoint, model.ref.lora, facts);
}

}  // namespace shardwright
