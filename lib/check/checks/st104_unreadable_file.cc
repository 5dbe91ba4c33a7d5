// ST104: a shard is there and cannot be opened or read.
// docs/checks/ST104-unreadable-file.md
#include <string>
#include <string_view>

#include <fmt/format.h>

#include "base/utf8.h"
#include "check/check.h"
#include "check/fixes.h"

namespace shardwright {
namespace {

struct Trouble {
  std::string what;
  std::string_view remedy;
};

// What the system said, without the steps that led there.
std::string_view systems_words(std::string_view error) {
  const std::size_t colon = error.rfind(": ");
  return colon == std::string_view::npos ? error : error.substr(colon + 2);
}

Trouble trouble(const Shard& shard) {
  switch (shard.entry.kind) {
    case EntryKind::kFolder:
      return {"is a folder where a file is expected",
              "put the file there that the name stands for"};
    case EntryKind::kDangling:
      return {
          "is a symbolic link to nothing",
          "fetch the model again with 'hf download'; a hub cache is copied with 'cp -rL', which "
          "follows its links"};
    default:
      if (systems_words(shard.open_error) == "not a regular file") {
        return {"is no file but a pipe, a socket or a device",
                "put the file there that the name stands for"};
      }
      return {fmt::format("cannot be read: {}", systems_words(shard.open_error)),
              "make it readable for yourself with chmod, or fetch it again where the disk fails"};
  }
}

void unreadable_file(const Model& model, const Reporter& report) {
  for (const Shard& shard : model.checkpoint.shards) {
    if (shard.use != ShardUse::kLoaded || !shard.present || shard.open_error.empty()) continue;
    const Trouble found = trouble(shard);
    report({.file = shard.file,
            .message = fmt::format("{} {}", quoted(shard.file), found.what),
            .fix = no_fix(std::string(found.remedy)),
            .group = found.what});
  }
}

}  // namespace

extern const Check kUnreadableFile;
constinit const Check kUnreadableFile{
    .code = "ST104",
    .name = "unreadable-file",
    .summary = "a shard is there and cannot be read",
    .severity = Severity::kError,
    .repair = Repair::kNever,
    .since = "0.1",
    .run = unreadable_file,
};

}  // namespace shardwright
