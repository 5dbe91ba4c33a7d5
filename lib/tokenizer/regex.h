// Regular expressions of tokenizers, in Oniguruma's syntax, run by PCRE2.
#pragma once

#include <memory>
#include <optional>
#include <string_view>

#include "shardwright/result.h"
#include "tokenizer/text_span.h"

struct pcre2_real_code_8;
struct pcre2_real_match_context_8;
struct pcre2_real_jit_stack_8;
struct pcre2_real_match_data_8;

namespace shardwright {

class Regex {
 public:
  // `pattern` is valid UTF-8. kUnsupported where it is no pattern that is read here.
  static Result<Regex> compile(std::string_view pattern);

 private:
  friend class RegexScan;
  explicit Regex(std::shared_ptr<const pcre2_real_code_8> code) : code_(std::move(code)) {}

  std::shared_ptr<const pcre2_real_code_8> code_;
};

// Finds the matches of a text from left to right. An empty match counts where it does not follow
// the match before it at once.
class RegexScan {
 public:
  explicit RegexScan(Regex regex);

  // Begins at the start of `text`, which is valid UTF-8 and outlives the scan.
  void start(std::string_view text);

  // The next match, or none. kUnsupported where the pattern needs too many steps on this text.
  Result<std::optional<TextSpan>> next();

 private:
  Regex regex_;
  std::shared_ptr<pcre2_real_match_context_8> context_;
  std::shared_ptr<pcre2_real_match_data_8> data_;
  std::shared_ptr<pcre2_real_jit_stack_8> stack_;
  std::string_view text_{};
  std::size_t at_{};
  std::optional<std::size_t> last_end_{};
};

}  // namespace shardwright
