#include "tokenizer/token_table.h"

#include <fmt/format.h>

namespace shardwright {

std::string byte_token(unsigned char byte) {
  return fmt::format("<0x{:02X}>", static_cast<unsigned>(byte));
}

}  // namespace shardwright
