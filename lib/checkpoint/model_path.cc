#include "checkpoint/model_path.h"

#include <algorithm>
#include <array>
#include <vector>

#include <fmt/format.h>

#include "base/try.h"
#include "base/utf8.h"
#include "checkpoint/selection.h"

namespace shardwright {
namespace {

constexpr std::string_view kPickledHelp =
    "pickled weights are not read: load the model in transformers and write it with "
    "save_pretrained() (merge alone takes pytorch_model.bin as it is, by its folder)";

bool is_pickled_name(std::string_view name) {
  constexpr std::array<std::string_view, 5> kEnds = {".bin", ".pt", ".pth", ".ckpt",
                                                     ".bin.index.json"};
  return std::ranges::any_of(kEnds, [&](std::string_view end) { return name.ends_with(end); });
}

bool holds_model(const Folder& folder) {
  return std::ranges::any_of(folder.entries(), [](const FolderEntry& entry) {
    return is_shard_name(entry.name) || is_index_name(entry.name);
  });
}

// The first folder below `path` that holds a model, or an empty text.
std::string find_inner(const std::string& path, int depth, std::size_t& budget) {
  const auto folder = open_folder(path);
  if (!folder) return {};
  std::vector<std::string> inner;
  for (const FolderEntry& entry : (*folder)->entries()) {
    if (entry.kind != EntryKind::kFolder || entry.name.starts_with('.') || budget == 0) continue;
    --budget;
    inner.push_back(path + (path.ends_with('/') ? "" : "/") + entry.name);
    const auto opened = open_folder(inner.back());
    if (opened && holds_model(**opened)) return inner.back();
  }
  for (const std::string& name : inner) {
    if (std::string found = depth > 1 ? find_inner(name, depth - 1, budget) : ""; !found.empty()) {
      return found;
    }
  }
  return {};
}

ModelPath split_path(CheckpointKind kind, const std::string& path) {
  const std::size_t slash = path.rfind('/');
  return {.kind = kind,
          .directory =
              slash == std::string::npos ? "." : path.substr(0, std::max<std::size_t>(slash, 1)),
          .file = path.substr(slash + 1)};
}

Result<ModelPath> locate_file(const std::string& path, std::string_view name) {
  if (is_shard_name(name)) return split_path(CheckpointKind::kFile, path);
  if (is_index_name(name)) return split_path(CheckpointKind::kIndex, path);
  if (is_pickled_name(name)) {
    return Error{ErrorCode::kUnsupported,
                 fmt::format("{} is no safetensors file; {}", quoted(path), kPickledHelp)};
  }
  return Error{ErrorCode::kUnsupported,
               fmt::format("{} is no model: name a folder, a .safetensors file, a "
                           ".safetensors.index.json or a hub id",
                           quoted(path))};
}

Result<ModelPath> locate_absent(const std::string& path) {
  if (path.starts_with("http://") || path.starts_with("https://")) {
    return Error{ErrorCode::kUnsupported,
                 fmt::format("{} is a URL, which this version does not read: fetch the model with "
                             "'hf download' and name its folder",
                             quoted(path))};
  }
  auto id = parse_hub_id(path);
  if (!id) return Error{ErrorCode::kNotFound, fmt::format("no file or folder {}", quoted(path))};
  SW_TRY(auto snapshot, find_snapshot(*id, hub_cache_folder()));
  return ModelPath{
      .kind = CheckpointKind::kFolder, .directory = std::move(snapshot), .hub_id = std::move(id)};
}

}  // namespace

Result<ModelPath> locate_model(const std::string& path) {
  const FolderEntry entry = describe_path(path);
  switch (entry.kind) {
    case EntryKind::kAbsent:
      return locate_absent(path);
    case EntryKind::kDangling:
      return Error{ErrorCode::kNotFound, fmt::format("{} is a link to nothing", quoted(path))};
    case EntryKind::kFolder:
      return ModelPath{.kind = CheckpointKind::kFolder, .directory = path};
    case EntryKind::kFile:
      return locate_file(path, entry.name);
    case EntryKind::kOther:
      break;
  }
  SW_TRY(const auto file, open_file(path));  // its error says what stands in the way
  return Error{ErrorCode::kIo, fmt::format("{} is neither a file nor a folder", quoted(path))};
}

Error not_a_model(const std::string& path, const Folder& folder) {
  const auto& entries = folder.entries();
  if (entries.empty()) return {ErrorCode::kUnsupported, fmt::format("{} is empty", quoted(path))};
  for (const FolderEntry& entry : entries) {
    if (!is_pickled_name(entry.name) || entry.kind == EntryKind::kFolder) continue;
    return {ErrorCode::kUnsupported, fmt::format("{} has {} and no .safetensors file; {}",
                                                 quoted(path), quoted(entry.name), kPickledHelp)};
  }
  for (const FolderEntry& entry : entries) {
    if (!entry.name.ends_with(".gguf")) continue;
    return {ErrorCode::kUnsupported,
            fmt::format("{} has {}, which is not read, and no .safetensors file", quoted(path),
                        quoted(entry.name))};
  }
  std::size_t budget = 100;
  if (const std::string inner = path.empty() ? "" : find_inner(path, 2, budget); !inner.empty()) {
    return {ErrorCode::kUnsupported,
            fmt::format("nothing in {} itself is a model; there is one in {}", quoted(path),
                        quoted(inner))};
  }
  return {
      ErrorCode::kUnsupported,
      fmt::format("nothing in {} is a model: it has no .safetensors file and no "
                  ".safetensors.index.json, only {}{}",
                  quoted(path), quoted(entries.front().name),
                  entries.size() == 1 ? ""
                                      : fmt::format(" and {} more {}", entries.size() - 1,
                                                    entries.size() == 2 ? "entry" : "entries"))};
}

}  // namespace shardwright
