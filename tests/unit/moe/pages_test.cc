// Every rule of rules/moe has a page in docs/moe, whose sections "Made of", "Tensors" and "Config"
// say what the rule says. With UPDATE=1 in the environment these sections are written anew.
// SW_SOURCE_DIR is the tree.
#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include <doctest/doctest.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include "arch/catalogue.h"
#include "arch/schema_body.h"
#include "base/text.h"
#include "moe/recipe.h"
#include "moe/rule.h"
#include "support/temp_dir.h"

namespace shardwright {
namespace {

namespace fs = std::filesystem;

const fs::path kRoot = SW_SOURCE_DIR;

std::string code(std::string_view text) {
  return fmt::format("`{}`", trim(text));
}

std::string joined(const std::vector<std::string>& parts, std::string_view between) {
  return fmt::format("{}", fmt::join(parts, between));
}

std::string refusals(const MixtureSource& source) {
  std::vector<std::string> parts;
  for (const MixtureRefusal& refusal : source.refuse)
    parts.push_back(fmt::format("{} ({})", refusal.why, code(refusal.when)));
  for (const MixtureRefusal& refusal : source.each)
    parts.push_back(fmt::format("of any of the models: {} ({})", refusal.why, code(refusal.when)));
  return joined(parts, "; ");
}

std::string changes(const MixtureSource& source) {
  std::vector<std::string> parts;
  if (source.layout != "hub") {
    parts.push_back(
        fmt::format("its tensors are taken in its layout {} first", code(source.layout)));
  }
  for (const std::string& norm : source.plus_one)
    parts.push_back(fmt::format("1 is added to {}, which it stores less one", code(norm)));
  return joined(parts, "; ");
}

std::string made_of(const MixtureRule& rule) {
  std::string text = "| dense model | is refused where | is changed |\n| --- | --- | --- |\n";
  for (const MixtureSource& source : rule.from) {
    text +=
        fmt::format("| {} | {} | {} |\n", code(source.schema), refusals(source), changes(source));
  }
  return text;
}

// Names as the rule has them behind its `under`.
std::string_view short_name(std::string_view full, std::string_view under) {
  return full.starts_with(under) ? full.substr(under.size()) : full;
}

constexpr std::string_view kUnder = "model.layers.{layer}.";

std::string parts_of(const MixtureTensor& made) {
  std::vector<std::string> names;
  for (const NumberedName& part : made.of)
    names.push_back(code(short_name(part.source, kUnder)));
  std::string text = joined(names, " above ");
  if (made.by_expert) return text + " of the expert";
  if (!made.is_shared) return text + " of all experts, one after the other";
  return fmt::format("{} of the shared expert{}", text,
                     made.along == 1 ? ", of several side by side" : "");
}

std::string role_of(const MixtureRule& rule, const TensorRule& tensor) {
  for (const MixtureTensor& made : rule.tensors) {
    if (made.target.source == tensor.full) return parts_of(made);
  }
  for (const NumberedName& zero : rule.zeros) {
    if (zero.source == tensor.full) return "zeros";
  }
  if (tensor.role == Role::kRouter) return "the router, by the recipe's `gate_mode`";
  if (tensor.role == Role::kSharedGate) return "the gate of the shared expert, likewise";
  return "";
}

std::string tensors(const MixtureRule& rule, const Schema& mixture) {
  std::string text = fmt::format(
      "Behind {}; the sizes are those of `rules/architectures/{}.json`. All other tensors are the "
      "base's.\n\n| tensor | shape | is |\n| --- | --- | --- |\n",
      code(kUnder), rule.name);
  for_each_tensor(mixture.body->tensors, [&](const TensorRule& tensor) {
    const std::string is = role_of(rule, tensor);
    if (is.empty()) return;
    std::vector<std::string> extents;
    for (const Expr& extent : tensor.shape)
      extents.push_back(extent.source);
    text += fmt::format("| {} | `[{}]` | {} |\n", code(short_name(tensor.full, kUnder)),
                        joined(extents, ", "), is);
  });
  return text;
}

std::string setting_text(const MixtureSetting& setting) {
  switch (setting.kind) {
    case MixtureSetting::Kind::kValue:
      return code(json::dump(setting.value));
    case MixtureSetting::Kind::kExpression:
      return code(setting.expression);
    case MixtureSetting::Kind::kRoot:
      return "the square root of " + code(setting.expression);
    case MixtureSetting::Kind::kInverseRoot:
      return "1 by the square root of " + code(setting.expression);
    case MixtureSetting::Kind::kEachLayer:
      return fmt::format("for each layer {}", code(setting.expression));
    case MixtureSetting::Kind::kObject: {
      std::vector<std::string> members;
      for (const auto& [key, expression] : setting.members)
        members.push_back(fmt::format("{}: {}", code(key), code(expression)));
      return fmt::format("{}; where {}", joined(members, ", "), code(setting.condition));
    }
    case MixtureSetting::Kind::kRemoved:
      return "removed";
  }
  return "";
}

std::string config(const MixtureRule& rule) {
  std::string text =
      "`experts`, `per_token` and `shared` are the numbers of the recipe; other names are those of "
      "the dense model's rule.\n\n| key | is | of |\n| --- | --- | --- |\n";
  const auto add = [&](const std::vector<MixtureSetting>& settings, const std::string& of) {
    for (const MixtureSetting& setting : settings)
      text += fmt::format("| {} | {} | {} |\n", code(setting.key), setting_text(setting), of);
  };
  add(rule.set, "all");
  for (const MixtureSource& source : rule.from)
    add(source.set, code(source.schema));
  return text;
}

// What stands under a heading, up to the next.
std::string section(const std::string& page, std::string_view heading) {
  const std::string mark = fmt::format("\n## {}\n\n", heading);
  const std::size_t begin = page.find(mark);
  if (begin == std::string::npos) return "";
  const std::size_t from = begin + mark.size();
  return page.substr(from, std::min(page.find("\n## ", from), page.size()) - from);
}

// The page with that section as it is made; it has the heading.
std::string with_section(std::string page, std::string_view heading, const std::string& text) {
  const std::string mark = fmt::format("\n## {}\n\n", heading);
  const std::size_t from = page.find(mark) + mark.size();
  const std::size_t end = std::min(page.find("\n## ", from), page.size());
  return page.replace(from, end - from, text);
}

bool updates() {
  const char* update = std::getenv("UPDATE");
  return update != nullptr && *update == '1';
}

void check_made(const fs::path& path, std::string_view heading, const std::string& text) {
  const std::string page = test::read_file(path.string());
  REQUIRE(page.find(fmt::format("\n## {}\n\n", heading)) != std::string::npos);
  if (updates()) test::write_file(path.string(), with_section(page, heading, text));
  CHECK(section(test::read_file(path.string()), heading) == text);
}

// The recipe of a page is one that the architecture takes.
void check_recipe(const MixtureRule& rule, const std::string& page) {
  const std::string text = section(page, "Recipe");
  std::string recipe;
  for (const std::string_view line : split(text, '\n')) {
    if (line.starts_with("    ")) recipe += std::string(line.substr(4)) + "\n";
  }
  REQUIRE(!recipe.empty());
  const MoeRecipeFile file = parse_moe_recipe(recipe);
  for (const Mistake& mistake : file.mistakes)
    FAIL_CHECK(mistake.message);
  REQUIRE(file.recipe);
  CHECK(file.recipe->architecture == rule.name);
  CHECK(file.recipe->shared.size() >= rule.least_shared);
  CHECK(file.recipe->shared.size() <= rule.most_shared);
  const bool random =
      file.recipe->gate == GateMode::kRandom || file.recipe->gate == GateMode::kUniform;
  for (const MoeExpert& shared : file.recipe->shared)
    CHECK(shared.positive.empty() == (random || !rule.shared_prompts));
}

}  // namespace

TEST_CASE("moe: every rule has a page that says what it says") {
  const Catalogue catalogue = Catalogue::builtin();
  const auto rules = mixture_rules();
  REQUIRE(rules);
  const std::string index = test::read_file((kRoot / "docs/moe.md").string());
  std::set<std::string> pages;
  for (const MixtureRule& rule : *rules) {
    CAPTURE(rule.name);
    const Schema* mixture = catalogue.find(rule.name);
    REQUIRE(mixture != nullptr);
    pages.insert(rule.name + ".md");
    const fs::path path = kRoot / "docs/moe" / (rule.name + ".md");
    REQUIRE(fs::exists(path));
    check_made(path, "Made of", made_of(rule));
    check_made(path, "Tensors", tensors(rule, *mixture));
    check_made(path, "Config", config(rule));
    const std::string page = test::read_file(path.string());
    CHECK(page.starts_with(fmt::format("# {}\n\n", rule.name)));
    for (const std::string_view heading : {"Shared experts", "Recipe", "Loaders"}) {
      CAPTURE(heading);
      CHECK(!section(page, heading).empty());
    }
    // All that the rule makes was found among the architecture's tensors.
    for (const MixtureTensor& made : rule.tensors)
      CHECK(page.find(code(short_name(made.target.source, kUnder))) != std::string::npos);
    for (const NumberedName& zero : rule.zeros)
      CHECK(page.find(code(short_name(zero.source, kUnder))) != std::string::npos);
    check_recipe(rule, page);
    CHECK(index.find(fmt::format("| [{0}](moe/{0}.md) |", rule.name)) != std::string::npos);
  }
  std::set<std::string> found;
  for (const auto& entry : fs::directory_iterator(kRoot / "docs/moe"))
    found.insert(entry.path().filename().string());
  CHECK(found == pages);
}

}  // namespace shardwright
