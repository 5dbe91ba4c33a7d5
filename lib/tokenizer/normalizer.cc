#include "tokenizer/normalizer.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "base/try.h"
#include "base/utf8.h"
#include "tokenizer/byte_level.h"
#include "tokenizer/fields.h"
#include "tokenizer/limits.h"

namespace shardwright {
namespace {

bool within(char32_t c, char32_t first, char32_t last) {
  return c >= first && c <= last;
}

// The blocks of ideographs, as the library has them (its fifth block begins late).
bool is_chinese(char32_t c) {
  return within(c, 0x4E00, 0x9FFF) || within(c, 0x3400, 0x4DBF) || within(c, 0x20000, 0x2A6DF) ||
         within(c, 0x2A700, 0x2B73F) || within(c, 0x2B740, 0x2B81F) ||
         within(c, 0x2B920, 0x2CEAF) || within(c, 0xF900, 0xFAFF) || within(c, 0x2F800, 0x2FA1F);
}

// Keeps the characters that keep(c) says, as change(out, c) writes them.
template <typename Keep, typename Change>
void rewrite(NormalizedText& text, const Keep& keep, const Change& change) {
  std::string out;
  out.reserve(text.text.size());
  std::size_t first_bytes = 0;
  for_each_code_point(text.text, [&](char32_t c, std::size_t at) {
    if (keep(c)) change(out, c);
    if (at < text.first_bytes) first_bytes = out.size();
  });
  text.text = std::move(out);
  text.first_bytes = first_bytes;
}

constexpr auto kKeepAll = [](char32_t) { return true; };
constexpr auto kUnchanged = [](std::string& out, char32_t c) { append_utf8(out, c); };

void to_normal_form(NormalizedText& text, NormalForm form) {
  const std::string_view first = std::string_view(text.text).substr(0, text.first_bytes);
  const std::string alone = to_normal_form(first, form);
  text.text = to_normal_form(text.text, form);
  if (first.empty() || text.text.empty()) return;
  // What follows may have joined it, and then counts as it.
  text.first_bytes =
      text.text.starts_with(alone) ? alone.size() : code_point_at(text.text, 0).length;
}

Status apply(NormalForm form, NormalizedText& text) {
  to_normal_form(text, form);
  return ok();
}

Status apply(const LowercaseNormalizer&, NormalizedText& text) {
  rewrite(text, kKeepAll, append_lowercase);
  return ok();
}

Status apply(const StripNormalizer& strip, NormalizedText& text) {
  std::string_view rest = text.text;
  while (strip.right && !rest.empty() && is_white_space(last_code_point(rest).value))
    rest.remove_suffix(last_code_point(rest).length);
  while (strip.left && !rest.empty() && is_white_space(code_point_at(rest, 0).value))
    rest.remove_prefix(code_point_at(rest, 0).length);
  const auto stripped = static_cast<std::size_t>(rest.data() - text.text.data());
  text.first_bytes -= std::min(stripped, text.first_bytes);
  text.text = std::string(rest);
  return ok();
}

Status apply(const StripAccentsNormalizer&, NormalizedText& text) {
  rewrite(text, [](char32_t c) { return !is_combining_mark(c); }, kUnchanged);
  return ok();
}

Status apply(const NmtNormalizer&, NormalizedText& text) {
  rewrite(
      text,
      [](char32_t c) {
        return !(within(c, 0x01, 0x08) || c == 0x0B || within(c, 0x0E, 0x1F) || c == 0x7F ||
                 c == 0x8F || c == 0x9F);
      },
      [](std::string& out, char32_t c) {
        const bool blank = c == 0x09 || c == 0x0A || c == 0x0C || c == 0x0D || c == 0x1680 ||
                           within(c, 0x200B, 0x200F) || c == 0x2028 || c == 0x2029 || c == 0x2581 ||
                           c == 0xFEFF || c == 0xFFFD;
        append_utf8(out, blank ? U' ' : c);
      });
  return ok();
}

Status apply(const ByteLevelNormalizer&, NormalizedText& text) {
  std::string out;
  out.reserve(byte_level_size(text.text));
  append_byte_level(out, text.text);
  text.first_bytes = byte_level_size(std::string_view(text.text).substr(0, text.first_bytes));
  text.text = std::move(out);
  return ok();
}

Status apply(const PrependNormalizer& prepend, NormalizedText& text) {
  if (text.text.empty()) return ok();
  text.text.insert(0, prepend.text);
  if (text.first_bytes > 0) text.first_bytes += prepend.text.size();
  return ok();
}

Status apply(const ReplaceNormalizer& replace, NormalizedText& text) {
  if (text.text.empty()) return ok();
  std::vector<TextCut> cuts;
  SW_TRY_OK(PatternScan(replace.pattern).cut(text.text, cuts));
  std::string out;
  out.reserve(text.text.size());
  std::size_t first_bytes = 0;
  for (const TextCut& cut : cuts) {
    const auto [begin, end] = cut.span;
    if (cut.match) {
      out += replace.content;  // which counts as the last character that it stands for
      if (end <= text.first_bytes) first_bytes = out.size();
    } else {
      if (begin < text.first_bytes) first_bytes += std::min(text.first_bytes, end) - begin;
      out += cut.span.of(text.text);
    }
    if (out.size() > kMostTextBytes) return too_long();
  }
  text.first_bytes = first_bytes;
  text.text = std::move(out);
  return ok();
}

Status apply(const BertNormalizer& bert, NormalizedText& text) {
  if (bert.clean_text) {
    rewrite(
        text,
        [](char32_t c) {
          if (c == '\t' || c == '\n' || c == '\r') return true;
          return c != 0 && c != 0xFFFD && !is_other(c);
        },
        [](std::string& out, char32_t c) { append_utf8(out, is_white_space(c) ? U' ' : c); });
  }
  if (bert.handle_chinese_chars) {
    rewrite(text, kKeepAll, [](std::string& out, char32_t c) {
      const bool chinese = is_chinese(c);
      if (chinese) out += ' ';
      append_utf8(out, c);
      if (chinese) out += ' ';
    });
  }
  if (bert.strip_accents) {
    to_normal_form(text, NormalForm::kNfd);
    rewrite(text, [](char32_t c) { return !is_nonspacing_mark(c); }, kUnchanged);
  }
  if (bert.lowercase) rewrite(text, kKeepAll, append_lowercase);
  return ok();
}

Status apply(const CharactersMap& map, NormalizedText& text) {
  const std::string_view first = std::string_view(text.text).substr(0, text.first_bytes);
  SW_TRY(const std::string alone, map.apply(first));
  SW_TRY(text.text, map.apply(text.text));
  if (text.first_bytes == 0 || text.text.empty()) return ok();
  const bool whole = !alone.empty() && text.text.starts_with(alone);
  text.first_bytes = whole ? alone.size() : code_point_at(text.text, 0).length;
  return ok();
}

Result<Normalizer> read_bert(const json::Value& part) {
  BertNormalizer bert;
  SW_TRY(bert.clean_text, bool_field(part, "clean_text"));
  SW_TRY(bert.handle_chinese_chars, bool_field(part, "handle_chinese_chars"));
  SW_TRY(const auto strip, optional_bool(part, "strip_accents"));
  SW_TRY(bert.lowercase, bool_field(part, "lowercase"));
  bert.strip_accents = strip.value_or(bert.lowercase);
  return Normalizer(bert);
}

Result<Normalizer> read_one_normalizer(const json::Value& part, std::string_view type) {
  if (type == "NFC") return Normalizer(NormalForm::kNfc);
  if (type == "NFD") return Normalizer(NormalForm::kNfd);
  if (type == "NFKC") return Normalizer(NormalForm::kNfkc);
  if (type == "NFKD") return Normalizer(NormalForm::kNfkd);
  if (type == "Lowercase") return Normalizer(LowercaseNormalizer{});
  if (type == "StripAccents") return Normalizer(StripAccentsNormalizer{});
  if (type == "Nmt") return Normalizer(NmtNormalizer{});
  if (type == "ByteLevel") return Normalizer(ByteLevelNormalizer{});
  if (type == "BertNormalizer") return read_bert(part);
  if (type == "Strip") {
    StripNormalizer strip;
    SW_TRY(strip.left, bool_field(part, "strip_left"));
    SW_TRY(strip.right, bool_field(part, "strip_right"));
    return Normalizer(strip);
  }
  if (type == "Prepend") {
    PrependNormalizer prepend;
    SW_TRY(prepend.text, text_field(part, "prepend"));
    return Normalizer(std::move(prepend));
  }
  if (type == "Replace") {
    const json::Value* pattern = part.find("pattern");
    if (pattern == nullptr) return Error{ErrorCode::kMalformed, "'pattern' is absent"};
    SW_TRY(Pattern wanted, read_pattern(*pattern));
    SW_TRY(std::string content, text_field(part, "content"));
    return Normalizer(ReplaceNormalizer{std::move(wanted), std::move(content)});
  }
  if (type == "Precompiled") {
    SW_TRY(const std::string base64, text_field(part, "precompiled_charsmap"));
    SW_TRY(CharactersMap map, CharactersMap::read_base64(base64));
    return Normalizer(std::move(map));
  }
  return Error{ErrorCode::kUnsupported, "this type is not read here"};
}

}  // namespace

Result<std::vector<Normalizer>> read_normalizer(const json::Value& value) {
  std::vector<Normalizer> normalizers;
  const auto read = [&](const json::Value& part, const std::string& type) -> Status {
    if (normalizers.size() >= kMostParts) return too_many_parts();
    auto normalizer = read_one_normalizer(part, type);
    if (!normalizer) {
      return std::move(normalizer).error().within(fmt::format("the normalizer {}", quoted(type)));
    }
    normalizers.push_back(*std::move(normalizer));
    return ok();
  };
  SW_TRY_OK(read_sequence(value, "normalizers", read));
  return normalizers;
}

Status normalize(const std::vector<Normalizer>& normalizers, NormalizedText& text) {
  for (const Normalizer& normalizer : normalizers) {
    SW_TRY_OK(std::visit([&](const auto& one) { return apply(one, text); }, normalizer));
    if (text.text.size() > kMostTextBytes) return too_long();
  }
  return ok();
}

}  // namespace shardwright
