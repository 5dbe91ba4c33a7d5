#include "tools/completion_words.h"

#include <algorithm>
#include <string_view>

#include "shardwright/check_job.h"
#include "shardwright/schema_job.h"

namespace shardwright {
namespace {

std::vector<std::string> split_at(std::string_view text, std::string_view separator) {
  std::vector<std::string> parts;
  while (true) {
    const std::size_t end = text.find(separator);
    parts.emplace_back(text.substr(0, end));
    if (end == std::string_view::npos) return parts;
    text.remove_prefix(end + separator.size());
  }
}

bool is_written_small(std::string_view word) {
  return !word.empty() && std::ranges::all_of(word, [](char c) { return c >= 'a' && c <= 'z'; });
}

std::vector<std::string> check_words() {
  std::vector<std::string> words;
  for (const CheckInfo& check : all_checks())
    words.emplace_back(check.code);
  return words;
}

std::vector<std::string> rule_words() {
  std::vector<std::string> words;
  const auto rows = list_schemas({});
  for (const SchemaRow& row : rows ? *rows : std::vector<SchemaRow>())
    words.push_back(row.name);
  return words;
}

}  // namespace

PlaceWords value_words(const OptionFacts& option) {
  const std::string_view what = option.placeholder;
  if (what.find('|') != std::string_view::npos) return {.words = split_at(what, "|")};
  if (what == "CODES" || what == "CODE=LEVEL") return {.words = check_words()};
  if (option.name == "arch") return {.words = rule_words()};
  return {.files = what == "F" || what == "DIR" || what == "FILE"};
}

PlaceWords argument_words(const Command& command) {
  PlaceWords place;
  for (const std::string& form : split_at(command.usage, " | ")) {
    const std::string first = form.substr(0, form.find(' '));
    if (is_written_small(first)) place.words.push_back(first);
  }
  const std::string_view usage = command.usage;
  if (usage.starts_with("CODE")) place.words = check_words();
  if (usage.starts_with("SCHEMA")) place.words = rule_words();
  place.files = !usage.starts_with("CODE") &&
                usage.find_first_of("ABCDEFGHIJKLMNOPQRSTUVWXYZ") != std::string_view::npos;
  return place;
}

std::vector<OptionFacts> all_options(const Command& command) {
  std::vector<OptionFacts> options = command.options();
  options.push_back({.name = "help", .help = "options and examples"});
  return options;
}

}  // namespace shardwright
