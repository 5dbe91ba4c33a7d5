// ST101: a Git LFS pointer stands where a shard should.
// docs/checks/ST101-lfs-pointer.md
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>

#include "base/text.h"
#include "base/utf8.h"
#include "check/check.h"
#include "check/fixes.h"
#include "check/wording.h"

namespace shardwright {
namespace {

// The value of a line "key value" of a pointer, or empty.
std::string_view field(std::string_view pointer, std::string_view key) {
  for (const std::string_view line : split(pointer, '\n')) {
    if (line.starts_with(key)) return trim(line.substr(key.size()));
  }
  return {};
}

std::string size_text(std::string_view pointer) {
  const auto bytes = parse_u64(field(pointer, "size "));
  return bytes ? byte_count(*bytes) : "unknown size";
}

// A clone without LFS leaves pointers for all shards: that is one cause.
void lfs_pointer(const Model& model, const Reporter& report) {
  std::vector<std::string> files;
  const Shard* first = nullptr;
  for (const Shard& shard : model.checkpoint.shards) {
    if (shard.use != ShardUse::kLoaded || shard.foreign != safetensors::ForeignKind::kLfsPointer) {
      continue;
    }
    if (first == nullptr) first = &shard;
    files.push_back(shard.file);
  }
  if (first == nullptr) return;
  const std::string what = fmt::format("a Git LFS pointer to {} ({})", size_text(first->start),
                                       printable(field(first->start, "oid ")));
  Report finding{
      .message = files.size() == 1
                     ? fmt::format("{} is {}, not the file itself; {}", quoted(first->file), what,
                                   prints(safetensors::DefectKind::kLengthTooLarge))
                     : fmt::format(
                           "{} shards are Git LFS pointers, not the files themselves: {} is {}; {}",
                           files.size(), quoted(first->file), what,
                           prints(safetensors::DefectKind::kLengthTooLarge)),
      .fix = no_fix("the tensors are not here: run 'git lfs pull' in the clone, or fetch the "
                    "model with 'hf download'")};
  if (files.size() == 1) finding.file = first->file;
  finding.places = std::move(files);
  report(std::move(finding));
}

}  // namespace

extern const Check kLfsPointer;
constinit const Check kLfsPointer{
    .code = "ST101",
    .name = "lfs-pointer",
    .summary = "a shard is a Git LFS pointer instead of the file",
    .severity = Severity::kError,
    .repair = Repair::kNever,
    .since = "0.1",
    .run = lfs_pointer,
};

}  // namespace shardwright
