#include "tokenizer/bpe.h"

#include <algorithm>
#include <array>
#include <bit>
#include <queue>

#include <fmt/format.h>

#include "base/try.h"
#include "base/utf8.h"
#include "tokenizer/unicode.h"

namespace shardwright {
namespace {

std::uint64_t pair_of(TokenId left, TokenId right) {
  return std::uint64_t{left} << 32U | right;
}

std::size_t hash_of(std::uint64_t pair) {
  const std::uint64_t x = pair * 0x9E3779B97F4A7C15U;
  return x ^ x >> 29U;
}

// A pair that may be joined, at its left symbol.
struct Candidate {
  std::uint32_t rank{};
  std::uint32_t at{};
  TokenId joined{};
};
struct Later {
  bool operator()(const Candidate& a, const Candidate& b) const {
    return a.rank != b.rank ? a.rank > b.rank : a.at > b.at;
  }
};

// Symbols are a list that is linked both ways by positions.
struct Symbol {
  TokenId id{};
  std::uint32_t before{};
  std::uint32_t after{};
  bool gone{};
};
constexpr std::uint32_t kNowhere = ~std::uint32_t{0};

}  // namespace

const Bpe::Rule* Bpe::find(TokenId left, TokenId right) const {
  if (rules_.empty()) return nullptr;
  const std::uint64_t pair = pair_of(left, right);
  const std::size_t mask = rules_.size() - 1;
  for (std::size_t at = hash_of(pair) & mask;; at = (at + 1) & mask) {
    if (rules_[at].pair == pair) return &rules_[at];
    if (rules_[at].pair == kNoPair) return nullptr;
  }
}

void Bpe::add_rule(const Rule& rule) {
  const std::size_t mask = rules_.size() - 1;
  std::size_t at = hash_of(rule.pair) & mask;
  while (rules_[at].pair != kNoPair && rules_[at].pair != rule.pair)
    at = (at + 1) & mask;
  rules_[at] = rule;  // of equal pairs the last counts
}

Result<Bpe> Bpe::make(TokenTable ids, const std::vector<Merge>& merges, BpeSettings settings) {
  Bpe bpe;
  bpe.ids_ = std::move(ids);
  bpe.settings_ = std::move(settings);
  if (!merges.empty()) bpe.rules_.resize(std::bit_ceil(merges.size() * 2));
  const std::size_t prefix = bpe.settings_.continuing_prefix.size();
  std::uint32_t rank = 0;
  for (const auto& [left, right] : merges) {
    const auto unknown = [&](std::string_view token) {
      return Error{ErrorCode::kMalformed,
                   fmt::format("the merge of {} and {} needs the token {}, which 'vocab' lacks",
                               quoted(left, 60), quoted(right, 60), quoted(token, 60))};
    };
    const auto a = find_token(bpe.ids_, left);
    if (!a) return unknown(left);
    const auto b = find_token(bpe.ids_, right);
    if (!b) return unknown(right);
    if (right.size() < prefix) return unknown(left + right);
    const std::string joined = left + right.substr(prefix);
    const auto c = find_token(bpe.ids_, joined);
    if (!c) return unknown(joined);
    bpe.add_rule({pair_of(*a, *b), rank++, *c});
  }
  bpe.characters_.resize(kDirect, kNoToken);
  if (bpe.settings_.continuing_prefix.empty() && bpe.settings_.end_suffix.empty()) {
    for (char32_t c = 0; c < kDirect; ++c) {
      std::string text;
      append_utf8(text, c);
      bpe.characters_[c] = find_token(bpe.ids_, text).value_or(kNoToken);
    }
  }
  return bpe;
}

bool Bpe::add_bytes(std::string_view text, std::vector<TokenId>& symbols) const {
  const std::size_t before = symbols.size();
  for (const char c : text) {
    const auto id = find_token(ids_, byte_token(static_cast<unsigned char>(c)));
    if (!id) {
      symbols.resize(before);
      return false;
    }
    symbols.push_back(*id);
  }
  return true;
}

Status Bpe::add_characters(std::string_view piece, std::vector<TokenId>& symbols) const {
  std::optional<TokenId> unknown;  // not added yet: the next may be fused with it
  std::string spelled;
  for (std::size_t at = 0; at < piece.size();) {
    const CodePoint c = code_point_at(piece, at);
    std::string_view text = piece.substr(at, c.length);
    const bool is_first = at == 0;
    at += c.length;
    const bool is_last = at == piece.size();
    TokenId id = c.value < kDirect ? characters_[c.value] : kNoToken;
    if (id == kNoToken) {
      if ((!is_first && !settings_.continuing_prefix.empty()) ||
          (is_last && !settings_.end_suffix.empty())) {
        spelled = is_first ? "" : settings_.continuing_prefix;
        spelled += text;
        if (is_last) spelled += settings_.end_suffix;
        text = spelled;
      }
      id = find_token(ids_, text).value_or(kNoToken);
    }
    if (id != kNoToken) {
      if (unknown) symbols.push_back(*unknown);
      unknown.reset();
      symbols.push_back(id);
      continue;
    }
    if (settings_.byte_fallback && add_bytes(text, symbols)) continue;
    if (!settings_.unk_token) continue;  // the library leaves it out, too
    if (unknown && settings_.fuse_unk) continue;
    if (unknown) symbols.push_back(*unknown);
    unknown = find_token(ids_, *settings_.unk_token);
    if (!unknown) {
      return Error{
          ErrorCode::kMalformed,
          fmt::format("a text has unknown characters, and 'vocab' lacks the 'unk_token' {}",
                      quoted(*settings_.unk_token, 60))};
    }
  }
  if (unknown) symbols.push_back(*unknown);
  return ok();
}

void Bpe::join(const std::vector<TokenId>& symbols, std::vector<TokenId>& out) const {
  std::vector<Symbol> list(symbols.size());
  std::priority_queue<Candidate, std::vector<Candidate>, Later> queue;
  const auto offer = [&](std::uint32_t at) {
    const std::uint32_t after = list[at].after;
    if (after == kNowhere) return;
    if (const Rule* rule = find(list[at].id, list[after].id))
      queue.push({rule->rank, at, rule->joined});
  };
  const auto count = static_cast<std::uint32_t>(symbols.size());
  for (std::uint32_t i = 0; i < count; ++i)
    list[i] = {symbols[i], i == 0 ? kNowhere : i - 1, i + 1 == count ? kNowhere : i + 1};
  for (std::uint32_t i = 0; i + 1 < count; ++i)
    offer(i);
  while (!queue.empty()) {
    const Candidate top = queue.top();
    queue.pop();
    Symbol& left = list[top.at];
    if (left.gone || left.after == kNowhere) continue;
    Symbol& right = list[left.after];
    // What was offered may have been joined with others since; what it becomes is what counts.
    const Rule* rule = find(left.id, right.id);
    if (rule == nullptr || rule->joined != top.joined) continue;
    left.id = top.joined;
    left.after = right.after;
    right.gone = true;
    if (left.after != kNowhere) list[left.after].before = top.at;
    if (left.before != kNowhere) offer(left.before);
    offer(top.at);
  }
  for (std::uint32_t i = 0; i < count; ++i) {
    if (!list[i].gone) out.push_back(list[i].id);
  }
}

Status Bpe::encode(std::string_view piece, std::vector<TokenId>& out) const {
  if (settings_.ignore_merges) {
    if (const auto id = find_token(ids_, piece)) {
      out.push_back(*id);
      return ok();
    }
  }
  std::vector<TokenId> symbols;
  symbols.reserve(piece.size());
  SW_TRY_OK(add_characters(piece, symbols));
  join(symbols, out);
  return ok();
}

}  // namespace shardwright
