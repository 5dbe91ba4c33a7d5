#include "tokenizer/pre_tokenizer.h"

#include <algorithm>
#include <optional>
#include <utility>

#include <fmt/format.h>

#include "base/try.h"
#include "base/utf8.h"
#include "tokenizer/byte_level.h"
#include "tokenizer/fields.h"
#include "tokenizer/limits.h"
#include "tokenizer/unicode.h"

namespace shardwright {
namespace {

constexpr std::string_view kByteLevelPattern =
    R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)";

// Puts the pieces that cut(text, spans) finds in the place of each piece.
template <typename Find>
Status cut_pieces(PieceList& list, const Find& find) {
  std::vector<TextPiece> out;
  out.reserve(list.pieces.size());
  std::vector<TextSpan> spans;
  for (const TextPiece& piece : list.pieces) {
    spans.clear();
    SW_TRY_OK(find(piece.text, spans));
    for (const TextSpan& span : spans) {
      const std::size_t before = std::min(span.begin, piece.first_bytes);
      out.push_back({span.of(piece.text), piece.first_bytes - before});
    }
  }
  list.pieces = std::move(out);
  return ok();
}

// Puts what change(piece, out) makes in the place of each piece's text, where it returns true. It
// keeps the piece's first_bytes right.
template <typename Change>
Status change_pieces(PieceList& list, const Change& change) {
  for (TextPiece& piece : list.pieces) {
    std::string text;
    if (!change(piece, text)) continue;
    list.made_bytes += text.size();
    if (list.made_bytes > kMostTextBytes) return too_long();
    piece.text = list.made.emplace_back(std::move(text));
  }
  return ok();
}

// All pieces in the byte level's characters, in one text.
Status to_byte_level(PieceList& list) {
  std::size_t size = 0;
  for (const TextPiece& piece : list.pieces)
    size += byte_level_size(piece.text);
  list.made_bytes += size;
  if (list.made_bytes > kMostTextBytes) return too_long();
  std::string& all = list.made.emplace_back();
  all.reserve(size);  // so that the views of it stay
  for (TextPiece& piece : list.pieces) {
    const std::size_t begin = all.size();
    piece.first_bytes = byte_level_size(piece.text.substr(0, piece.first_bytes));
    append_byte_level(all, piece.text);
    piece.text = std::string_view(all).substr(begin);
  }
  return ok();
}

Status cut_by(const Pattern& pattern, SplitBehavior behavior, bool invert, PieceList& list) {
  PatternScan scan(pattern);
  std::vector<TextCut> cuts;
  return cut_pieces(list, [&](std::string_view text, std::vector<TextSpan>& spans) -> Status {
    SW_TRY_OK(scan.cut(text, cuts));
    if (invert) {
      for (TextCut& cut : cuts)
        cut.match = !cut.match;
    }
    arrange_cuts(cuts, behavior, spans);
    return ok();
  });
}

Status apply(const PatternSplit& split, PieceList& list) {
  return cut_by(split.pattern, split.behavior, split.invert, list);
}

const Result<Regex>& byte_level_regex() {
  static const Result<Regex> regex = Regex::compile(kByteLevelPattern);
  return regex;
}

Status apply(const ByteLevelSplit& split, PieceList& list) {
  if (split.add_prefix_space) {
    SW_TRY_OK(change_pieces(list, [](TextPiece& piece, std::string& out) {
      if (piece.text.starts_with(' ')) return false;
      out = " ";
      out += piece.text;
      if (piece.first_bytes > 0) ++piece.first_bytes;
      return true;
    }));
  }
  if (split.use_regex) {
    const Result<Regex>& regex = byte_level_regex();
    if (!regex) return regex.error();
    SW_TRY_OK(cut_by(*regex, SplitBehavior::kIsolated, false, list));
  }
  return to_byte_level(list);
}

Status apply(const MetaspaceSplit& split, PieceList& list) {
  SW_TRY_OK(change_pieces(list, [&](TextPiece& piece, std::string& out) {
    const bool starts = piece.text.starts_with(split.replacement) || piece.text.starts_with(' ');
    const bool prepend =
        !starts && (split.scheme == PrependScheme::kAlways ||
                    (split.scheme == PrependScheme::kFirst && piece.first_bytes > 0));
    if (!prepend && piece.text.find(' ') == std::string_view::npos) return false;
    out.reserve(piece.text.size() + split.replacement.size());
    if (prepend) out = split.replacement;
    std::size_t first_bytes = 0;
    for (std::size_t at = 0; at < piece.text.size(); ++at) {
      if (piece.text[at] == ' ') {
        out += split.replacement;
      } else {
        out += piece.text[at];
      }
      if (at < piece.first_bytes) first_bytes = out.size();
    }
    piece.first_bytes = first_bytes;
    return true;
  }));
  if (!split.split) return ok();
  return cut_by(Pattern(split.replacement), SplitBehavior::kMergedWithNext, false, list);
}

Status apply(const CharacterSplit& split, PieceList& list) {
  std::vector<TextCut> cuts;
  return cut_pieces(list, [&](std::string_view text, std::vector<TextSpan>& spans) {
    cuts.clear();
    std::size_t end = 0;
    for_each_code_point(text, [&](char32_t c, std::size_t at) {
      if (!split.matches(c)) return;
      if (end < at) cuts.push_back({{end, at}, false});
      end = at + code_point_at(text, at).length;
      cuts.push_back({{at, end}, true});
    });
    if (end < text.size()) cuts.push_back({{end, text.size()}, false});
    arrange_cuts(cuts, split.behavior, spans);
    return ok();
  });
}

Status apply(const WordSplit&, PieceList& list) {
  enum class Kind : std::uint8_t { kSpace, kWord, kOther };
  return cut_pieces(list, [](std::string_view text, std::vector<TextSpan>& spans) {
    Kind before = Kind::kSpace;
    for_each_code_point(text, [&](char32_t c, std::size_t at) {
      const Kind kind = is_word_character(c) ? Kind::kWord
                        : is_white_space(c)  ? Kind::kSpace
                                             : Kind::kOther;
      const std::size_t end = at + code_point_at(text, at).length;
      if (kind != Kind::kSpace) {
        if (kind == before) {
          spans.back().end = end;
        } else {
          spans.push_back({at, end});
        }
      }
      before = kind;
    });
    return ok();
  });
}

Status apply(const LengthSplit& split, PieceList& list) {
  return cut_pieces(list, [&](std::string_view text, std::vector<TextSpan>& spans) {
    std::size_t count = 0;
    std::size_t begin = 0;
    for_each_code_point(text, [&](char32_t, std::size_t at) {
      if (count == split.length) {
        spans.push_back({begin, at});
        begin = at;
        count = 0;
      }
      ++count;
    });
    spans.push_back({begin, text.size()});
    return ok();
  });
}

// One of the ways to name a scheme, over time: add_prefix_space, then prepend_scheme.
Result<PreTokenizer> read_metaspace(const json::Value& part) {
  MetaspaceSplit split;
  SW_TRY(split.replacement, text_field(part, "replacement"));
  if (count_code_points(split.replacement) != 1)
    return Error{ErrorCode::kMalformed, "'replacement' is not one character"};
  SW_TRY(const auto cut, optional_bool(part, "split"));
  split.split = cut.value_or(true);
  SW_TRY(const auto prefix, optional_bool(part, "add_prefix_space"));
  SW_TRY(const std::string scheme, text_field(part, "prepend_scheme", "always"));
  if (scheme == "always") {
    split.scheme = PrependScheme::kAlways;
  } else if (scheme == "first") {
    split.scheme = PrependScheme::kFirst;
  } else if (scheme == "never") {
    split.scheme = PrependScheme::kNever;
  } else {
    return Error{ErrorCode::kMalformed, fmt::format("the 'prepend_scheme' {}", quoted(scheme))};
  }
  if (prefix == false && split.scheme != PrependScheme::kNever) {
    return Error{ErrorCode::kMalformed,
                 fmt::format("'add_prefix_space' is false, and 'prepend_scheme' is {}: set it to "
                             "never, as the library asks",
                             quoted(scheme))};
  }
  return PreTokenizer(std::move(split));
}

Result<SplitBehavior> read_behavior(const json::Value& part, std::optional<std::string> absent) {
  SW_TRY(const std::string name, text_field(part, "behavior", std::move(absent)));
  const auto behavior = split_behavior(name);
  if (!behavior) return Error{ErrorCode::kMalformed, fmt::format("'behavior' is {}", quoted(name))};
  return *behavior;
}

Result<PreTokenizer> read_split(const json::Value& part) {
  const json::Value* pattern = part.find("pattern");
  if (pattern == nullptr) return Error{ErrorCode::kMalformed, "'pattern' is absent"};
  SW_TRY(Pattern wanted, read_pattern(*pattern));
  SW_TRY(const SplitBehavior behavior, read_behavior(part, std::nullopt));
  SW_TRY(const bool invert, bool_field(part, "invert"));
  return PreTokenizer(PatternSplit{std::move(wanted), behavior, invert});
}

Status read_one_pre_tokenizer(const json::Value& part, std::string_view type,
                              std::vector<PreTokenizer>& out) {
  if (type == "ByteLevel") {
    ByteLevelSplit split;
    SW_TRY(split.add_prefix_space, bool_field(part, "add_prefix_space"));
    SW_TRY_OK(bool_field(part, "trim_offsets"));
    SW_TRY(split.use_regex, bool_field(part, "use_regex", true));
    out.emplace_back(split);
  } else if (type == "Metaspace") {
    SW_TRY(PreTokenizer split, read_metaspace(part));
    out.push_back(std::move(split));
  } else if (type == "Split") {
    SW_TRY(PreTokenizer split, read_split(part));
    out.push_back(std::move(split));
  } else if (type == "CharDelimiterSplit") {
    SW_TRY(const std::string delimiter, text_field(part, "delimiter"));
    if (count_code_points(delimiter) != 1)
      return Error{ErrorCode::kMalformed, "'delimiter' is not one character"};
    out.emplace_back(PatternSplit{delimiter, SplitBehavior::kRemoved, false});
  } else if (type == "Whitespace") {
    out.emplace_back(WordSplit{});
  } else if (type == "WhitespaceSplit") {
    out.emplace_back(CharacterSplit{is_white_space, SplitBehavior::kRemoved});
  } else if (type == "BertPreTokenizer") {
    out.emplace_back(CharacterSplit{is_white_space, SplitBehavior::kRemoved});
    out.emplace_back(CharacterSplit{is_punctuation, SplitBehavior::kIsolated});
  } else if (type == "Punctuation") {
    SW_TRY(const SplitBehavior behavior, read_behavior(part, "Isolated"));
    out.emplace_back(CharacterSplit{is_punctuation, behavior});
  } else if (type == "Digits") {
    SW_TRY(const bool individual, bool_field(part, "individual_digits"));
    out.emplace_back(CharacterSplit{
        is_numeric, individual ? SplitBehavior::kIsolated : SplitBehavior::kContiguous});
  } else if (type == "FixedLength") {
    const json::Value* value = part.find("length");
    const auto length = value == nullptr ? std::optional<std::int64_t>(5) : value->whole_number();
    if (!length || *length < 1) return Error{ErrorCode::kMalformed, "'length' is no length"};
    out.emplace_back(LengthSplit{static_cast<std::size_t>(*length)});
  } else {
    return Error{ErrorCode::kUnsupported, "this type is not read here"};
  }
  return ok();
}

}  // namespace

Result<std::vector<PreTokenizer>> read_pre_tokenizer(const json::Value& value) {
  std::vector<PreTokenizer> out;
  const auto read = [&](const json::Value& part, const std::string& type) -> Status {
    if (out.size() >= kMostParts) return too_many_parts();
    auto status = read_one_pre_tokenizer(part, type, out);
    if (status) return status;
    return std::move(status).error().within(fmt::format("the pre-tokenizer {}", quoted(type)));
  };
  SW_TRY_OK(read_sequence(value, "pretokenizers", read));
  return out;
}

Status pre_tokenize(const std::vector<PreTokenizer>& pre_tokenizers, PieceList& list) {
  for (const PreTokenizer& one : pre_tokenizers)
    SW_TRY_OK(std::visit([&](const auto& split) { return apply(split, list); }, one));
  return ok();
}

}  // namespace shardwright
