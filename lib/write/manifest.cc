#include "write/manifest.h"

#include <algorithm>
#include <array>
#include <utility>

#include <fmt/format.h>

#include "base/try.h"
#include "base/units.h"
#include "base/utf8.h"
#include "io/folder.h"
#include "json/value.h"
#include "write/place.h"
#include "write/write_file.h"

namespace shardwright {
namespace {

constexpr std::string_view kManifest = "manifest.json";
constexpr std::int64_t kVersion = 1;
constexpr std::uint64_t kMaxBytes = 64 * kMiB;
constexpr std::array<std::string_view, 4> kKinds = {"replaced", "added", "removed", "kept"};

bool is_number(std::string_view name) {
  return name.size() >= 4 && std::ranges::all_of(name, [](char c) { return c >= '0' && c <= '9'; });
}

json::Value text(std::string_view value) {
  return {std::string(value)};
}

json::Value to_json(const Manifest& manifest) {
  json::Value::Array changes;
  for (const Change& change : manifest.changes) {
    json::Value::Object object = {
        {"file", text(change.name)},
        {"change", text(kKinds.at(static_cast<std::size_t>(change.kind)))},
        {"hidden", {change.hidden}}};
    if (change.kind == ChangeKind::kReplaced || change.kind == ChangeKind::kAdded) {
      object.push_back({"bytes", {static_cast<std::int64_t>(change.bytes)}});
      object.push_back({"digest", text(digest_text(change.digest))});
    }
    changes.push_back({std::move(object)});
  }
  json::Value::Object root = {{"version", {kVersion}},
                              {"state", text(manifest.done ? "done" : "prepared")}};
  if (!manifest.undoes.empty()) root.push_back({"undoes", text(manifest.undoes)});
  root.push_back({"changes", {std::move(changes)}});
  return {std::move(root)};
}

std::string_view string_at(const json::Value& object, std::string_view key) {
  const json::Value* value = object.find(key);
  const std::string* found = value != nullptr ? value->string() : nullptr;
  return found != nullptr ? std::string_view(*found) : std::string_view();
}

std::optional<Change> change_from(const json::Value& value) {
  Change change{.name = std::string(string_at(value, "file"))};
  const auto kind = std::ranges::find(kKinds, string_at(value, "change"));
  const bool is_ours = change.name.substr(0, change.name.find('/')) == kUndoFolder;
  if (!is_inside(change.name) || is_ours || kind == kKinds.end()) return std::nullopt;
  change.kind = static_cast<ChangeKind>(kind - kKinds.begin());
  change.hidden = value.says("hidden", true);
  if (change.kind == ChangeKind::kReplaced || change.kind == ChangeKind::kAdded) {
    const json::Value* bytes = value.find("bytes");
    const auto digest = digest_from_text(string_at(value, "digest"));
    if (bytes == nullptr || bytes->integer() == nullptr || *bytes->integer() < 0 || !digest) {
      return std::nullopt;
    }
    change.bytes = static_cast<std::uint64_t>(*bytes->integer());
    change.digest = *digest;
  }
  return change;
}

std::optional<Manifest> from_json(const json::Value& root) {
  const json::Value* version = root.find("version");
  const json::Value* changes = root.find("changes");
  const std::string_view state = string_at(root, "state");
  if (version == nullptr || version->whole_number() != kVersion || changes == nullptr ||
      changes->array() == nullptr || (state != "done" && state != "prepared")) {
    return std::nullopt;
  }
  Manifest manifest{.done = state == "done", .undoes = std::string(string_at(root, "undoes"))};
  // It becomes a part of a path.
  if (!manifest.undoes.empty() && !is_number(manifest.undoes)) return std::nullopt;
  for (const json::Value& value : *changes->array()) {
    auto change = change_from(value);
    if (!change) return std::nullopt;
    manifest.changes.push_back(std::move(*change));
  }
  return manifest;
}

Result<std::optional<Manifest>> read_manifest(const std::string& entry) {
  const std::string path = join_path(entry, kManifest);
  if (describe_path(path).is_link) {
    return Error{ErrorCode::kIo,
                 fmt::format("{} is a symbolic link, which no repair has made: remove it",
                             quoted(path, kShownPath))};
  }
  const auto file = open_file(path);
  if (!file && file.error().code == ErrorCode::kNotFound) return std::optional<Manifest>();
  if (!file) return file.error();
  SW_TRY(const std::string bytes, read_all(**file, kMaxBytes));
  if (auto manifest = parse_manifest(bytes)) return manifest;
  return Error{ErrorCode::kMalformed,
               fmt::format("{} is not a manifest that this version wrote", quoted(path, 1000))};
}

}  // namespace

std::string manifest_text(const Manifest& manifest) {
  return json::dump(to_json(manifest), 2) + "\n";
}

std::optional<Manifest> parse_manifest(std::string_view text) {
  const auto document = json::parse(text);
  return document ? from_json(document->root) : std::nullopt;
}

Result<std::vector<UndoEntry>> undo_entries(const std::string& folder) {
  std::vector<UndoEntry> entries;
  const std::string undo = join_path(folder, kUndoFolder);
  SW_TRY(const bool there, is_own_folder(undo));
  if (!there) return entries;
  SW_TRY(const auto listing, open_folder(undo));
  for (const FolderEntry& found : listing->entries()) {
    if (!is_number(found.name)) continue;
    UndoEntry entry{.name = found.name, .path = join_path(undo, found.name)};
    const bool is_other = found.kind == EntryKind::kFile || found.kind == EntryKind::kOther;
    if (is_other && !found.is_link && found.inode != 0) continue;
    SW_TRY_OK(is_own_folder(entry.path));
    for (const char* part : {"before", "after"})
      SW_TRY_OK(is_own_folder(join_path(entry.path, part)));
    SW_TRY(entry.manifest, read_manifest(entry.path));
    if (entry.manifest && !entry.manifest->done) SW_TRY_OK(has_own_folders(folder, entry));
    entries.push_back(std::move(entry));
  }
  std::ranges::stable_sort(entries, [](const UndoEntry& a, const UndoEntry& b) {
    return std::pair(a.name.size(), a.name) < std::pair(b.name.size(), b.name);
  });
  return entries;
}

Status has_own_folders(const std::string& folder, const UndoEntry& entry) {
  for (const Change& change : entry.manifest->changes) {
    for (const std::string& top :
         {folder, join_path(entry.path, "before"), join_path(entry.path, "after")})
      SW_TRY_OK(has_own_folders(top, change.name));
  }
  return ok();
}

Status write_manifest(const Disk& disk, const std::string& entry, const Manifest& manifest) {
  const std::string aside = join_path(entry, "manifest.new");
  SW_TRY_OK(disk.remove(aside));
  const std::string bytes = manifest_text(manifest);
  SW_TRY_OK(write_text(disk, aside, bytes));
  // The way back hangs on it, so it is read as the shards are.
  SW_TRY(const auto written, open_file(aside));
  SW_TRY(const std::string there, read_all(*written, kMaxBytes));
  if (there != bytes) {
    return Error{ErrorCode::kIo,
                 fmt::format("{} does not hold what was written", quoted(aside, 1000))};
  }
  SW_TRY_OK(disk.rename(aside, join_path(entry, kManifest)));
  return disk.sync_folder(entry);
}

Status remove_manifest(const Disk& disk, const std::string& entry) {
  SW_TRY_OK(disk.remove(join_path(entry, kManifest)));
  return disk.sync_folder(entry);
}

}  // namespace shardwright
