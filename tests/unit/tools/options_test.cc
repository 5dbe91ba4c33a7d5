#include "tools/options.h"

#include <string>
#include <vector>

#include <doctest/doctest.h>

namespace shardwright {
namespace {

struct Parsed {
  bool data{};
  std::string arch{};
  int threads{};
  std::vector<std::string> select{};
  int format{};
  std::vector<std::string> models{};
};

// "" where the words are accepted, else what is said of them.
std::string parse(const std::vector<std::string>& words, Parsed* into = nullptr) {
  Parsed local;
  Parsed& parsed = into == nullptr ? local : *into;
  OptionSet options;
  options.arguments("MODEL", parsed.models, 1, 2);
  options.flag("data", parsed.data, "");
  options.value("arch", "NAME", parsed.arch, "");
  options.value("threads", "N", parsed.threads, "");
  options.values("select", "CODES", parsed.select, "");
  options.choice("format", {"text", "json"}, parsed.format, "");
  const Status status = options.parse(words);
  return status ? "" : status.error().message;
}

}  // namespace

TEST_CASE("tools: options and arguments in any order") {
  Parsed parsed;
  CHECK(parse({"a", "--data", "--select", "ST1,AR410", "--arch=x=y", "--select=IX2,", "--format",
               "json", "--threads", "3", "b"},
              &parsed) == "");
  CHECK(parsed.models == std::vector<std::string>{"a", "b"});
  CHECK(parsed.select == std::vector<std::string>{"ST1", "AR410", "IX2"});
  CHECK(parsed.arch == "x=y");
  CHECK(parsed.threads == 3);
  CHECK(parsed.format == 1);
  CHECK(parsed.data);
}

TEST_CASE("tools: what follows -- is no option") {
  Parsed parsed;
  CHECK(parse({"--", "--data", "-"}, &parsed) == "");
  CHECK(parsed.models == std::vector<std::string>{"--data", "-"});
  CHECK(!parsed.data);
}

TEST_CASE("tools: a wrong command line is told in one sentence") {
  CHECK(parse({"--formt", "json", "a"}) == "unknown option '--formt'; did you mean '--format'?");
  CHECK(parse({"--dat", "a"}) == "unknown option '--dat'; did you mean '--data'?");  // no prefixes
  CHECK(parse({"--zzzzzzzz", "a"}) == "unknown option '--zzzzzzzz'");
  CHECK(parse({"-x", "a"}) == "unknown option '-x'");
  CHECK(parse({"a", "--arch"}) == "option '--arch' needs a value: NAME");
  CHECK(parse({"a", "--arch="}) == "option '--arch' needs a value: NAME");
  CHECK(parse({"a", "--data=yes"}) == "option '--data' takes no value");
  CHECK(parse({"a", "--data", "--data"}) == "option '--data' is given twice");
  CHECK(parse({"a", "--threads", "0"}) ==
        "option '--threads' takes a whole number above 0, not '0'");
  CHECK(parse({"a", "--threads", "3x"}) ==
        "option '--threads' takes a whole number above 0, not '3x'");
  CHECK(parse({"a", "--format", "xml"}) == "option '--format' takes text, json, not 'xml'");
  CHECK(parse({"a", "--select", ","}) == "option '--select' takes a value that is not empty");
  CHECK(parse({}) == "no MODEL given");
  CHECK(parse({"a", "b", "c"}) == "unexpected argument 'c'");
}

TEST_CASE("tools: a name of one letter is a short option") {
  bool seen = false;
  int threads = 0;
  OptionSet options;
  options.value("j", "N", threads, "");
  options.idle("v", "", seen, "");
  CHECK(options.parse(std::vector<std::string>{"-vv", "-v", "-j3"}));
  CHECK(seen);
  CHECK(threads == 3);
  CHECK(options.parse(std::vector<std::string>{"-j", "0"}).error().message ==
        "option '-j' takes a whole number above 0, not '0'");
  CHECK(options.parse(std::vector<std::string>{"-j", "2", "-j", "3"}).error().message ==
        "option '-j' is given twice");
  CHECK(options.parse(std::vector<std::string>{"-j"}).error().message ==
        "option '-j' needs a value: N");
}

TEST_CASE("tools: an idle option may be given again, with any value") {
  bool seen = false;
  OptionSet options;
  options.idle("device", "D", seen, "");
  CHECK(options.parse(std::vector<std::string>{"--device", "cpu", "--device=cuda:0"}));
  CHECK(seen);
}

TEST_CASE("tools: help has a row for each option") {
  bool flag = false;
  std::string text;
  OptionSet options;
  options.flag("data", flag, "read bytes");
  options.value("a-very-long-option-name", "PLACEHOLDER", text, "help");
  CHECK(help_text(options.facts()) ==
        "  --data                    read bytes\n"
        "  --a-very-long-option-name PLACEHOLDER\n"
        "                            help\n");
}

}  // namespace shardwright
