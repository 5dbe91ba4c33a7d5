#include <algorithm>

#include <fmt/format.h>

#include "base/utf8.h"
#include "job/settings_node.h"
#include "json/pull.h"

namespace shardwright {
namespace {

// As in settings_toml.cc.
constexpr std::size_t kMaxNesting = 32;

class SettingsReader {
 public:
  explicit SettingsReader(std::string_view text)
      : text_(text), parser_(text, {.max_depth = kMaxNesting}) {}

  Result<SettingsNode> read() {
    SettingsNode root = value(parser_.next());
    if (parser_.token() != json::Token::kError) parser_.next();
    if (parser_.token() != json::Token::kError) return root;
    const json::PullError& error = parser_.error();
    return Error{ErrorCode::kMalformed, fmt::format("{}: {}", line(error.at), error.what)};
  }

 private:
  std::size_t line(std::size_t at) const {
    return 1 + static_cast<std::size_t>(std::ranges::count(text_.substr(0, at), '\n'));
  }

  // The value that begins with this token; where the text ends in an error, what was there.
  SettingsNode value(json::Token token) {
    SettingsNode node{.line = line(parser_.begin())};
    switch (token) {
      case json::Token::kString:
        node.kind = SettingsNode::Kind::kText;
        node.text = json::decode_string(parser_.raw());
        break;
      case json::Token::kBeginArray:
        node.kind = SettingsNode::Kind::kList;
        for (token = parser_.next(); !ends(token); token = parser_.next())
          node.items.push_back(value(token));
        break;
      case json::Token::kBeginObject:
        node.kind = SettingsNode::Kind::kTable;
        for (token = parser_.next(); !ends(token); token = parser_.next()) {
          const std::size_t key_line = line(parser_.begin());
          std::string key = json::decode_string(parser_.raw());
          node.items.push_back(value(parser_.next()));
          node.items.back().key = std::move(key);
          node.items.back().line = key_line;
        }
        break;
      default:
        node.other = json::token_kind(token);
    }
    return node;
  }

  static bool ends(json::Token token) {
    return token == json::Token::kEndArray || token == json::Token::kEndObject ||
           token == json::Token::kError || token == json::Token::kEnd;
  }

  std::string_view text_;
  json::PullParser parser_;
};

}  // namespace

Result<SettingsNode> parse_settings_json(std::string_view text) {
  if (const std::size_t at = find_invalid_utf8(text); at != std::string_view::npos) {
    const auto line = 1 + std::ranges::count(text.substr(0, at), '\n');
    return Error{ErrorCode::kMalformed, fmt::format("{}: not UTF-8", line)};
  }
  return SettingsReader(text).read();
}

}  // namespace shardwright
