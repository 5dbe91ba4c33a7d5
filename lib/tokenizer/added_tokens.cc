#include "tokenizer/added_tokens.h"

#include <algorithm>
#include <cstdint>
#include <utility>

#include <fmt/format.h>

#include "base/utf8.h"
#include "tokenizer/limits.h"
#include "tokenizer/unicode.h"

namespace shardwright {
namespace {

bool within_word(std::string_view text, const TextSpan& span) {
  return (span.begin > 0 && is_word_character(last_code_point(text.substr(0, span.begin)).value)) ||
         (span.end < text.size() && is_word_character(code_point_at(text, span.end).value));
}

// Where the white space begins that ends at `end`, no further than `least`.
std::size_t space_begin(std::string_view text, std::size_t end, std::size_t least) {
  while (end > least) {
    const CodePoint c = last_code_point(text.substr(0, end));
    if (!is_white_space(c.value)) break;
    end -= c.length;
  }
  return end;
}

// Where white space ends. A run that was seen is not walked again: tokens may follow each other in
// it.
class SpaceEnds {
 public:
  explicit SpaceEnds(std::string_view text) : text_(text) {}

  std::size_t from(std::size_t at) {
    if (at >= seen_.begin && at <= seen_.end) return seen_.end;
    seen_.begin = at;
    while (at < text_.size() && is_white_space(code_point_at(text_, at).value))
      at += code_point_at(text_, at).length;
    return seen_.end = at;
  }

 private:
  std::string_view text_;
  TextSpan seen_{1, 0};
};

}  // namespace

Result<AddedTokens> AddedTokens::make(std::vector<AddedRule> rules) {
  AddedTokens tokens;
  tokens.rules_ = std::move(rules);
  std::vector<Trie::Entry> entries;
  std::uint32_t next = 0;
  for (const AddedRule& rule : tokens.rules_) {
    if (rule.text.empty() || rule.text.size() > kMostTokenBytes) {
      return Error{ErrorCode::kUnsupported,
                   fmt::format("the added token {} with the id {} is not read here",
                               quoted(rule.text, 60), rule.id)};
    }
    tokens.begins_[static_cast<unsigned char>(rule.text.front())] = true;
    entries.emplace_back(rule.text, next++);
  }
  tokens.trie_ = Trie(std::move(entries));
  return tokens;
}

void AddedTokens::cut(std::string_view text, std::vector<TextSegment>& out) const {
  SpaceEnds spaces(text);
  std::size_t done = 0;
  for (std::size_t at = 0; at < text.size();) {
    if (!begins_[static_cast<unsigned char>(text[at])]) {
      ++at;
      continue;
    }
    std::size_t length = 0;
    std::uint32_t found = 0;
    trie_.for_each_prefix(text.substr(at), [&](std::size_t bytes, std::uint32_t rule) {
      length = bytes;
      found = rule;
    });
    if (length == 0) {
      ++at;
      continue;
    }
    TextSpan span{at, at + length};
    at = span.end;  // also where it does not count: what overlaps it is not looked at
    const AddedRule& rule = rules_[found];
    if (rule.single_word && within_word(text, span)) continue;
    if (rule.left_strip) span.begin = std::max(space_begin(text, span.begin, done), done);
    if (rule.right_strip) span.end = spaces.from(span.end);
    if (done < span.begin) out.push_back({{done, span.begin}, std::nullopt});
    out.push_back({span, rule.id});
    done = span.end;
  }
  if (done < text.size()) out.push_back({{done, text.size()}, std::nullopt});
}

}  // namespace shardwright
