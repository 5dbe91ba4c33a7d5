// The patterns of a tokenizer.json are written for Oniguruma; here PCRE2 runs them. What both read
// alike stays as it is; what they read differently is spelled out, so that it means here what it
// means there:
//
//   \s \w \h \b     other sets of characters in PCRE2: written as classes
//   \v              one character in Oniguruma, a set in PCRE2
//   ^ $             match at every line
//   (?m:...)        the dot takes line ends, too: (?s:...) of PCRE2
//   a(?i)b|c        a(?i:b|c)
//   a{2}+           (?:a{2})+, not possessive
//   [a[bc]] [a&&b]  classes in classes, and what two classes share
//   \p{Han}         the script, not its extensions
//   \p{L} ...       also for characters that are newer than PCRE2's tables (unicode_changes.h)
#pragma once

#include <string>
#include <string_view>

#include "shardwright/result.h"

namespace shardwright {

// The pattern in the syntax of PCRE2, for its options UTF and UCP and the line end LF. kUnsupported
// where a construct is none that is known to mean the same there; the message names it.
Result<std::string> to_pcre2(std::string_view pattern);

}  // namespace shardwright
