#include "tokenizer/word_piece.h"

#include <utility>

#include <fmt/format.h>

#include "base/utf8.h"
#include "tokenizer/unicode.h"

namespace shardwright {
namespace {

Status add_unknown(const TokenTable& ids, const std::string& unk_token, std::vector<TokenId>& out) {
  const auto id = find_token(ids, unk_token);
  if (!id) {
    return Error{ErrorCode::kMalformed,
                 fmt::format("a text has unknown words, and 'vocab' lacks the 'unk_token' {}",
                             quoted(unk_token, 60))};
  }
  out.push_back(*id);
  return ok();
}

}  // namespace

WordPiece::WordPiece(TokenTable ids, WordPieceSettings settings)
    : ids_(std::move(ids)), settings_(std::move(settings)) {
  std::vector<Trie::Entry> beginnings;
  std::vector<Trie::Entry> continuations;
  for (const auto& [token, id] : ids_) {
    beginnings.emplace_back(token, id);
    const std::string_view text = token;
    if (text.starts_with(settings_.continuing_prefix))
      continuations.emplace_back(text.substr(settings_.continuing_prefix.size()), id);
  }
  beginnings_ = Trie(std::move(beginnings));
  continuations_ = Trie(std::move(continuations));
}

Status WordPiece::encode(std::string_view piece, std::vector<TokenId>& out) const {
  if (count_code_points(piece) > settings_.most_characters)
    return add_unknown(ids_, settings_.unk_token, out);
  const std::size_t before = out.size();
  for (std::size_t begin = 0; begin < piece.size();) {
    std::size_t longest = 0;
    TokenId id = 0;
    const Trie& tokens = begin == 0 ? beginnings_ : continuations_;
    tokens.for_each_prefix(piece.substr(begin), [&](std::size_t bytes, TokenId token) {
      longest = bytes;
      id = token;
    });
    if (longest == 0) {
      out.resize(before);
      return add_unknown(ids_, settings_.unk_token, out);
    }
    out.push_back(id);
    begin += longest;
  }
  return ok();
}

Status WordLevel::encode(std::string_view piece, std::vector<TokenId>& out) const {
  if (const auto id = find_token(ids, piece)) {
    out.push_back(*id);
    return ok();
  }
  return add_unknown(ids, unk_token, out);
}

}  // namespace shardwright
