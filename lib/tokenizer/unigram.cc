#include "tokenizer/unigram.h"

#include <algorithm>
#include <limits>

#include <fmt/format.h>

#include "base/try.h"
#include "base/utf8.h"
#include "tokenizer/limits.h"
#include "tokenizer/text_span.h"
#include "tokenizer/unicode.h"

namespace shardwright {
namespace {

// An unknown character scores so much less than the least of all tokens.
constexpr double kUnknownPenalty = 10.0;

// The best way to reach an offset of the piece.
struct Step {
  double score{};
  std::size_t begin{};
  TokenId id{};
  bool reached{};

  [[nodiscard]] bool worse_than(double candidate) const { return !reached || candidate > score; }
};

Error no_unknown() {
  return {ErrorCode::kMalformed, "a text has unknown characters, and 'unk_id' is null"};
}

}  // namespace

Result<Unigram> Unigram::make(std::vector<Scored> vocabulary, std::optional<std::uint64_t> unk,
                              bool byte_fallback) {
  if (unk && *unk >= vocabulary.size())
    return Error{ErrorCode::kMalformed, fmt::format("'unk_id' {} is no token of 'vocab'", *unk)};
  Unigram model;
  model.byte_fallback_ = byte_fallback;
  if (unk) model.unk_ = static_cast<TokenId>(*unk);
  std::vector<Trie::Entry> entries;
  double least = std::numeric_limits<double>::infinity();
  TokenId next = 0;
  for (const auto& [token, score] : vocabulary) {
    if (token.size() > kMostTokenBytes) {
      return Error{ErrorCode::kUnsupported,
                   fmt::format("the token {} is longer than 64 KiB", quoted(token, 60))};
    }
    least = std::min(least, score);
    model.scores_.push_back(score);
    entries.emplace_back(token, next++);
  }
  model.trie_ = Trie(std::move(entries));
  model.unk_score_ = least - kUnknownPenalty;
  next = 0;
  for (auto& [token, score] : vocabulary)
    model.ids_[std::move(token)] = next++;
  return model;
}

Status Unigram::add_token(std::string_view text, std::vector<TokenId>& out) const {
  if (const auto id = find_token(ids_, text)) {
    out.push_back(*id);
    return ok();
  }
  if (byte_fallback_) {
    const std::size_t before = out.size();
    for (const char c : text) {
      const auto id = find_token(ids_, byte_token(static_cast<unsigned char>(c)));
      if (!id) break;
      out.push_back(*id);
    }
    if (out.size() - before == text.size()) return ok();
    out.resize(before);
  }
  if (!unk_) return no_unknown();
  out.push_back(*unk_);
  return ok();
}

Status Unigram::encode(std::string_view piece, std::vector<TokenId>& out) const {
  std::vector<Step> steps(piece.size() + 1);
  for (std::size_t at = 0; at < piece.size();) {
    const double here = steps[at].score;
    const std::size_t length = code_point_at(piece, at).length;
    bool known = false;  // the character alone is a token
    trie_.for_each_prefix(piece.substr(at), [&](std::size_t bytes, TokenId id) {
      const double score = scores_[id] + here;
      if (steps[at + bytes].worse_than(score)) steps[at + bytes] = {score, at, id, true};
      known = known || bytes == length;
    });
    if (!known && steps[at + length].worse_than(unk_score_ + here)) {
      if (!unk_) return no_unknown();
      steps[at + length] = {unk_score_ + here, at, *unk_, true};
    }
    at += length;
  }
  // From the end; neighbouring unknown characters are one token.
  std::vector<TextSpan> tokens;
  bool unknown_before = false;
  for (std::size_t end = piece.size(); end > 0;) {
    const Step& step = steps[end];
    const bool unknown = unk_ && step.id == *unk_;
    if (unknown && unknown_before) {
      tokens.back().begin = step.begin;
    } else {
      tokens.push_back({step.begin, end});
    }
    unknown_before = unknown;
    end = step.begin;
  }
  std::ranges::reverse(tokens);
  for (const TextSpan& token : tokens)
    SW_TRY_OK(add_token(token.of(piece), out));
  return ok();
}

}  // namespace shardwright
