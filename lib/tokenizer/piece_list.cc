#include "tokenizer/piece_list.h"

#include <cstdint>
#include <optional>
#include <string>

#include <fmt/format.h>

#include "base/utf8.h"
#include "tokenizer/listed_tokens.h"
#include "tokenizer/proto_reader.h"

namespace shardwright {
namespace {

// Of sentencepiece's ModelProto: `repeated SentencePiece pieces = 1`, whose text is field 1.
constexpr std::uint64_t kPieces = 1;
constexpr std::uint64_t kText = 1;

std::optional<std::string_view> text_of(std::string_view piece) {
  ProtoReader fields(piece);
  std::optional<std::string_view> text;
  while (const auto field = fields.next()) {
    if (field->number == kText) text = field->bytes;
  }
  return fields.damaged() ? std::nullopt : text;
}

}  // namespace

void add_piece_list(std::string_view name, std::string_view bytes, TokenizerFacts& facts) {
  ListedTokens pieces(facts);
  ProtoReader fields(bytes);
  while (const auto field = fields.next()) {
    if (field->number != kPieces) continue;
    const auto text = text_of(field->bytes);
    if (!text || find_invalid_utf8(*text) != std::string_view::npos) return;
    pieces.add(pieces.size(), *text);
  }
  if (pieces.size() == 0) return;
  if (fields.damaged()) {
    facts.broken.push_back(
        {.file = std::string(name),
         .error = fmt::format("it is cut off or damaged behind {} pieces", pieces.size())});
    return;
  }
  pieces.settle(name, facts);
}

}  // namespace shardwright
