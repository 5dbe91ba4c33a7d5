// Table, sources and pages of the methods are in step. SW_SOURCE_DIR is the tree.
#include <filesystem>
#include <set>
#include <string>
#include <string_view>

#include <doctest/doctest.h>
#include <fmt/format.h>

#include "merge/method.h"
#include "support/temp_dir.h"

namespace shardwright {
namespace {

namespace fs = std::filesystem;

const fs::path kRoot = SW_SOURCE_DIR;

std::set<std::string> files_in(const char* folder) {
  std::set<std::string> names;
  for (const auto& entry : fs::directory_iterator(kRoot / folder))
    names.insert(entry.path().filename().string());
  return names;
}

// As pages write numbers: 0.1, 1e-05; flags as the recipe has them.
std::string value_text(const ParameterRow& row, double value) {
  if (row.kind == ParameterKind::kFlag) return value != 0 ? "true" : "false";
  return fmt::format("{}", value);
}

std::string range_text(const ParameterRow& row) {
  if (row.kind == ParameterKind::kFlag) return "true, false";
  const std::string_view what = row.kind == ParameterKind::kWhole ? "whole number" : "number";
  if (row.least > row.most) return fmt::format("any {}", what);
  return fmt::format("{} from {} to {}", what, row.least, row.most);
}

// | name | scope | preset | range | about |
std::string line_of(const ParameterRow& row) {
  return fmt::format("| `{}` | {} | {} | {} | {} |", row.name,
                     row.scope == ParameterScope::kGlobal ? "tensor" : "model",
                     row.preset ? value_text(row, *row.preset) : "must be given", range_text(row),
                     row.about);
}

}  // namespace

TEST_CASE("merge: methods are sorted by name, and have what a message needs") {
  std::string_view last;
  for (const Method* method : method_table()) {
    CAPTURE(method->name);
    CHECK(method->name > last);
    CHECK(find_method(method->name) == method);
    CHECK(!method->summary.empty());
    CHECK(!method->summary.ends_with('.'));
    CHECK((method->make != nullptr));
    for (const ParameterRow& row : method->parameters) {
      CAPTURE(row.name);
      CHECK(!row.about.empty());
      if (row.preset && row.least <= row.most) {
        CHECK(*row.preset >= row.least);
        CHECK(*row.preset <= row.most);
      }
    }
    last = method->name;
  }
  CHECK(find_method("linaer") == nullptr);
}

TEST_CASE("merge: every source of a method is in the table") {
  std::set<std::string> expected;
  for (const Method* method : method_table())
    expected.insert(fmt::format("{}.cc", method->name));
  CHECK(files_in("lib/merge/methods") == expected);
}

TEST_CASE("merge: every method has a page with its parameters") {
  std::set<std::string> expected = {"README.md"};
  const std::string index = test::read_file((kRoot / "docs/methods/README.md").string());
  for (const Method* method : method_table()) {
    CAPTURE(method->name);
    const std::string name = fmt::format("{}.md", method->name);
    expected.insert(name);
    REQUIRE(fs::exists(kRoot / "docs/methods" / name));
    const std::string page = test::read_file((kRoot / "docs/methods" / name).string());
    CHECK(page.starts_with(fmt::format("# {}\n\n{}.\n", method->name, [&] {
      std::string summary(method->summary);
      summary[0] = static_cast<char>(summary[0] - 'a' + 'A');
      return summary;
    }())));
    for (const std::string_view heading :
         {"Formula", "Parameters", "Inputs", "Cost", "Source", "Unlike mergekit"}) {
      CAPTURE(heading);
      CHECK(page.find(fmt::format("\n## {}\n", heading)) != std::string::npos);
    }
    std::size_t lines = 0;
    for (std::size_t at = 0; (at = page.find("\n| `", at)) != std::string::npos; ++at)
      ++lines;
    CHECK(lines == method->parameters.size());
    for (const ParameterRow& row : method->parameters) {
      CAPTURE(line_of(row));
      CHECK(page.find(line_of(row) + "\n") != std::string::npos);
    }
    const std::string row =
        fmt::format("| [{0}]({0}.md) | {1} | {2} |", method->name, method->summary, method->passes);
    CAPTURE(row);
    CHECK(index.find(row) != std::string::npos);
  }
  CHECK(files_in("docs/methods") == expected);
}

}  // namespace shardwright
