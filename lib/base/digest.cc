#include "base/digest.h"

#include <xxhash.h>

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "base/digest_avx2.h"
#include "base/panic.h"

namespace shardwright {
namespace {

Digest from_xxh(const XXH128_hash_t& hash) {
  return {hash.high64, hash.low64};
}

Digest digest_block(Bytes bytes) {
  static const bool has_avx2 = has_avx2_digest();
  if (!has_avx2) return from_xxh(XXH3_128bits(bytes.data(), bytes.size()));
  const RawDigest digest = avx2_digest(bytes.data(), bytes.size());
  return {digest.high, digest.low};
}

std::optional<std::uint64_t> from_hex(std::string_view text) {
  std::uint64_t value = 0;
  for (const char c : text) {
    const bool digit = c >= '0' && c <= '9';
    if (!digit && (c < 'a' || c > 'f')) return std::nullopt;
    value = value * 16 + static_cast<std::uint64_t>(digit ? c - '0' : c - 'a' + 10);
  }
  return value;
}

}  // namespace

void Digester::Free::operator()(XXH3_state_s* state) const {
  XXH3_freeState(state);
}

XXH3_state_s* Digester::state() {
  if (!state_) {
    state_.reset(XXH3_createState());
    SW_CHECK(state_ != nullptr);
  }
  return state_.get();
}

std::string digest_text(const Digest& digest) {
  return fmt::format("{:016x}{:016x}", digest.high, digest.low);
}

std::optional<Digest> digest_from_text(std::string_view text) {
  if (text.size() != 32) return std::nullopt;
  const auto high = from_hex(text.substr(0, 16));
  const auto low = from_hex(text.substr(16));
  if (!high || !low) return std::nullopt;
  return Digest{*high, *low};
}

void Digester::add(Bytes bytes) {
  while (!bytes.empty()) {
    const Bytes part = bytes.first(std::min<std::uint64_t>(bytes.size(), kBlockBytes - filled_));
    bytes = bytes.subspan(part.size());
    if (part.size() == kBlockBytes) {
      blocks_.push_back(digest_block(part));
      continue;
    }
    if (filled_ == 0) XXH3_128bits_reset(state());
    XXH3_128bits_update(state(), part.data(), part.size());
    filled_ += part.size();
    if (filled_ == kBlockBytes) {
      blocks_.push_back(from_xxh(XXH3_128bits_digest(state())));
      filled_ = 0;
    }
  }
}

std::vector<Digest> Digester::take() {
  if (filled_ > 0) blocks_.push_back(from_xxh(XXH3_128bits_digest(state())));
  filled_ = 0;
  return std::exchange(blocks_, {});
}

Digest Digester::of(std::span<const Digest> blocks) {
  if (blocks.size() == 1) return blocks.front();
  return from_xxh(XXH3_128bits(blocks.data(), blocks.size_bytes()));
}

Digest Digester::finish() {
  return of(take());
}

Digest digest_of(Bytes bytes) {
  Digester digester;
  digester.add(bytes);
  return digester.finish();
}

}  // namespace shardwright
