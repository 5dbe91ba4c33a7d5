#include "tokenizer/sentence_piece.h"

#include <sentencepiece_processor.h>

#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include <fmt/format.h>

#include "base/utf8.h"
#include "tokenizer/charsmap.h"

namespace shardwright {
namespace {

// A field of a protocol buffer that is a text or a message; the others are passed over.
struct ProtoField {
  std::uint64_t number{};
  std::string_view bytes{};
};

class ProtoReader {
 public:
  explicit ProtoReader(std::string_view message) : rest_(message) {}

  // The next field with bytes, or none at the end, and where the message is damaged.
  std::optional<ProtoField> next() {
    while (const auto key = varint()) {
      const std::uint64_t number = *key >> 3U;
      switch (*key & 7U) {
        case 0:
          if (!varint()) return std::nullopt;
          break;
        case 1:
          if (!take(8)) return std::nullopt;
          break;
        case 2: {
          const auto size = varint();
          if (!size) return std::nullopt;
          const auto bytes = take(*size);
          if (!bytes) return std::nullopt;
          return ProtoField{number, *bytes};
        }
        case 5:
          if (!take(4)) return std::nullopt;
          break;
        default:
          return std::nullopt;
      }
    }
    return std::nullopt;
  }

 private:
  std::optional<std::uint64_t> varint() {
    std::uint64_t value = 0;
    for (unsigned shift = 0; shift < 64 && !rest_.empty(); shift += 7) {
      const auto byte = static_cast<unsigned char>(rest_.front());
      rest_.remove_prefix(1);
      value |= std::uint64_t{byte & 0x7FU} << shift;
      if (byte < 0x80) return value;
    }
    return std::nullopt;
  }

  std::optional<std::string_view> take(std::uint64_t size) {
    if (size > rest_.size()) return std::nullopt;
    const std::string_view taken = rest_.substr(0, size);
    rest_.remove_prefix(size);
    return taken;
  }

  std::string_view rest_;
};

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
