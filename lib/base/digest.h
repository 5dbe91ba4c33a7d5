// Digests of long byte ranges: XXH3 of 128 bits over blocks of 1 MiB, and over their digests in
// order.
//
// Cut into blocks, a range can be digested by several threads, and the result does not depend on
// how it was cut. It proves that bytes are the same; it is no protection against an adversary.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/units.h"

struct XXH3_state_s;

namespace shardwright {

struct Digest {
  std::uint64_t high{}, low{};
  friend bool operator==(const Digest&, const Digest&) = default;
};

std::string digest_text(const Digest& digest);  // 32 hexadecimal digits
std::optional<Digest> digest_from_text(std::string_view text);

class Digester {
 public:
  static constexpr std::uint64_t kBlockBytes = kMiB;

  // The next bytes of the range, in any portions.
  void add(Bytes bytes);

  // The digests of the blocks seen so far, the last one maybe short; then it begins anew. Those of
  // neighbouring ranges, each but the last a multiple of kBlockBytes, may be put together.
  std::vector<Digest> take();
  // What they say together.
  static Digest of(std::span<const Digest> blocks);

  // of(take())
  Digest finish();

 private:
  struct Free {
    void operator()(XXH3_state_s* state) const;
  };
  XXH3_state_s* state();

  std::vector<Digest> blocks_;                 // of full blocks
  std::unique_ptr<XXH3_state_s, Free> state_;  // of the last block, where it is not full
  std::uint64_t filled_{};                     // bytes of that block
};

// Of one piece of memory.
Digest digest_of(Bytes bytes);

}  // namespace shardwright
