// A tokenizer.json: whatever is read of it is one vocabulary, also with a token more, and as it is
// written back.
#include <string>

#include "fuzz/target.h"
#include "json/edit.h"
#include "tokenizer/vocabulary.h"

namespace {

using namespace shardwright;

void check(const Vocabulary& vocabulary) {
  for (const auto& [id, token] : vocabulary.model)
    PROPERTY(vocabulary.find(token) == id && id < vocabulary.end());
  std::size_t more = 0;
  for (const AddedEntry& added : vocabulary.added) {
    PROPERTY(vocabulary.find(added.text) == added.id && added.id < vocabulary.end());
    if (!added.in_model) ++more;
  }
  PROPERTY(vocabulary.ids.size() == vocabulary.model.size() + more);
  PROPERTY(vocabulary.next() >= vocabulary.model.size());
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text = as_text(data, size);
  auto vocabulary = parse_vocabulary(text);
  if (!vocabulary) {
    PROPERTY(!vocabulary.error().message.empty());
    return 0;
  }
  check(*vocabulary);
  const std::string token = "\x01 no other is so called";
  if (vocabulary->find(token)) return 0;
  add_token(*vocabulary, token, plain_entry(token));
  check(*vocabulary);
  const auto written = json::set_value(text, "/added_tokens", added_tokens_text(*vocabulary));
  if (!written) return 0;  // the edit refuses what the reader passes over
  const auto again = parse_vocabulary(*written);
  PROPERTY(again && again->ids == vocabulary->ids);
  return 0;
}
