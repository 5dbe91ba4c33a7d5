// What may stand in a place of a command line, for completions.
#pragma once

#include <string>
#include <vector>

#include "tools/command.h"

namespace shardwright {

struct PlaceWords {
  bool files{};                      // any file or folder
  std::vector<std::string> words{};  // or one of these
};

// The value of an option: the words of "text|json", a check, a rule, a file.
PlaceWords value_words(const OptionFacts& option);

// What stands without an option: actions ("merge", "verify"), checks, rules, and files.
PlaceWords argument_words(const Command& command);

// Of a command with --help, which all have.
std::vector<OptionFacts> all_options(const Command& command);

}  // namespace shardwright
