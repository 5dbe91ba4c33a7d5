// Where the report of a check may not go.
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <string_view>

#include <fmt/format.h>

#include "base/try.h"
#include "base/utf8.h"
#include "checkpoint/model_path.h"
#include "io/folder.h"
#include "shardwright/check_job.h"
#include "write/place.h"

namespace shardwright {
namespace {

// What JSON and SARIF of this program say in their first lines.
bool holds_report(const std::string& path) {
  constexpr std::uint64_t kStart = 4096;
  const auto file = open_file(path);
  if (!file) return false;
  std::string start(std::min((*file)->size(), kStart), '\0');
  const Status read = (*file)->read(0, std::as_writable_bytes(std::span(start)));
  return read && start.find(R"("name": "shardwright")") != std::string::npos;
}

// A text that a user keeps beside them is no file of the model.
bool is_for_loaders(std::string_view name) {
  constexpr auto kEnds = std::to_array<std::string_view>(
      {".bin", ".gguf", ".jinja", ".json", ".model", ".onnx", ".pt", ".pth", ".py", ".safetensors",
       ".tiktoken", "merges.txt", "vocab.bpe", "vocab.txt"});
  return std::ranges::any_of(kEnds, [&](std::string_view end) { return name.ends_with(end); });
}

bool is_of_model(const FolderEntry& output, const std::string& path, const std::string& model) {
  const auto located = locate_model(model);
  if (!located) return false;  // the check says what is wrong with it
  const auto is_it = [&](const FolderEntry& entry) {
    return entry.inode == output.inode && entry.device == output.device;
  };
  if (located->kind == CheckpointKind::kFile) {
    return is_it(describe_path(join_path(located->directory, located->file)));
  }
  const auto real = real_path(path);
  const auto folder = real_path(located->directory);
  if (real && folder && is_within(*real, *folder) && is_for_loaders(*real)) return true;
  const auto listing = open_folder(located->directory);
  return listing && std::ranges::any_of((*listing)->entries(), [&](const FolderEntry& entry) {
           return is_it(entry) && is_for_loaders(entry.name);
         });
}

}  // namespace

Status keeps_models(const std::string& output, const std::vector<std::string>& models) {
  const FolderEntry there = describe_path(output);
  if (there.kind != EntryKind::kFile || holds_report(output)) return ok();
  for (const std::string& model : models) {
    if (!is_of_model(there, output, model)) continue;
    return Error{ErrorCode::kInvalidArgument,
                 fmt::format("{} is a file of {}, which is checked, and no report of an earlier "
                             "check: write the report elsewhere, or remove that file first",
                             quoted(output, kShownPath), quoted(model, kShownPath))};
  }
  return ok();
}

}  // namespace shardwright
