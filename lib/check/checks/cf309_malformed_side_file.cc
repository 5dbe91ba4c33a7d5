// CF309: a JSON file beside the weights cannot be read.
// docs/checks/CF309-malformed-side-file.md
#include <algorithm>
#include <array>
#include <optional>
#include <string>
#include <string_view>

#include <fmt/format.h>

#include "base/utf8.h"
#include "check/check.h"
#include "check/fixes.h"
#include "check/wording.h"

namespace shardwright {
namespace {

// Files whose keys loaders look up.
bool has_to_be_object(std::string_view name) {
  constexpr auto kNames = std::to_array<std::string_view>(
      {"adapter_config.json", "added_tokens.json", "generation_config.json",
       "preprocessor_config.json", "processor_config.json", "special_tokens_map.json",
       "tokenizer_config.json", "video_preprocessor_config.json"});
  return std::ranges::find(kNames, name) != kNames.end();
}

// What stands in the way of a file that was read as JSON.
std::string trouble_of(const SideFile& file) {
  if (!file.error.empty()) return why_unusable(file.text, file.error);
  if (!has_to_be_object(file.name) || !file.document) return {};
  if (file.document->byte_order_mark) return why_unusable(file.text, {});
  if (file.document->root.object() != nullptr) return {};
  return fmt::format("it is {}, and has to be an object", file.document->root.kind_name());
}

void malformed_side_file(const Model& model, const Reporter& report) {
  const Checkpoint& checkpoint = model.checkpoint;
  if (checkpoint.tokenizer) {
    for (const TokenizerFacts::Broken& broken : checkpoint.tokenizer->broken) {
      report({.file = broken.file,
              .message = fmt::format("{} cannot be used: {}", quoted(broken.file),
                                     why_unusable(broken.start, broken.error)),
              .fix = no_fix("copy the file from the model that this one was made from")});
    }
  }
  for (const SideFile& file : checkpoint.side_files) {
    const std::string trouble = trouble_of(file);
    if (trouble.empty()) continue;
    // One that is no JSON transformers passes over; what it reads of any other, it looks keys up
    // in.
    const bool refused = file.name == "generation_config.json" && file.document &&
                         file.document->root.object() == nullptr;
    report({.file = file.name,
            .message = fmt::format("{} cannot be used: {}{}", quoted(file.name), trouble,
                                   refused ? "; transformers refuses to load the model" : ""),
            .severity = refused ? std::optional(Severity::kError) : std::nullopt,
            .fix = no_fix("copy the file from the model that this one was made from, or mend the "
                          "JSON by hand")});
  }
}

}  // namespace

extern const Check kMalformedSideFile;
constinit const Check kMalformedSideFile{
    .code = "CF309",
    .name = "malformed-side-file",
    .summary = "a JSON file beside the weights cannot be read",
    .severity = Severity::kWarning,
    .repair = Repair::kNever,
    .since = "0.1",
    .run = malformed_side_file,
};

}  // namespace shardwright
