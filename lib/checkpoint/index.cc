#include "checkpoint/index.h"

#include <charconv>
#include <cmath>

#include <fmt/format.h>

#include "base/large_pages.h"
#include "base/name_set.h"
#include "base/utf8.h"
#include "json/pull.h"

namespace shardwright {
namespace {

using json::Token;

constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";
constexpr std::string_view kTotalSize = "total_size";

class IndexParser {
 public:
  IndexParser(Index& index, std::string_view text)
      : index_(index), parser_(text, {.non_finite = true}), text_(text) {}

  void run() {
    const Token root = parser_.next();
    if (root == Token::kBeginObject) {
      while (parser_.next() == Token::kKey)
        member();
    } else if (root != Token::kError) {
      add(IndexDefectKind::kNotObject, {}, json::token_kind(root));
      parser_.skip();
    }
    if (parser_.token() == Token::kError || parser_.next() != Token::kEnd) {
      syntax_error();
      return;
    }
    if (root != Token::kBeginObject) return;
    if (!weight_map_seen_) add(IndexDefectKind::kNoWeightMap);
    if (!metadata_seen_) add(IndexDefectKind::kNoMetadata);
  }

 private:
  void add(IndexDefectKind kind, std::string_view name = {}, std::string_view detail = {}) {
    if (++index_.counts[static_cast<std::size_t>(kind)] > Index::kMaxDefects) return;
    index_.defects.push_back(
        {.kind = kind, .name = std::string(name), .detail = std::string(detail)});
  }

  // Half an index would accuse every shard that it no longer names.
  void syntax_error() {
    const json::PullError& error = parser_.error();
    clear_map();
    clear_metadata();
    index_.has_metadata = false;
    index_.others.clear();
    index_.defects.clear();
    index_.counts = {};
    add(error.too_deep ? IndexDefectKind::kTooDeep : IndexDefectKind::kNotJson, {},
        fmt::format("{}: {}", json::place_text(text_, error.at), error.what));
  }

  void clear_map() {
    index_.entries.clear();
    index_.files.clear();
    names_.clear();
    files_.clear();
  }

  void clear_metadata() {
    index_.metadata.clear();
    index_.total_size_form = TotalSizeForm::kAbsent;
    index_.total_size_text = {};
    index_.total_size.reset();
  }

  // The key or string at the parser, decoded; lives as long as the index.
  std::string_view text_here() {
    if (!parser_.escaped()) return parser_.raw();
    return index_.decoded.emplace_back(json::decode_string(parser_.raw()));
  }

  void member() {
    const std::string_view key = text_here();
    if (key == "weight_map") {
      if (weight_map_seen_) add(IndexDefectKind::kDuplicateKey, "/weight_map");
      weight_map_seen_ = true;
      clear_map();
      weight_map();
    } else if (key == "metadata") {
      if (metadata_seen_) add(IndexDefectKind::kDuplicateKey, "/metadata");
      metadata_seen_ = true;
      clear_metadata();
      metadata();
    } else {
      index_.others.push_back(key);
      parser_.skip();
    }
  }

  void weight_map() {
    const Token token = parser_.next();
    if (token == Token::kError) return;
    if (token != Token::kBeginObject) {
      add(IndexDefectKind::kWeightMapNotObject, {}, json::token_kind(token));
      parser_.skip();
      return;
    }
    // About as many as there will be, by the length of usual lines; more only take longer.
    const std::size_t likely = (text_.size() - parser_.begin()) / 80;
    reserve_large(index_.entries, likely);
    names_.reserve(likely);
    while (parser_.next() == Token::kKey) {
      const std::string_view name = text_here();
      const Token value = parser_.next();
      if (value == Token::kError) return;
      if (value == Token::kString) {
        entry(name, file_here());
        continue;
      }
      add(IndexDefectKind::kEntryNotString, name, json::token_kind(value));
      if (!parser_.skip()) return;
    }
  }

  void entry(std::string_view name, std::uint32_t file) {
    auto& entries = index_.entries;
    const auto name_at = [&](std::size_t i) { return entries[i].name; };
    if (const auto first = names_.insert(name, entries.size(), name_at)) {
      add(IndexDefectKind::kDuplicateName, name);
      entries[*first].file = file;
    } else {
      entries.push_back({.name = name, .file = file});
    }
  }

  std::uint32_t file_here() {
    auto& files = index_.files;
    // Neighbours mostly lie in the same shard.
    if (!parser_.escaped() && last_file_ < files.size() && files[last_file_] == parser_.raw()) {
      return last_file_;
    }
    std::string_view file = text_here();
    while (file.starts_with("./"))
      file.remove_prefix(2);
    const auto file_at = [&](std::size_t i) { return std::string_view(files[i]); };
    const auto known = files_.insert(file, files.size(), file_at);
    if (!known) files.emplace_back(file);
    last_file_ = static_cast<std::uint32_t>(known.value_or(files.size() - 1));
    return last_file_;
  }

  void metadata() {
    const Token token = parser_.next();
    if (token == Token::kError) return;
    index_.has_metadata = token == Token::kBeginObject;
    if (!index_.has_metadata) {
      add(IndexDefectKind::kMetadataNotObject, {}, json::token_kind(token));
      parser_.skip();
      return;
    }
    NameSet keys;
    auto& members = index_.metadata;
    while (parser_.next() == Token::kKey) {
      const std::string_view key = text_here();
      const Token value = parser_.next();
      if (value == Token::kError) return;
      const std::size_t begin = parser_.begin();
      if (key == kTotalSize) {
        if (index_.total_size_form != TotalSizeForm::kAbsent) {
          add(IndexDefectKind::kDuplicateKey, "/metadata/total_size");
        }
        total_size(value);
      }
      if (!parser_.skip()) return;
      const std::string_view json = text_.substr(begin, parser_.end() - begin);
      if (key == kTotalSize) {
        index_.total_size_text = json;
        continue;
      }
      const auto key_at = [&](std::size_t i) { return members[i].first; };
      if (const auto first = keys.insert(key, members.size(), key_at)) {
        add(IndexDefectKind::kDuplicateKey, "/metadata/" + json::pointer_step(key));
        members[*first].second = json;
      } else {
        members.emplace_back(key, json);
      }
    }
  }

  void total_size(Token value) {
    index_.total_size.reset();
    if (value != Token::kNumber) {
      index_.total_size_form = TotalSizeForm::kNotNumber;
      return;
    }
    index_.total_size = parser_.unsigned_number();
    index_.total_size_form = index_.total_size ? TotalSizeForm::kWhole : TotalSizeForm::kOther;
    if (index_.total_size || parser_.non_finite()) return;
    const std::string_view digits = parser_.raw();
    double number = -1;
    std::from_chars(digits.data(), digits.data() + digits.size(), number);
    // 2^64 as a double is exact, and the first that does not fit.
    if (number >= 0 && number < 0x1p64 && std::trunc(number) == number) {
      index_.total_size = static_cast<std::uint64_t>(number);
    }
  }

  Index& index_;
  json::PullParser parser_;
  std::string_view text_;
  NameSet names_;
  NameSet files_;
  std::uint32_t last_file_{};
  bool weight_map_seen_{};
  bool metadata_seen_{};
};

}  // namespace

Index parse_index(std::string text) {
  Index index;
  index.text = std::make_unique<const std::string>(std::move(text));
  std::string_view rest = *index.text;
  const auto add = [&](IndexDefectKind kind, std::string detail) {
    ++index.counts[static_cast<std::size_t>(kind)];
    index.defects.push_back({.kind = kind, .detail = std::move(detail)});
  };
  if (const std::size_t bad = find_invalid_utf8(rest); bad != std::string_view::npos) {
    add(IndexDefectKind::kNotUtf8, json::place_text(rest, bad));
    return index;
  }
  const bool has_mark = rest.starts_with(kByteOrderMark);
  if (has_mark) rest.remove_prefix(kByteOrderMark.size());
  IndexParser(index, rest).run();
  if (has_mark) add(IndexDefectKind::kByteOrderMark, {});
  return index;
}

}  // namespace shardwright
