#include "tokenizer/regex.h"

#include <array>
#include <cstdint>
#include <utility>

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include <fmt/format.h>

#include "base/try.h"
#include "base/utf8.h"
#include "tokenizer/regex_syntax.h"
#include "tokenizer/unicode.h"

namespace shardwright {
namespace {

// For one match: a pattern of a real tokenizer needs a few steps a byte.
constexpr std::uint32_t kMostSteps = 10'000'000;
constexpr std::uint32_t kMostHeapKib = 64 * 1024;
constexpr std::size_t kFirstStackBytes = std::size_t{32} << 10U;
constexpr std::size_t kMostStackBytes = std::size_t{64} << 20U;  // taken as far as it is needed
constexpr std::uint32_t kMostNesting = 64;

std::string pcre2_message(int code) {
  std::array<PCRE2_UCHAR, 128> buffer{};
  pcre2_get_error_message(code, buffer.data(), buffer.size());
  return reinterpret_cast<const char*>(buffer.data());
}

PCRE2_SPTR units(std::string_view text) {
  // A view of nothing may be null, which PCRE2 does not take.
  return reinterpret_cast<PCRE2_SPTR>(text.data() == nullptr ? "" : text.data());
}

// Compiled by PCRE2 10.42, a lazy repeat in an atomic group finds too little: (?>[0-9][^a-z]+?.)a
// misses "1, a". A possessive group is an atomic one.
bool may_be_compiled(std::string_view pattern) {
  for (const std::string_view atomic : {"(?>", ")*+", ")++", ")?+"}) {
    if (pattern.find(atomic) != std::string_view::npos) return false;
  }
  return true;
}

}  // namespace

Result<Regex> Regex::compile(std::string_view pattern) {
  SW_TRY(const std::string translated, to_pcre2(pattern));
  const std::shared_ptr<pcre2_compile_context> context(pcre2_compile_context_create(nullptr),
                                                       pcre2_compile_context_free);
  pcre2_set_newline(context.get(), PCRE2_NEWLINE_LF);
  pcre2_set_parens_nest_limit(context.get(), kMostNesting);
  int error = 0;
  std::size_t offset = 0;
  pcre2_code* code = pcre2_compile(units(translated), translated.size(), PCRE2_UTF | PCRE2_UCP,
                                   &error, &offset, context.get());
  if (code == nullptr) {
    return Error{ErrorCode::kUnsupported, fmt::format("the pattern {} cannot be read: {}",
                                                      quoted(pattern), pcre2_message(error))};
  }
  const std::shared_ptr<pcre2_code> owner(code, pcre2_code_free);
  // Where it is not compiled, the interpreter runs.
  if (may_be_compiled(translated)) pcre2_jit_compile(code, PCRE2_JIT_COMPLETE);
  return Regex(owner);
}

RegexScan::RegexScan(Regex regex)
    : regex_(std::move(regex)),
      context_(pcre2_match_context_create(nullptr), pcre2_match_context_free),
      data_(pcre2_match_data_create(1, nullptr), pcre2_match_data_free),
      stack_(pcre2_jit_stack_create(kFirstStackBytes, kMostStackBytes, nullptr),
             pcre2_jit_stack_free) {
  pcre2_jit_stack_assign(context_.get(), nullptr, stack_.get());
  pcre2_set_match_limit(context_.get(), kMostSteps);
  pcre2_set_heap_limit(context_.get(), kMostHeapKib);
}

void RegexScan::start(std::string_view text) {
  text_ = text;
  at_ = 0;
  last_end_.reset();
}

Result<std::optional<TextSpan>> RegexScan::next() {
  while (at_ <= text_.size()) {
    int found = pcre2_match(regex_.code_.get(), units(text_), text_.size(), at_, PCRE2_NO_UTF_CHECK,
                            data_.get(), context_.get());
    if (found == PCRE2_ERROR_JIT_STACKLIMIT) {
      found = pcre2_match(regex_.code_.get(), units(text_), text_.size(), at_,
                          PCRE2_NO_UTF_CHECK | PCRE2_NO_JIT, data_.get(), context_.get());
    }
    if (found == PCRE2_ERROR_NOMATCH) {
      at_ = text_.size() + 1;
      break;
    }
    if (found < 0) {
      return Error{
          ErrorCode::kUnsupported,
          fmt::format("a pattern cannot be matched against this text: {}", pcre2_message(found))};
    }
    const std::size_t* ends = pcre2_get_ovector_pointer(data_.get());
    const TextSpan span{ends[0], ends[1]};
    if (span.begin == span.end && last_end_ == span.end) {
      at_ += at_ < text_.size() ? code_point_at(text_, at_).length : 1;
      continue;
    }
    at_ = span.end;
    last_end_ = span.end;
    return std::optional(span);
  }
  return std::optional<TextSpan>();
}

}  // namespace shardwright
