// The digest of a value by its fields: each is added with its length or width, so that no two lists
// of fields look alike.
#pragma once

#include <bit>
#include <cstdint>
#include <span>
#include <string_view>

#include "base/bytes.h"
#include "base/digest.h"

namespace shardwright {

class FieldDigest {
 public:
  void number(std::uint64_t value) { digester_.add(std::as_bytes(std::span(&value, 1))); }
  void real(double value) { number(std::bit_cast<std::uint64_t>(value)); }
  void text(std::string_view value) {
    number(value.size());
    digester_.add(std::as_bytes(std::span(value)));
  }
  Digest finish() { return digester_.finish(); }

 private:
  Digester digester_;
};

}  // namespace shardwright
