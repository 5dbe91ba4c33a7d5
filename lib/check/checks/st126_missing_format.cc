// ST126: the metadata does not say which framework wrote the file.
// docs/checks/ST126-missing-format.md
//
// No metadata at all is taken for PyTorch's by transformers since 4.48. Metadata without "format"
// is refused by all of 4.x, and read by 5.
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "base/utf8.h"
#include "check/check.h"
#include "check/fixes.h"
#include "check/format_label.h"
#include "check/purpose.h"
#include "check/relay.h"
#include "check/wording.h"

namespace shardwright {
namespace {

// One cause, one finding: a writer forgets the key in all its files.
void report_group(std::vector<std::string> files, Severity severity, std::string_view lacks,
                  std::string_view refusal, const Reporter& report) {
  if (files.empty()) return;
  std::vector<Edit> edits;
  for (const std::string& file : files)
    edits.emplace_back(edit::RelayShard{file});
  Report finding{.message = fmt::format("{} {} {}; {}", some_of(files),
                                        files.size() == 1 ? "has" : "have", lacks, refusal),
                 .severity = severity,
                 .fix = safe_fix("write {\"format\": \"pt\"} into the metadata", std::move(edits)),
                 .group = std::string(lacks)};
  if (severity == Severity::kInfo) finding.fix.reset();
  if (files.size() == 1) finding.file = files.front();
  finding.places = std::move(files);
  report(std::move(finding));
}

void missing_format(const Model& model, const Reporter& report) {
  std::vector<std::string> bare;
  std::vector<std::string> unlabelled;
  std::vector<std::string> of_others;
  for (const Shard& shard : model.checkpoint.shards) {
    // Other damage has its own finding, and has to be mended first.
    if (shard.use != ShardUse::kLoaded || relay_of(model, shard).safety != Safety::kSafe) continue;
    if (format_label(*shard.header)) continue;
    (!is_for_transformers(model, shard) ? of_others
     : shard.header->has_metadata       ? unlabelled
                                        : bare)
        .push_back(shard.file);
  }
  report_group(std::move(bare), Severity::kWarning, "no metadata",
               "transformers before 4.48 stops with \"'NoneType' object has no attribute 'get'\"",
               report);
  report_group(std::move(unlabelled), Severity::kError, "metadata without 'format'",
               "transformers 4 and huggingface_hub stop with 'does not contain the valid "
               "metadata', or 'File metadata is not ['pt', 'tf', 'flax', 'mlx'] but None'",
               report);
  report_group(std::move(of_others), Severity::kInfo, "no 'format' in the metadata",
               "transformers 4 would stop, and nothing says that it loads such files", report);
}

}  // namespace

extern const Check kMissingFormat;
constinit const Check kMissingFormat{
    .code = "ST126",
    .name = "missing-format",
    .summary = "the metadata of a shard does not say which framework its tensors are for",
    .severity = Severity::kWarning,
    .repair = Repair::kSafe,
    .since = "0.1",
    .run = missing_format,
};

}  // namespace shardwright
