// A tokenizer.json, and behind a zero byte a text: reading and encoding end, with ids that the
// vocabulary has, the same each time, or with an error that can be printed.
#include <string>

#include "base/utf8.h"
#include "fuzz/target.h"
#include "tokenizer/encoder.h"
#include "tokenizer/vocabulary.h"

namespace {

using namespace shardwright;

void check_error(const Error& error) {
  PROPERTY(!error.message.empty());
  PROPERTY(find_invalid_utf8(error.message) == std::string_view::npos);
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input = as_text(data, size);
  const std::size_t zero = input.find('\0');
  const std::string_view file = input.substr(0, zero);
  const std::string_view text = zero == std::string_view::npos ? file : input.substr(zero + 1);
  const auto encoder = read_encoder(file);
  if (!encoder) {
    check_error(encoder.error());
    return 0;
  }
  const auto vocabulary = parse_vocabulary(file);
  PROPERTY(vocabulary);
  const auto ids = encode(*encoder, text);
  if (!ids) {
    check_error(ids.error());
    return 0;
  }
  PROPERTY(find_invalid_utf8(text) == std::string_view::npos);
  for (const TokenId id : *ids)
    PROPERTY(id < vocabulary->end());
  const auto again = encode(*encoder, text);
  PROPERTY(again && *again == *ids);
  return 0;
}
