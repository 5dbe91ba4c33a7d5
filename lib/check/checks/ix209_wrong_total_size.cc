// IX209: total_size of the index is not the number of bytes of all tensors.
// docs/checks/IX209-wrong-total-size.md
#include <optional>
#include <string>

#include <fmt/format.h>

#include "base/checked.h"
#include "base/utf8.h"
#include "check/check.h"
#include "check/coverage.h"
#include "check/index_join.h"
#include "check/join.h"
#include "check/mixed_save.h"
#include "check/shard_names.h"

namespace shardwright {
namespace {

// Whether index and shards agree about which tensors there are. Where not, another sum follows, and
// the checks of those tensors say why.
bool agree_in_tensors(const Model& model) {
  const IndexJoin& join = model.index_join;
  return join.twice.empty() && join.phantoms.empty() && join.unindexed.empty() &&
         unindexed_shards(model.checkpoint).empty();
}

// An entry that makes no tensor, so that its bytes are not known.
bool has_broken_entry(const Shard& shard) {
  return shard.header->count(safetensors::DefectKind::kEntryMalformed) > 0 ||
         shard.header->count(safetensors::DefectKind::kUnknownDType) > 0;
}

// Bytes of all tensors; none where some cannot be counted.
std::optional<std::uint64_t> stored_bytes(const Model& model) {
  const Checkpoint& checkpoint = model.checkpoint;
  if (!checkpoint.outside.empty() || !agree_in_tensors(model)) return std::nullopt;
  for (const Shard& shard : checkpoint.shards) {
    if (shard.use == ShardUse::kLoaded && (!is_sound(shard) || has_broken_entry(shard))) {
      return std::nullopt;
    }
  }
  std::uint64_t sum = 0;
  for (const Tensor& tensor : checkpoint.tensors) {
    const auto next = checked_add(sum, tensor.bytes);
    if (!tensor.readable || !next) return std::nullopt;
    sum = *next;
  }
  return sum;
}

void wrong_total_size(const Model& model, const Reporter& report) {
  if (!model.checkpoint.index_decides || !model.checkpoint.index) return;
  const IndexFile& file = *model.checkpoint.index;
  const Index& index = file.index;
  if (!index.has_metadata || has_two_maps(index)) return;  // IX210 and IX207 speak of them
  const auto mixed = mixed_save(model.checkpoint);
  if (mixed && mixed->by == MixedSave::By::kDType) return;  // IX215
  const auto stored = stored_bytes(model);
  if (!stored) return;
  std::string message;
  std::optional<Severity> severity;
  if (index.total_size_form == TotalSizeForm::kAbsent) {
    message = fmt::format("the index has no 'total_size'; the tensors have {} bytes", *stored);
    severity = Severity::kInfo;
  } else if (index.total_size != stored) {
    message = fmt::format("'total_size' of the index is {}, and the tensors have {} bytes",
                          printable(index.total_size_text, 40), *stored);
  } else if (index.total_size_form == TotalSizeForm::kOther) {
    message = fmt::format("'total_size' of the index is written {}, and {} is expected",
                          printable(index.total_size_text, 40), *stored);
    severity = Severity::kInfo;
  } else {
    return;
  }
  report({.file = file.name,
          .pointer = "/metadata/total_size",
          .message = std::move(message),
          .severity = severity,
          .fix = rebuild_fix(model, fmt::format("set 'total_size' to {}", *stored))});
}

}  // namespace

extern const Check kWrongTotalSize;
constinit const Check kWrongTotalSize{
    .code = "IX209",
    .name = "wrong-total-size",
    .summary = "total_size of the index is not the number of bytes of all tensors",
    .severity = Severity::kWarning,
    .repair = Repair::kSafe,
    .since = "0.1",
    .run = wrong_total_size,
};

}  // namespace shardwright
