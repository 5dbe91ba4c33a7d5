#include "tokenizer/piece_list.h"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "base/utf8.h"
#include "tokenizer/proto_reader.h"

namespace shardwright {
namespace {

// Of sentencepiece's ModelProto: `repeated SentencePiece pieces = 1`, whose text is field 1.
constexpr std::uint64_t kPieces = 1;
constexpr std::uint64_t kText = 1;
constexpr std::size_t kMaxPiece = 256;  // pieces are short, and those that are not are cut

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
  std::uint64_t count = 0;
  std::string_view last;
  std::vector<std::optional<std::uint64_t>> ids(facts.named.size());
  ProtoReader fields(bytes);
  while (const auto field = fields.next()) {
    if (field->number != kPieces) continue;
    const auto text = text_of(field->bytes);
    if (!text || find_invalid_utf8(*text) != std::string_view::npos) return;
    for (std::size_t i = 0; i < ids.size(); ++i) {
      if (facts.named[i].content == *text) ids[i] = count;
    }
    last = *text;
    ++count;
  }
  if (count == 0) return;
  if (fields.damaged()) {
    facts.broken.push_back(
        {.file = std::string(name),
         .error = fmt::format("it is cut off or damaged behind {} pieces", count)});
    return;
  }
  facts.vocabulary = count;
  facts.vocabulary_top = {.id = count - 1,
                          .content = std::string(last.substr(0, kMaxPiece)),
                          .file = std::string(name)};
  for (std::size_t i = 0; i < ids.size(); ++i) {
    if (ids[i]) facts.named[i].id = ids[i];
  }
}

}  // namespace shardwright
