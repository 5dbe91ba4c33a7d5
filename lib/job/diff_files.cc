#include "job/diff_files.h"

#include <algorithm>
#include <map>
#include <optional>
#include <string_view>
#include <utility>

#include "base/try.h"
#include "checkpoint/selection.h"
#include "job/diff_json.h"

namespace shardwright {
namespace {

std::map<std::string_view, const SideFile*> parsed_files(const Checkpoint& model) {
  std::map<std::string_view, const SideFile*> files;
  if (model.config && model.config->document) files[model.config->name] = &*model.config;
  for (const SideFile& file : model.side_files) {
    if (file.document) files[file.name] = &file;
  }
  return files;
}

void compare_json(const SideFile& a, const SideFile& b, DiffReport& report) {
  if (a.text == b.text) return;
  const auto text = [](const json::Value* value) {
    return value == nullptr ? std::nullopt : std::optional(json::dump(*value));
  };
  json_differences(
      a.document->root, b.document->root, {},
      [&](const std::string& pointer, const json::Value* in_a, const json::Value* in_b) {
        report.json.push_back(
            {.file = a.name, .pointer = pointer, .a = text(in_a), .b = text(in_b)});
      });
}

// Files beside the weights that are told apart by their bytes: neither shards that are loaded, nor
// an index, which follows from them, nor hidden ones.
std::map<std::string, const FolderEntry*> plain_files(const Checkpoint& model,
                                                      const std::set<std::string>& compared) {
  std::set<std::string_view> shards;
  for (const Shard& shard : model.shards) {
    if (shard.use == ShardUse::kLoaded) shards.insert(shard.file);
  }
  std::map<std::string, const FolderEntry*> files;
  for (const FolderEntry& entry : model.folder->entries()) {
    if (entry.kind == EntryKind::kFolder || entry.name.starts_with('.')) continue;
    if (shards.contains(entry.name) || is_index_name(entry.name) ||
        entry.name.ends_with(".bin.index.json") || compared.contains(entry.name)) {
      continue;
    }
    files[entry.name] = &entry;
  }
  return files;
}

std::optional<std::uint64_t> bytes_of(const FolderEntry& entry) {
  return entry.kind == EntryKind::kFile ? entry.bytes : 0;
}

}  // namespace

std::set<std::string> compare_json_files(const Checkpoint& a, const Checkpoint& b,
                                         DiffReport& report) {
  std::set<std::string> compared;
  const auto in_b = parsed_files(b);
  for (const auto& [name, file] : parsed_files(a)) {
    const auto other = in_b.find(name);
    if (other == in_b.end()) continue;
    compared.insert(std::string(name));
    compare_json(*file, *other->second, report);
  }
  std::ranges::stable_partition(report.json,
                                [](const JsonDiff& one) { return one.file == "config.json"; });
  return compared;
}

Result<std::vector<OpenFile>> pair_files(const Checkpoint& a, const Checkpoint& b,
                                         const std::set<std::string>& compared,
                                         DiffReport& report) {
  std::vector<OpenFile> same_size;
  const auto in_a = plain_files(a, compared);
  auto in_b = plain_files(b, compared);
  for (const auto& [name, entry] : in_a) {
    const auto other = in_b.find(name);
    FileDiff row{.name = name, .a = bytes_of(*entry)};
    if (other == in_b.end()) {
      report.files.push_back(std::move(row));
      continue;
    }
    const FolderEntry& there = *other->second;
    in_b.erase(other);
    row.b = bytes_of(there);
    const bool one_file =
        entry->inode != 0 && entry->inode == there.inode && entry->device == there.device;
    if (one_file && row.a == row.b) continue;
    if (row.a != row.b || entry->kind != there.kind) {
      report.files.push_back(std::move(row));
    } else if (entry->kind == EntryKind::kFile) {
      OpenFile file{.row = std::move(row)};
      SW_TRY(file.a, a.folder->open(name));
      SW_TRY(file.b, b.folder->open(name));
      same_size.push_back(std::move(file));
    }
  }
  for (const auto& [name, entry] : in_b)
    report.files.push_back({.name = name, .b = bytes_of(*entry)});
  return same_size;
}

}  // namespace shardwright
