// JSON: the pull parser takes what nlohmann takes, values survive a round trip, and an edit keeps
// every byte outside of its place. Input: a byte that picks the value to edit, then the text.
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "base/utf8.h"
#include "fuzz/target.h"
#include "json/edit.h"
#include "json/pull.h"
#include "json/value.h"

namespace shardwright::json {
namespace {

enum class Verdict : std::uint8_t { kGood, kBad, kTooDeep };

Verdict pull(std::string_view text, PullOptions options) {
  if (find_invalid_utf8(text) != std::string_view::npos) return Verdict::kBad;
  PullParser parser(text, options);
  std::size_t last = 0;
  while (true) {
    const Token token = parser.next();
    PROPERTY(last <= parser.begin() && parser.begin() <= parser.end());
    PROPERTY(parser.end() <= text.size() && parser.depth() <= options.max_depth);
    last = parser.end();
    if (token == Token::kEnd) return Verdict::kGood;
    if (token == Token::kError) {
      PROPERTY(parser.error().at <= text.size() && !parser.error().what.empty());
      return parser.error().too_deep ? Verdict::kTooDeep : Verdict::kBad;
    }
    if (token == Token::kString || token == Token::kKey) {
      PROPERTY(find_invalid_utf8(decode_string(parser.raw())) == std::string_view::npos);
    }
  }
}

void compare_with_nlohmann(std::string_view text) {
  // Two liberties of nlohmann's: a NUL ends the text, and a byte-order mark is skipped.
  if (text.find('\0') != std::string_view::npos || text.starts_with("\xEF\xBB\xBF")) return;
  const Verdict verdict = pull(text, {});
  if (verdict == Verdict::kTooDeep) return;
  PROPERTY((verdict == Verdict::kGood) == nlohmann::json::accept(text));
}

// A pointer to the value `pick` steps into the tree, and the value.
const Value* choose(const Value& root, unsigned pick, std::string& pointer) {
  const Value* value = &root;
  for (; pick > 0; pick /= 4) {
    if (const auto* object = value->object(); object != nullptr && !object->empty()) {
      const std::string& key = (*object)[pick % object->size()].key;
      pointer += '/' + pointer_step(key);
      value = value->find(key);
    } else if (const auto* array = value->array(); array != nullptr && !array->empty()) {
      const std::size_t i = pick % array->size();
      pointer += '/' + std::to_string(i);
      value = &(*array)[i];
    }
  }
  return value;
}

// The value at a pointer that choose() made; its steps are looked up in `like`, where they exist.
std::string at(std::string_view text, unsigned pick) {
  const auto document = parse(text);
  PROPERTY(document);
  std::string pointer;
  return dump(*choose(document->root, pick, pointer));
}

void edit_one(std::string_view text, const Document& document, unsigned pick) {
  std::string pointer;
  const Value* value = choose(document.root, pick, pointer);
  const std::string old_value = dump(*value);
  const auto changed = set_value(text, pointer, "-77");
  PROPERTY(changed);
  // What stands before and behind is as it was, and between them stands the old value.
  std::size_t prefix = 0;
  while (prefix < changed->size() && prefix < text.size() && text[prefix] == (*changed)[prefix])
    ++prefix;
  std::size_t suffix = 0;
  while (suffix < changed->size() - prefix && suffix < text.size() - prefix &&
         text[text.size() - 1 - suffix] == (*changed)[changed->size() - 1 - suffix]) {
    ++suffix;
  }
  PROPERTY(changed->size() - prefix - suffix <= 3);  // of "-77"
  if (document.duplicate_keys.empty() && value->object() == nullptr && value->array() == nullptr) {
    PROPERTY(at(*changed, pick) == "-77");
    if (document.non_finite == 0) {
      const auto back = set_value(*changed, pointer, old_value);
      PROPERTY(back && at(*back, pick) == old_value);
    }
  }
  if (pointer.empty()) return;
  const auto removed = remove_value(text, pointer);
  PROPERTY(removed && removed->size() < text.size());
  PROPERTY(parse(*removed));
}

}  // namespace
}  // namespace shardwright::json

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace shardwright;
  using namespace shardwright::json;
  if (size == 0) return 0;
  const std::string_view text = as_text(data, size).substr(1);
  compare_with_nlohmann(text);
  const auto document = parse(text);
  const std::string_view unmarked = text.starts_with("\xEF\xBB\xBF") ? text.substr(3) : text;
  PROPERTY(document.has_value() == (pull(unmarked, {.non_finite = true}) == Verdict::kGood));
  if (!document) {
    PROPERTY(document.error().code == ErrorCode::kMalformed);
    PROPERTY(document.error().message.starts_with("line "));
    PROPERTY(!set_value(text, "/a", "1"));
    return 0;
  }
  const std::string dumped = dump(document->root);
  const auto again = parse(dumped);
  PROPERTY(again && dump(again->root) == dumped);
  PROPERTY(dump(parse(dump(document->root, 2))->root) == dumped);
  edit_one(text, *document, data[0]);
  return 0;
}
