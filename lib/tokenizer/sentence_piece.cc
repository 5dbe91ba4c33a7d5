#include "tokenizer/sentence_piece.h"

#include <sentencepiece_processor.h>

#include <cstdint>
#include <string>
#include <utility>

#include <fmt/format.h>

#include "base/utf8.h"
#include "tokenizer/charsmap.h"
#include "tokenizer/proto_reader.h"

namespace shardwright {
namespace {

// The library follows the characters map of a model without looking where it leads.
bool has_closed_maps(std::string_view model) {
  constexpr std::uint64_t kNormalizer = 3;
  constexpr std::uint64_t kMap = 2;
  ProtoReader fields(model);
  while (const auto field = fields.next()) {
    if (field->number != kNormalizer) continue;
    ProtoReader settings(field->bytes);
    while (const auto setting = settings.next()) {
      if (setting->number != kMap || setting->bytes.empty()) continue;
      const auto map = CharactersMap::read(setting->bytes);
      if (!map || !map->is_closed()) return false;
    }
  }
  return true;
}

}  // namespace

Result<SentencePiece> SentencePiece::read(std::string_view bytes) {
  if (!has_closed_maps(bytes))
    return Error{ErrorCode::kMalformed, "it is no model of sentencepiece: its map is damaged"};
  auto processor = std::make_shared<sentencepiece::SentencePieceProcessor>();
  const auto status = processor->LoadFromSerializedProto(bytes);
  if (bytes.empty() || !status.ok()) {
    return Error{ErrorCode::kMalformed,
                 fmt::format("it is no model of sentencepiece: {}", printable(status.ToString()))};
  }
  return SentencePiece(std::move(processor));
}

Status SentencePiece::encode(std::string_view text, std::vector<TokenId>& out) const {
  std::vector<int> ids;
  const auto status = processor_->Encode(text, &ids);
  if (!status.ok()) {
    return Error{ErrorCode::kMalformed,
                 fmt::format("sentencepiece: {}", printable(status.ToString()))};
  }
  for (const int id : ids)
    out.push_back(static_cast<TokenId>(id));
  return ok();
}

std::vector<std::pair<std::string, TokenId>> SentencePiece::control_tokens() const {
  std::vector<std::pair<std::string, TokenId>> tokens;
  for (int id = 0; id < processor_->GetPieceSize(); ++id) {
    if (processor_->IsControl(id) || processor_->IsUnknown(id))
      tokens.emplace_back(processor_->IdToPiece(id), static_cast<TokenId>(id));
  }
  return tokens;
}

}  // namespace shardwright
