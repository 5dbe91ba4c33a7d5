// Options of a command: declared once as rows, which give both the parser and the help.
//
// Parsing touches nothing but its arguments. options.cc is the only file that knows
// Boost.Program_options, and turns its exceptions into errors.
#pragma once

#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "shardwright/result.h"

namespace shardwright {

// "--data", or "-j" where a name is one letter.
std::string dashed_name(std::string_view name);

// What is known of an option without any arguments to fill.
struct OptionFacts {
  std::string name{}, placeholder{}, help{};  // placeholder empty: it has no value
  bool repeats{};
};

// Rows as they stand in a help page, one or two lines each.
std::string help_text(const std::vector<OptionFacts>& options);

// A name of one letter is a short option: "-j 2", "-j2".
class OptionSet {
 public:
  // Converts a value; its error is printed after the option's name.
  using Convert = std::function<Status(const std::string& value)>;

  // An option without a value.
  void flag(std::string name, bool& into, std::string help);
  // One that may be given any number of times, and its value be anything; `placeholder` empty:
  // it has none. Only whether it was given is kept.
  void idle(std::string name, std::string placeholder, bool& seen, std::string help);
  // An option with a value that `placeholder` stands for; given at most once.
  void value(std::string name, std::string placeholder, std::string& into, std::string help);
  void value(std::string name, std::string placeholder, int& into, std::string help);
  void value(std::string name, std::string placeholder, Convert into, std::string help);
  // The same, and it may be given several times.
  void values(std::string name, std::string placeholder, Convert into, std::string help);
  void values(std::string name, std::string placeholder, std::vector<std::string>& into,
              std::string help);
  // One of several words, by position.
  template <typename Enum>
  void choice(std::string name, std::vector<std::string> words, Enum& into, std::string help) {
    choice_index(
        std::move(name), std::move(words), [&into](std::size_t i) { into = static_cast<Enum>(i); },
        std::move(help));
  }
  // What stands without an option, in order. `most` 0: any number.
  void arguments(std::string placeholder, std::vector<std::string>& into, std::size_t least,
                 std::size_t most);

  // kInvalidArgument with a sentence that names the option, and the nearest where it is unknown.
  [[nodiscard]] Status parse(std::span<const std::string> words) const;

  // The rows, for help pages, completions and the manual.
  [[nodiscard]] std::vector<OptionFacts> facts() const;

 private:
  struct Row {
    std::string name, placeholder, help;
    bool repeats{};
    std::variant<bool*, Convert> into;
  };
  void choice_index(std::string name, std::vector<std::string> words,
                    std::function<void(std::size_t)> into, std::string help);

  std::vector<Row> rows_;
  std::string arguments_placeholder_;
  std::vector<std::string>* arguments_{};
  std::size_t least_{};
  std::size_t most_{};
};

// "ST1,AR412" at its commas; empty pieces are left out.
std::vector<std::string> split_list(std::string_view text);

}  // namespace shardwright
