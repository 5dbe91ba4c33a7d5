#include "check/foreign.h"

#include <span>

#include "base/bytes.h"

namespace shardwright {

std::string_view what_loaders_print(const Shard& foreign) {
  using safetensors::DefectKind;
  using safetensors::kPrefixBytes;
  using safetensors::loader_text;
  const std::uint64_t size = foreign.entry.bytes;
  if (size < kPrefixBytes || foreign.start.size() < kPrefixBytes) {
    return loader_text(DefectKind::kTooShort);
  }
  const std::uint64_t length = load_u64(std::as_bytes(std::span(foreign.start)).data());
  if (length > safetensors::kMaxHeaderBytes) return loader_text(DefectKind::kLengthTooLarge);
  if (length > size - kPrefixBytes) return loader_text(DefectKind::kLengthBeyondFile);
  if (length == 0) return loader_text(DefectKind::kLengthZero);
  return loader_text(DefectKind::kNotJson);
}

}  // namespace shardwright
