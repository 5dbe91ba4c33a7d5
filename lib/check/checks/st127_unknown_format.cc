// ST127: the metadata names a format that loaders do not know.
// docs/checks/ST127-unknown-format.md
#include <optional>
#include <string>
#include <string_view>

#include <fmt/format.h>

#include "base/utf8.h"
#include "check/check.h"
#include "check/fixes.h"
#include "check/format_label.h"
#include "check/join.h"
#include "check/purpose.h"
#include "check/relay.h"

namespace shardwright {
namespace {

bool is_known(std::string_view format) {
  return format == "pt" || format == "tf" || format == "flax" || format == "mlx";
}

// Whether the names are those that PyTorch classes have: then "pt" is no guess.
bool names_are_expected(const Join& join) {
  return join.compared && join.matched > 0 && join.unexpected.empty();
}

void unknown_format(const Model& model, const Reporter& report) {
  for (const Shard& shard : model.checkpoint.shards) {
    if (shard.use != ShardUse::kLoaded || !is_sound(shard)) continue;
    const auto format = format_label(*shard.header);
    if (!format || is_known(*format)) continue;
    std::optional<Severity> severity;
    if (!is_for_transformers(model, shard)) severity = Severity::kInfo;
    Report finding{.file = shard.file,
                   .message = fmt::format(
                       "the metadata has 'format' {}, and 'pt', 'tf', 'flax' or 'mlx' is "
                       "expected; transformers 4 stops with 'Incompatible safetensors file'",
                       quoted(*format)),
                   .severity = severity,
                   .group = fmt::format("format {}", *format)};
    if (!severity && relay_of(model, shard).safety == Safety::kSafe) {
      const std::string summary = "write {\"format\": \"pt\"} into the metadata";
      finding.fix = names_are_expected(model.join)
                        ? safe_fix(summary, {edit::RelayShard{shard.file, true}})
                        : unsafe_fix(summary, {edit::RelayShard{shard.file, true}});
    }
    report(std::move(finding));
  }
}

}  // namespace

extern const Check kUnknownFormat;
constinit const Check kUnknownFormat{
    .code = "ST127",
    .name = "unknown-format",
    .summary = "the metadata of a shard names a format that loaders do not know",
    .severity = Severity::kError,
    .repair = Repair::kSafe,
    .since = "0.1",
    .run = unknown_format,
};

}  // namespace shardwright
