// Code, table, page, cases and changelog of every check are in step. SW_SOURCE_DIR is the tree.
#include <algorithm>
#include <filesystem>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include <doctest/doctest.h>
#include <fmt/format.h>

#include "base/text.h"
#include "check/check.h"
#include "support/temp_dir.h"

namespace shardwright {
namespace {

namespace fs = std::filesystem;

const fs::path kRoot = SW_SOURCE_DIR;

std::string file_name(const Check& check) {
  return fmt::format("{}-{}", check.code, check.name);
}

bool is_code(std::string_view code) {
  const auto letter = [](char c) { return c >= 'A' && c <= 'Z'; };
  const auto digit = [](char c) { return c >= '0' && c <= '9'; };
  return code.size() == 5 && std::ranges::all_of(code.substr(0, 2), letter) &&
         std::ranges::all_of(code.substr(2), digit);
}

// Names say what is found, not what is done or what there should be.
bool is_name(std::string_view name) {
  for (const std::string_view bad : {"check-", "no-", "valid-", "fix-", "bad-name", "ensure-"}) {
    if (name.starts_with(bad)) return false;
  }
  const auto allowed = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); };
  return std::ranges::all_of(split(name, '-'), [&](std::string_view word) {
    return !word.empty() && std::ranges::all_of(word, allowed);
  });
}

// What stands under a heading of a page, up to the next.
std::string section(const std::string& page, std::string_view heading) {
  const std::string mark = fmt::format("\n## {}\n", heading);
  const std::size_t begin = page.find(mark);
  if (begin == std::string::npos) return "";
  const std::size_t from = begin + mark.size();
  return std::string(trim(std::string_view(page).substr(from, page.find("\n## ", from) - from)));
}

// The first sentence in one line, as a summary is written: small first letter, no full stop, no
// marks of code.
std::string first_sentence(std::string_view text) {
  std::string out;
  for (const char c : text.substr(
           0, text.find(".\n") == std::string_view::npos ? text.size() : text.find(".\n"))) {
    if (c != '`') out.push_back(c == '\n' ? ' ' : c);
  }
  if (const std::size_t end = out.find(". "); end != std::string::npos) out.resize(end);
  if (out.ends_with('.')) out.pop_back();
  if (!out.empty() && out[0] >= 'A' && out[0] <= 'Z')
    out[0] = static_cast<char>(out[0] - 'A' + 'a');
  return out;
}

struct Cases {
  std::size_t fire{}, silent{}, repaired{};
};

Cases cases_of(const Check& check) {
  Cases cases;
  const fs::path folder = kRoot / "tests/checks" / file_name(check);
  if (!fs::is_directory(folder)) return cases;
  for (const auto& entry : fs::directory_iterator(folder)) {
    const std::string found = test::read_file((entry.path() / "check.out").string());
    const bool fires = found.find(fmt::format(" {} ", check.code)) != std::string::npos;
    ++(fires ? cases.fire : cases.silent);
    if (fires && fs::exists(entry.path() / "repair.out")) ++cases.repaired;
  }
  return cases;
}

}  // namespace

TEST_CASE("check: codes are sorted and unique, and names say what is found") {
  std::set<std::string_view> names;
  std::string_view last;
  for (const Check* check : check_table()) {
    CAPTURE(check->code);
    CHECK(is_code(check->code));
    CHECK(check->code > last);
    CHECK(is_name(check->name));
    CHECK(names.insert(check->name).second);
    CHECK(!check->summary.empty());
    CHECK(!check->summary.ends_with('.'));
    CHECK((check->run != nullptr) != (check->across != nullptr));
    last = check->code;
  }
}

TEST_CASE("check: every source of a check is in the table") {
  std::set<std::string> expected;
  for (const Check* check : check_table()) {
    std::string name = file_name(*check);
    std::ranges::replace(name, '-', '_');
    for (char& c : name)
      c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    expected.insert(name + ".cc");
  }
  std::set<std::string> found;
  for (const auto& entry : fs::directory_iterator(kRoot / "lib/check/checks"))
    found.insert(entry.path().filename().string());
  CHECK(found == expected);
}

TEST_CASE("check: every check has a page that begins with its summary") {
  std::set<std::string> expected = {"README.md"};
  const std::string index = test::read_file((kRoot / "docs/checks/README.md").string());
  for (const Check* check : check_table()) {
    CAPTURE(check->code);
    expected.insert(file_name(*check) + ".md");
    const fs::path path = kRoot / "docs/checks" / (file_name(*check) + ".md");
    REQUIRE(fs::exists(path));
    const std::string page = test::read_file(path.string());
    CHECK(page.starts_with(fmt::format("# {} {}\n", check->code, check->name)));
    for (const std::string_view heading :
         {"What it finds", "Why it matters", "Example", "Repair", "See also"}) {
      CAPTURE(heading);
      CHECK(!section(page, heading).empty());
    }
    std::string summary(check->summary);
    std::erase(summary, '`');
    CHECK(first_sentence(section(page, "What it finds")) == summary);
    const std::string row =
        fmt::format("| [{}]({}.md) | {} |", check->code, file_name(*check), check->name);
    CHECK(index.find(row) != std::string::npos);
  }
  std::set<std::string> found;
  for (const auto& entry : fs::directory_iterator(kRoot / "docs/checks"))
    found.insert(entry.path().filename().string());
  CHECK(found == expected);
}

TEST_CASE("check: every check has a case that fires, one that does not, and its repair") {
  std::set<std::string> expected;
  for (const Check* check : check_table()) {
    CAPTURE(check->code);
    const Cases cases = cases_of(*check);
    CHECK(cases.fire > 0);
    CHECK(cases.silent > 0);
    if (check->repair == Repair::kSafe || check->repair == Repair::kUnsafe) {
      CHECK(cases.repaired > 0);
    }
    expected.insert(file_name(*check));
  }
  for (const auto& entry : fs::directory_iterator(kRoot / "tests/checks")) {
    if (entry.is_directory()) CHECK(expected.contains(entry.path().filename().string()));
  }
}

TEST_CASE("check: the changelog has a line for every check") {
  const std::string changelog = test::read_file((kRoot / "CHANGELOG.md").string());
  for (const Check* check : check_table()) {
    CAPTURE(check->code);
    CHECK(changelog.find(fmt::format("\n- {} {}: ", check->code, check->name)) !=
          std::string::npos);
  }
}

}  // namespace shardwright
