// ST121: tensors' byte ranges end past the file's data: the file is cut short.
// docs/checks/ST121-range-past-data.md
#include <algorithm>
#include <string>

#include <fmt/format.h>

#include "base/utf8.h"
#include "check/check.h"
#include "check/fixes.h"
#include "check/shard_defects.h"
#include "check/wording.h"

namespace shardwright {
namespace {

using safetensors::Defect;
using safetensors::DefectKind;

void range_past_data(const Model& model, const Reporter& report) {
  for (const Shard& shard : model.checkpoint.shards) {
    auto defects = defects_of(shard, {DefectKind::kRangePastData});
    // A range of the wrong size says nothing about where the file ends: ST120 speaks of it.
    const auto unsized = tensors_of(defects_of(shard, {DefectKind::kRangeSize}));
    const std::size_t explained = std::erase_if(defects, [&](const Defect* defect) {
      return std::ranges::find(unsized, defect->tensor) != unsized.end();
    });
    if (defects.empty()) continue;
    const auto names = tensors_of(defects);
    const std::uint64_t data = shard.header->data_bytes;
    const Defect& last = **std::ranges::max_element(defects, {}, &Defect::found);
    const std::uint64_t cut = shard.header->count(DefectKind::kRangePastData) - explained;
    report(
        {.file = shard.file,
         .tensor = std::string(names.front()),
         .message = fmt::format(
             "{} is cut short by {}: its header needs {} of data up to the end of {}, and the "
             "file holds {}; of its {} {} incomplete or missing; {}",
             quoted(shard.file), byte_count(last.found - data), byte_count(last.found),
             quoted(last.tensor), byte_count(data), counted(shard.header->tensors.size(), "tensor"),
             cut == 1 ? "1 is" : fmt::format("{} are", cut), prints(DefectKind::kRangePastData)),
         .fix = no_fix("the bytes are gone: fetch the file again ('hf download' fetches what is "
                       "missing), or write it again from its source"),
         .places = {names.begin(), names.end()}});
  }
}

}  // namespace

extern const Check kRangePastData;
constinit const Check kRangePastData{
    .code = "ST121",
    .name = "range-past-data",
    .summary = "tensors' byte ranges end past the end of the file",
    .severity = Severity::kError,
    .repair = Repair::kNever,
    .since = "0.1",
    .run = range_past_data,
};

}  // namespace shardwright
