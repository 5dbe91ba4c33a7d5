#include "tokenizer/facts.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/text.h"
#include "base/utf8.h"
#include "json/pull.h"

namespace shardwright {
namespace {

using json::PullParser;
using json::Token;

constexpr std::size_t kMaxNamed = 32;
constexpr std::size_t kMaxContent = 256;  // tokens are short, and those that are not are cut

std::string content_of(std::string_view raw, bool escaped) {
  return escaped ? json::decode_string(raw.substr(0, raw.size())).substr(0, kMaxContent)
                 : std::string(raw.substr(0, kMaxContent));
}

// The largest id of a run of tokens; contents are decoded once, at the end.
struct Top {
  std::string_view file{};
  std::string trouble{};  // that is no error of JSON
  std::optional<std::uint64_t> id{};
  std::string_view raw{};
  bool escaped{};

  void see(std::uint64_t candidate, std::string_view content, bool has_escapes) {
    if (id && candidate <= *id) return;
    id = candidate;
    raw = content;
    escaped = has_escapes;
  }
};

void raise(std::optional<TokenizerFacts::Token>& top, TokenizerFacts::Token token) {
  if (!top || token.id > top->id) top = std::move(token);
}

// The word stands in the text as `raw`.
void note_named(TokenizerFacts& facts, std::uint64_t id, std::string_view raw, bool escaped) {
  for (TokenizerFacts::Named& named : facts.named) {
    const std::string_view content = named.content;
    if (escaped ? raw.size() > content.size() && json::decode_string(raw) == content
                : raw == content)
      named.id = id;
  }
}

void add_bad_id(TokenizerFacts& facts, std::string_view file) {
  ++facts.bad_ids;
  const auto same = [&](const TokenizerFacts::Broken& broken) { return broken.file == file; };
  if (std::ranges::any_of(facts.broken, same)) return;
  facts.broken.push_back(
      {.file = std::string(file), .error = "the id of a token is no whole number"});
}

void add_token(TokenizerFacts& facts, AddedToken token) {
  ++facts.added;
  note_named(facts, token.id, token.content, false);
  raise(facts.added_top, {.id = token.id, .content = token.content, .file = token.file});
  if (facts.added_tokens.size() < TokenizerFacts::kMaxAddedTokens) {
    facts.added_tokens.push_back(std::move(token));
  }
}

// {"a": 0, "b": 1}, behind its opening brace.
void read_vocabulary_object(PullParser& parser, Top& top, TokenizerFacts& facts) {
  while (parser.next() == Token::kKey) {
    const std::string_view raw = parser.raw();
    const bool escaped = parser.escaped();
    ++facts.vocabulary;
    const Token value = parser.next();
    if (const auto id = value == Token::kNumber ? parser.unsigned_number() : std::nullopt) {
      top.see(*id, raw, escaped);
      note_named(facts, *id, raw, escaped);
    } else {
      add_bad_id(facts, top.file);
      if (value == Token::kBeginObject || value == Token::kBeginArray) parser.skip();
    }
  }
}

// [["a", -1.5], ["b", -2.5]], behind its opening bracket.
void read_vocabulary_list(PullParser& parser, Top& top, TokenizerFacts& facts) {
  for (Token token = parser.next(); token != Token::kEndArray; token = parser.next()) {
    if (token == Token::kError) return;
    std::string_view raw;
    bool escaped = false;
    if (token == Token::kBeginArray) {
      token = parser.next();
      if (token == Token::kError) return;
      if (token == Token::kString) {
        raw = parser.raw();
        escaped = parser.escaped();
      }
      while (token != Token::kEndArray) {
        if ((token == Token::kBeginObject || token == Token::kBeginArray) && !parser.skip()) return;
        token = parser.next();
        if (token == Token::kError) return;
      }
    } else if (token == Token::kBeginObject && !parser.skip()) {
      return;
    }
    note_named(facts, facts.vocabulary, raw, escaped);
    top.see(facts.vocabulary++, raw, escaped);
  }
}

void read_model(PullParser& parser, Top& top, TokenizerFacts& facts) {
  while (parser.next() == Token::kKey) {
    if (parser.raw() == "type") {
      if (parser.next() == Token::kString) {
        facts.model_type = content_of(parser.raw(), parser.escaped());
      } else {
        parser.skip();
      }
    } else if (parser.raw() == "vocab") {
      const Token value = parser.next();
      if (value == Token::kBeginObject) {
        read_vocabulary_object(parser, top, facts);
      } else if (value == Token::kBeginArray) {
        read_vocabulary_list(parser, top, facts);
      }
    } else if (!parser.skip()) {
      return;
    }
  }
}

// {"id": 0, "content": "<s>", "special": true, ...}, behind its opening brace.
void read_added_token(PullParser& parser, TokenizerFacts& facts) {
  AddedToken added{.file = "tokenizer.json"};
  bool has_id = false;
  while (parser.next() == Token::kKey) {
    const std::string_view key = parser.raw();
    const Token value = parser.next();
    if (key == "id" && value == Token::kNumber) {
      const auto id = parser.unsigned_number();
      has_id = id.has_value();
      added.id = id.value_or(0);
    } else if (key == "content" && value == Token::kString) {
      added.content = content_of(parser.raw(), parser.escaped());
    } else if (key == "special") {
      added.special = value == Token::kTrue;
    }
    if (value == Token::kBeginObject || value == Token::kBeginArray) parser.skip();
  }
  if (parser.token() == Token::kError) return;
  if (has_id) {
    add_token(facts, std::move(added));
  } else {
    add_bad_id(facts, added.file);
  }
}

void read_added_list(PullParser& parser, TokenizerFacts& facts) {
  for (Token token = parser.next(); token != Token::kEndArray && token != Token::kError;
       token = parser.next()) {
    if (token == Token::kBeginObject) {
      read_added_token(parser, facts);
    } else if (token == Token::kBeginArray) {
      parser.skip();
    }
  }
}

std::string not_an_object(Token root) {
  return fmt::format("it is {}, and has to be an object", json::token_kind(root));
}

void read_root(PullParser& parser, Top& top, TokenizerFacts& facts) {
  const Token root = parser.next();
  if (root != Token::kBeginObject) {
    if (root != Token::kError) top.trouble = not_an_object(root);
    parser.skip();
    return;
  }
  bool has_model = false;
  while (parser.next() == Token::kKey) {
    const std::string_view key = parser.raw();
    if (key != "model" && key != "added_tokens") {
      if (!parser.skip()) return;
      continue;
    }
    const Token value = parser.next();
    if (key == "model" && value == Token::kBeginObject) {
      has_model = true;
      read_model(parser, top, facts);
    } else if (key == "added_tokens" && value == Token::kBeginArray) {
      read_added_list(parser, facts);
    } else {
      parser.skip();
    }
  }
  if (!has_model && top.trouble.empty()) top.trouble = "it has no 'model' that is an object";
}

template <typename Read>
void read_text(std::string_view text, const char* file, TokenizerFacts& facts, const Read& read) {
  const auto broken = [&](std::string error) {
    facts.broken.push_back({.file = file,
                            .error = std::move(error),
                            .start = std::string(text.substr(0, TokenizerFacts::kStartBytes))});
  };
  if (const std::size_t bad = find_invalid_utf8(text); bad != std::string_view::npos) {
    broken(fmt::format("{}: bytes that are not UTF-8", json::place_text(text, bad)));
    return;
  }
  PullParser parser(text);
  Top top{.file = file};
  read(parser, top);
  Token token = parser.token();
  while (token != Token::kEnd && token != Token::kError)
    token = parser.next();
  if (token == Token::kError) {
    broken(fmt::format("{}: {}", json::place_text(text, parser.error().at), parser.error().what));
  } else if (!top.trouble.empty()) {
    broken(std::move(top.trouble));
  }
  if (top.id) {
    raise(facts.vocabulary_top,
          {.id = *top.id, .content = content_of(top.raw, top.escaped), .file = file});
  }
}

std::optional<std::uint64_t> id_of(const json::Value& value) {
  const auto number = value.whole_number();
  if (!number || *number < 0) return std::nullopt;
  return static_cast<std::uint64_t>(*number);
}

}  // namespace

const TokenizerFacts::Token* TokenizerFacts::top() const {
  if (!vocabulary_top) return added_top ? &*added_top : nullptr;
  return added_top && added_top->id > vocabulary_top->id ? &*added_top : &*vocabulary_top;
}

void add_named_tokens(const json::Value& tokenizer_config, TokenizerFacts& facts) {
  const json::Value::Object* members = tokenizer_config.object();
  if (members == nullptr) return;
  for (const json::Member& member : *members) {
    if (!member.key.ends_with("_token")) continue;  // and not "add_bos_token", which is a flag
    const json::Value* value = &member.value;
    if (value->object() != nullptr) value = value->find("content");
    if (value == nullptr || value->string() == nullptr || value->string()->empty() ||
        value->string()->size() > kMaxContent)
      continue;
    const std::string& content = *value->string();
    const auto same = [&](const TokenizerFacts::Named& named) { return named.content == content; };
    if (facts.named.size() < kMaxNamed && std::ranges::none_of(facts.named, same))
      facts.named.push_back({.key = member.key, .content = content});
  }
}

void add_tokenizer_json(std::string_view text, TokenizerFacts& facts) {
  read_text(text, "tokenizer.json", facts,
            [&](PullParser& parser, Top& top) { read_root(parser, top, facts); });
}

void add_vocabulary_json(std::string_view text, TokenizerFacts& facts) {
  read_text(text, "vocab.json", facts, [&](PullParser& parser, Top& top) {
    const Token root = parser.next();
    if (root == Token::kBeginObject) {
      read_vocabulary_object(parser, top, facts);
    } else if (root != Token::kError) {
      top.trouble = not_an_object(root);
      parser.skip();
    }
  });
}

void add_tokenizer_config(const json::Value& root, TokenizerFacts& facts) {
  const json::Value* decoder = root.find("added_tokens_decoder");
  const json::Value::Object* tokens = decoder == nullptr ? nullptr : decoder->object();
  if (tokens == nullptr) return;
  for (const json::Member& member : *tokens) {
    const auto id = parse_u64(member.key);
    if (!id) {
      add_bad_id(facts, "tokenizer_config.json");
      continue;
    }
    const json::Value* content = member.value.find("content");
    const std::string* text = content == nullptr ? nullptr : content->string();
    add_token(facts, {.id = *id,
                      .content = text == nullptr ? "" : text->substr(0, kMaxContent),
                      .file = "tokenizer_config.json",
                      .special = member.value.says("special", true)});
  }
}

void add_added_tokens(const json::Value& root, TokenizerFacts& facts) {
  const json::Value::Object* tokens = root.object();
  if (tokens == nullptr) return;
  for (const json::Member& member : *tokens) {
    if (const auto id = id_of(member.value)) {
      add_token(
          facts,
          {.id = *id, .content = member.key.substr(0, kMaxContent), .file = "added_tokens.json"});
    } else {
      add_bad_id(facts, "added_tokens.json");
    }
  }
}

}  // namespace shardwright
