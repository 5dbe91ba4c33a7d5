#include "check/relay.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "check/check.h"
#include "check/coverage.h"
#include "check/fixes.h"

namespace shardwright {
namespace {

using safetensors::Defect;
using safetensors::DefectKind;
using safetensors::Header;

// An empty tensor that lies inside another owns no byte of it.
bool is_empty_tensor(const Header& header, std::string_view name) {
  return std::ranges::any_of(header.tensors, [&](const safetensors::TensorEntry& entry) {
    return entry.name == name && entry.begin == entry.end;
  });
}

bool is_relayable(const Header& header, const Defect& defect) {
  switch (defect.kind) {
    case DefectKind::kGap:
    case DefectKind::kTrailingBytes:
    case DefectKind::kBadPadding:
    case DefectKind::kMetadataMalformed:
      return true;
    case DefectKind::kDuplicateKey:
      return defect.tensor.empty();  // __metadata__ twice
    case DefectKind::kOverlap:
      return is_empty_tensor(header, defect.tensor);
    default:
      return !safetensors::refused(defect.kind);
  }
}

bool metadata_is_lost(const Defect& defect) {
  return defect.kind == DefectKind::kMetadataMalformed ||
         (defect.kind == DefectKind::kDuplicateKey && defect.tensor.empty());
}

}  // namespace

Relay relay_of(const Model& model, const Shard& shard) {
  constexpr Relay kUnreadable = {Safety::kNever, "not all tensors of the file can be read"};
  if (!shard.header) return kUnreadable;
  const Header& header = *shard.header;
  // A header without a tensor before data: the bytes belong to something, and it is not said what.
  if (header.tensors.empty() && header.data_bytes > 0) return kUnreadable;
  const bool unowned =
      header.count(DefectKind::kGap) > 0 || header.count(DefectKind::kTrailingBytes) > 0;
  if (unowned && header.count(DefectKind::kDuplicateTensor) > 0) {
    return {Safety::kNever,
            "bytes are left over that may belong to the other entry of a name that stands twice"};
  }
  if (!std::ranges::all_of(header.tensors, &safetensors::TensorEntry::readable) ||
      !std::ranges::all_of(header.defects,
                           [&](const Defect& defect) { return is_relayable(header, defect); })) {
    return kUnreadable;
  }
  if (unowned && lacks_tensors(model.join)) {
    return {Safety::kNever, "bytes that no tensor owns may be those of tensors that are missing"};
  }
  if (std::ranges::any_of(header.defects, metadata_is_lost)) {
    return {Safety::kUnsafe, "without the metadata that is no text"};
  }
  return {Safety::kSafe};
}

Fix relay_fix(const Model& model, const Shard& shard, std::string summary) {
  const Relay relay = relay_of(model, shard);
  switch (relay.safety) {
    case Safety::kSafe:
      return safe_fix(std::move(summary), {edit::RelayShard{shard.file}});
    case Safety::kUnsafe:
      return unsafe_fix(fmt::format("{}, {}", summary, relay.why), {edit::RelayShard{shard.file}});
    case Safety::kNever:
      break;
  }
  return no_fix(
      fmt::format("{}: fetch the file again, or write it again from its source", relay.why));
}

}  // namespace shardwright
