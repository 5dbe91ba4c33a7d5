#include "tokenizer/encoder.h"

#include <algorithm>
#include <cstdint>
#include <string>
#include <unordered_map>
#include <utility>

#include <fmt/format.h>

#include "base/try.h"
#include "base/utf8.h"
#include "tokenizer/limits.h"
#include "tokenizer/unicode.h"

namespace shardwright {
namespace {

// Pieces that were encoded before, in one text: words come again and again.
class PieceCache {
 public:
  // The ids of a piece, where it is here, are appended.
  bool find(std::string_view piece, std::vector<TokenId>& out) const {
    const auto found = places_.find(piece);
    if (found == places_.end()) return false;
    const auto begin = ids_.begin() + found->second.first;
    out.insert(out.end(), begin, begin + found->second.second);
    return true;
  }

  void add(std::string_view piece, const TokenId* ids, std::size_t count) {
    if (piece.size() > kLongest || places_.size() >= kMost) return;
    places_.emplace(piece, std::pair(static_cast<std::uint32_t>(ids_.size()),
                                     static_cast<std::uint32_t>(count)));
    ids_.insert(ids_.end(), ids, ids + count);
  }

 private:
  static constexpr std::size_t kLongest = 64;
  static constexpr std::size_t kMost = 65536;
  std::unordered_map<std::string, std::pair<std::uint32_t, std::uint32_t>, TextHash,
                     std::equal_to<>>
      places_;
  std::vector<TokenId> ids_;
};

Status encode_piece(const TokenModel& model, std::string_view piece, PieceCache& cache,
                    std::vector<TokenId>& out) {
  if (cache.find(piece, out)) return ok();
  const std::size_t before = out.size();
  SW_TRY_OK(std::visit([&](const auto& one) { return one.encode(piece, out); }, model));
  cache.add(piece, out.data() + before, out.size() - before);
  return ok();
}

Status encode_segment(const Encoder& encoder, NormalizedText text, PieceCache& cache,
                      std::vector<TokenId>& out) {
  SW_TRY_OK(normalize(encoder.normalizer, text));
  std::vector<TextSegment> segments;
  encoder.added_normalized.cut(text.text, segments);
  for (const TextSegment& segment : segments) {
    if (segment.id) {
      out.push_back(*segment.id);
      continue;
    }
    PieceList list;
    list.pieces.push_back({segment.span.of(text.text),
                           text.first_bytes - std::min(text.first_bytes, segment.span.begin)});
    SW_TRY_OK(pre_tokenize(encoder.pre_tokenizer, list));
    for (const TextPiece& piece : list.pieces)
      SW_TRY_OK(encode_piece(encoder.model, piece.text, cache, out));
  }
  return ok();
}

}  // namespace

Result<std::vector<TokenId>> encode(const Encoder& encoder, std::string_view text) {
  if (const std::size_t bad = find_invalid_utf8(text); bad != std::string_view::npos) {
    return Error{ErrorCode::kInvalidArgument,
                 fmt::format("the text is not UTF-8 at its byte {}", bad)};
  }
  if (text.size() > kMostTextBytes) return too_long();
  std::vector<TextSegment> segments;
  encoder.added.cut(text, segments);
  std::vector<TokenId> out;
  PieceCache cache;
  for (const TextSegment& segment : segments) {
    if (segment.id) {
      out.push_back(*segment.id);
    } else {
      const std::string_view part = segment.span.of(text);
      const std::size_t first = segment.span.begin == 0 ? code_point_at(part, 0).length : 0;
      SW_TRY_OK(encode_segment(encoder, {std::string(part), first}, cache, out));
    }
  }
  return out;
}

}  // namespace shardwright
