#include "tokenizer/vocabulary.h"

#include <algorithm>
#include <unordered_set>
#include <utility>

#include <fmt/format.h>

#include "base/try.h"
#include "base/utf8.h"
#include "json/pull.h"

namespace shardwright {
namespace {

using json::PullParser;
using json::Token;

// Ids are 32 bits wide in the library, and an embedding has a row for each.
constexpr std::uint64_t kMostIds = 1ULL << 32U;

std::string token_text(const PullParser& parser) {
  return parser.escaped() ? json::decode_string(parser.raw()) : std::string(parser.raw());
}

// Where in the text the parts are that count.
struct Parts {
  bool model{};
  std::string_view added{};  // the list of added tokens, with its brackets
};

class Reader {
 public:
  explicit Reader(std::string_view text) : text_(text), parser_(text) {}

  Result<Vocabulary> read() {
    if (const std::size_t bad = find_invalid_utf8(text_); bad != std::string_view::npos) {
      return Error{ErrorCode::kMalformed,
                   fmt::format("{}: bytes that are not UTF-8", json::place_text(text_, bad))};
    }
    if (parser_.next() != Token::kBeginObject) return wrong("it is no JSON object");
    while (parser_.next() == Token::kKey) {
      const std::string_view key = parser_.raw();
      if (key == "model") {
        SW_TRY_OK(read_model());
      } else if (key == "added_tokens") {
        const Token value = parser_.next();
        const std::size_t begin = parser_.begin();
        if (value == Token::kBeginArray) {
          if (!parser_.skip()) break;
          parts_.added = text_.substr(begin, parser_.end() - begin);
        } else if (value != Token::kNull) {
          return wrong("'added_tokens' is no list");
        }
      } else if (!parser_.skip()) {
        break;
      }
    }
    if (parser_.token() == Token::kError) return wrong(parser_.error().what);
    if (!parts_.model) return wrong("it has no 'model' with a 'vocab'");
    std::ranges::sort(out_.model);
    SW_TRY_OK(read_added());
    return std::move(out_);
  }

 private:
  Error wrong(std::string_view what) {
    const std::size_t at = parser_.token() == Token::kError ? parser_.error().at : parser_.begin();
    return {ErrorCode::kMalformed, fmt::format("{}: {}", json::place_text(text_, at), what)};
  }

  Status read_model() {
    if (parser_.next() != Token::kBeginObject) return wrong("'model' is no object");
    while (parser_.next() == Token::kKey) {
      if (parser_.raw() == "type") {
        if (parser_.next() == Token::kString) out_.model_type = token_text(parser_);
      } else if (parser_.raw() == "vocab") {
        const Token value = parser_.next();
        if (value == Token::kBeginObject) {
          SW_TRY_OK(read_map());
        } else if (value == Token::kBeginArray) {
          SW_TRY_OK(read_list());
        } else {
          return wrong("'vocab' is neither an object nor a list");
        }
        parts_.model = true;
      } else if (!parser_.skip()) {
        break;
      }
    }
    return ok();
  }

  Status take(std::string text, std::uint64_t id) {
    if (id >= kMostIds) return wrong(fmt::format("the id of {} is too large", quoted(text, 60)));
    if (!out_.ids.emplace(text, id).second)
      return wrong(fmt::format("the token {} stands twice in 'vocab'", quoted(text, 60)));
    out_.model.emplace_back(id, std::move(text));
    return ok();
  }

  Status read_map() {
    while (parser_.next() == Token::kKey) {
      std::string text = token_text(parser_);
      const auto id = parser_.next() == Token::kNumber ? parser_.unsigned_number() : std::nullopt;
      if (!id) return wrong(fmt::format("the token {} has no id from 0 up", quoted(text, 60)));
      SW_TRY_OK(take(std::move(text), *id));
    }
    return ok();
  }

  Status read_list() {
    for (Token token = parser_.next(); token != Token::kEndArray; token = parser_.next()) {
      if (token != Token::kBeginArray || parser_.next() != Token::kString)
        return wrong("an entry of 'vocab' is no pair of a text and a number");
      std::string text = token_text(parser_);
      if (parser_.next() != Token::kNumber || parser_.next() != Token::kEndArray)
        return wrong("an entry of 'vocab' is no pair of a text and a number");
      SW_TRY_OK(take(std::move(text), out_.model.size()));
    }
    return ok();
  }

  Status read_added() {
    if (parts_.added.empty()) return ok();
    SW_TRY(const json::Document document, json::parse(parts_.added));
    for (const json::Value& entry : *document.root.array()) {
      const json::Value* content = entry.find("content");
      const json::Value* id = entry.find("id");
      if (content == nullptr || content->string() == nullptr || id == nullptr ||
          !id->whole_number()) {
        return Error{ErrorCode::kMalformed, "an entry of 'added_tokens' has no content or no id"};
      }
      const std::string& text = *content->string();
      const auto known = out_.find(text);
      const std::uint64_t given = known.value_or(out_.next());
      if (static_cast<std::uint64_t>(*id->whole_number()) != given) {
        return Error{ErrorCode::kMalformed,
                     fmt::format("the added token {} has the id {}, and loaders give it {}",
                                 quoted(text, 60), *id->whole_number(), given)};
      }
      if (!seen_.insert(text).second) continue;  // the first counts
      out_.ids[text] = given;
      out_.added_end = std::max(out_.added_end, given + 1);
      out_.added.push_back({text, given, known.has_value(), entry});
    }
    return ok();
  }

  std::string_view text_;
  PullParser parser_;
  Parts parts_;
  Vocabulary out_;
  std::unordered_set<std::string> seen_;  // added tokens
};

void set_member(json::Value& entry, std::string_view key, json::Value value) {
  auto& object = std::get<json::Value::Object>(entry.data);
  const auto found = std::ranges::find(object, key, &json::Member::key);
  if (found != object.end()) {
    found->value = std::move(value);
  } else {
    object.push_back({std::string(key), std::move(value)});
  }
}

}  // namespace

std::optional<std::uint64_t> Vocabulary::find(const std::string& token) const {
  const auto found = ids.find(token);
  return found == ids.end() ? std::nullopt : std::optional(found->second);
}

std::uint64_t Vocabulary::end() const {
  return std::max(added_end, model.empty() ? 0 : model.back().first + 1);
}

std::uint64_t Vocabulary::next() const {
  return std::max<std::uint64_t>(added_end, model.size());
}

Result<Vocabulary> parse_vocabulary(std::string_view text) {
  return Reader(text).read();
}

void add_token(Vocabulary& vocabulary, std::string text, json::Value entry) {
  const std::uint64_t id = vocabulary.next();
  set_member(entry, "id", {static_cast<std::int64_t>(id)});
  vocabulary.ids[text] = id;
  vocabulary.added_end = id + 1;
  vocabulary.added.push_back({std::move(text), id, false, std::move(entry)});
}

std::string added_tokens_text(const Vocabulary& vocabulary) {
  json::Value::Array list;
  for (const AddedEntry& added : vocabulary.added)
    list.push_back(added.entry);
  // As deep as in a file that the library writes.
  return json::dump_inside({std::move(list)}, 2, 1);
}

json::Value plain_entry(std::string_view text) {
  json::Value::Object object;
  object.push_back({"id", {std::int64_t{0}}});
  object.push_back({"content", {std::string(text)}});
  for (const char* key : {"single_word", "lstrip", "rstrip"})
    object.push_back({key, {false}});
  object.push_back({"normalized", {true}});
  object.push_back({"special", {false}});
  return {std::move(object)};
}

}  // namespace shardwright
