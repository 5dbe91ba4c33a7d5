// A config file: whatever it is, each mistake names a line of it, and what is not complained of is
// complete.
#include <algorithm>
#include <string>

#include "base/text.h"
#include "check/check.h"
#include "fuzz/target.h"
#include "job/settings.h"

namespace {

using namespace shardwright;

void check_place(std::string_view text, const std::string& name, std::string_view place) {
  PROPERTY(place.starts_with(name + ":"));
  place.remove_prefix(name.size() + 1);
  const auto line = parse_u64(place.substr(0, place.find(':')));
  PROPERTY(line && *line >= 1);
  PROPERTY(*line <= 1 + static_cast<std::uint64_t>(std::ranges::count(text, '\n')));
}

void check_settings(std::string_view text, const std::string& name, SettingsOrigin origin) {
  const auto settings = parse_check_settings(text, name, origin);
  if (!settings) {
    check_place(text, name, settings.error().message);
    return;
  }
  const bool beside = origin == SettingsOrigin::kBeside;
  PROPERTY(settings->beside == beside);
  PROPERTY(!beside || (settings->severity.empty() && !settings->fail_on));
  for (const IgnoreRule& rule : settings->ignores) {
    PROPERTY(std::ranges::count(check_table(), rule.code, &Check::code) == 1);
    PROPERTY(!trim(rule.reason).empty());
    check_place(text, name, rule.place);
  }
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text = as_text(data, size);
  for (const char* name : {"a.toml", "a.json"}) {
    for (const auto origin : {SettingsOrigin::kGiven, SettingsOrigin::kBeside})
      check_settings(text, name, origin);
  }
  return 0;
}
