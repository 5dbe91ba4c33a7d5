// IX201: the index cannot be read as a map of tensors to shards.
// docs/checks/IX201-malformed-index.md
#include <optional>
#include <string>
#include <string_view>

#include <fmt/format.h>

#include "base/utf8.h"
#include "check/check.h"
#include "check/coverage.h"
#include "check/fixes.h"
#include "check/single_file.h"
#include "json/value.h"

namespace shardwright {
namespace {

struct Trouble {
  std::string what{}, pointer{};
};

Trouble trouble(const IndexDefect& defect) {
  switch (defect.kind) {
    case IndexDefectKind::kNotUtf8:
      return {fmt::format("is not UTF-8 at {}", defect.detail)};
    case IndexDefectKind::kByteOrderMark:
      return {"begins with a byte-order mark, at which Python's json stops"};
    case IndexDefectKind::kNotJson:
    case IndexDefectKind::kTooDeep:
      return {fmt::format("is no JSON: {}", printable(defect.detail))};
    case IndexDefectKind::kNotObject:
      return {fmt::format("holds {}, and has to hold an object", defect.detail)};
    case IndexDefectKind::kNoWeightMap:
      return {"has no 'weight_map', which says in which shard each tensor lies"};
    case IndexDefectKind::kWeightMapNotObject:
      return {fmt::format("has {} as 'weight_map', which has to be an object", defect.detail),
              "/weight_map"};
    case IndexDefectKind::kEntryNotString:
      return {fmt::format("maps {} to {}, and has to map it to the name of a shard",
                          quoted(defect.name), defect.detail),
              "/weight_map/" + json::pointer_step(defect.name)};
    default:
      return {};  // other checks speak of them
  }
}

// A pointer where the index should be is as frequent as one where a shard should be.
bool is_lfs_pointer(const IndexFile& file) {
  return file.index.text && file.index.text->starts_with("version https://git-lfs");
}

void malformed_index(const Model& model, const Reporter& report) {
  if (!model.checkpoint.index) return;
  const IndexFile& file = *model.checkpoint.index;
  const bool is_read = single_file(model.checkpoint) == nullptr;
  const auto say = [&](const Trouble& found, Fix fix) {
    report({.file = file.name,
            .pointer = found.pointer,
            .message = fmt::format("{} {}{}", quoted(file.name), found.what,
                                   is_read ? ""
                                           : "; transformers loads the single file beside it, and "
                                             "other loaders stop at it"),
            .severity = is_read ? std::nullopt : std::optional(Severity::kWarning),
            .fix = std::move(fix),
            .group = "index"});
  };
  if (!file.error.empty()) {
    say({fmt::format("cannot be read: {}", file.error)},
        no_fix("put a readable file in its place, or remove it and run repair"));
    return;
  }
  if (is_lfs_pointer(file)) {
    say({"is a Git LFS pointer, not the index itself"},
        rebuild_fix(model, "write the index from the headers of the shards"));
    return;
  }
  bool any = false;
  for (const IndexDefect& defect : file.index.defects) {
    const Trouble found = trouble(defect);
    if (found.what.empty()) continue;
    any = true;
    say(found, rebuild_fix(model, "write the index from the headers of the shards"));
  }
  if (!any && file.index.entries.empty() && !has_two_maps(file.index)) {
    say({"has an empty 'weight_map': it names no tensor", "/weight_map"},
        rebuild_fix(model, "write the index from the headers of the shards"));
  }
}

}  // namespace

extern const Check kMalformedIndex;
constinit const Check kMalformedIndex{
    .code = "IX201",
    .name = "malformed-index",
    .summary = "the index cannot be read as a map of tensors to shards",
    .severity = Severity::kError,
    .repair = Repair::kSafe,
    .since = "0.1",
    .run = malformed_index,
};

}  // namespace shardwright
