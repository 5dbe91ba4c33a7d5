#include "check/relay.h"

#include <algorithm>
#include <string_view>
#include <utility>

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

// The first of two entries of one name may have owned bytes that no entry owns now.
bool hides_an_owner(const Header& header) {
  return header.count(DefectKind::kDuplicateTensor) > 0 &&
         (header.count(DefectKind::kGap) > 0 || header.count(DefectKind::kTrailingBytes) > 0);
}

}  // namespace

Relay relay_of(const Shard& shard) {
  if (!shard.header) return Relay::kImpossible;
  const Header& header = *shard.header;
  // A header without a tensor before data: the bytes belong to something, and it is not said what.
  if (header.tensors.empty() && header.data_bytes > 0) return Relay::kImpossible;
  if (hides_an_owner(header)) return Relay::kImpossible;
  if (!std::ranges::all_of(header.tensors, &safetensors::TensorEntry::readable) ||
      !std::ranges::all_of(header.defects,
                           [&](const Defect& defect) { return is_relayable(header, defect); })) {
    return Relay::kImpossible;
  }
  return std::ranges::any_of(header.defects, metadata_is_lost) ? Relay::kLosesMetadata
                                                               : Relay::kWhole;
}

Fix relay_fix(const Shard& shard, std::string summary) {
  switch (relay_of(shard)) {
    case Relay::kWhole:
      return safe_fix(std::move(summary), {edit::RelayShard{shard.file}});
    case Relay::kLosesMetadata:
      return unsafe_fix(std::move(summary) + ", without the metadata that is no text",
                        {edit::RelayShard{shard.file}});
    case Relay::kImpossible:
      break;
  }
  if (shard.header && hides_an_owner(*shard.header)) {
    return no_fix(
        "bytes are left over that may belong to the other entry of a name that stands "
        "twice: write the file again from its source");
  }
  return no_fix(
      "not all tensors of the file can be read: fetch it again, or write it again from its "
      "source");
}

Fix relay_fix_without_unowned(const Model& model, const Shard& shard, std::string summary) {
  Fix fix = relay_fix(shard, std::move(summary));
  if (fix.safety != Safety::kNever && lacks_tensors(model.join)) {
    return no_fix(
        "the bytes may be those of tensors that are missing: write the file again from "
        "its source");
  }
  return fix;
}

}  // namespace shardwright
