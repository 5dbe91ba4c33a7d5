#include "unit/write/changed_folder.h"

#include <sys/stat.h>
#include <unistd.h>

#include <tuple>

#include <doctest/doctest.h>

#include "write/place.h"
#include "write/write_file.h"

namespace shardwright::test {

const Snapshot kOldFolder = {
    {"config.json", "644:config"}, {"model.safetensors.index.json", "644:old index"},
    {"one", "600:old one"},        {"two", "644:two"},
    {"stays", "644:stays"},        {"link", "-> ../elsewhere"},
    {"sub", "folder 755"},         {"sub/three", "644:old three"}};
const Snapshot kNewFolder = {
    {"config.json", "644:config"}, {"model.safetensors.index.json", "644:new index"},
    {"one", "600:new one"},        {"four", "644:four"},
    {"stays", "644:stays"},        {"link", "-> ../elsewhere"},
    {"sub", "folder 755"},         {"sub/three", "644:new three"}};

void make_old(const std::string& folder) {
  write_file(folder + "/config.json", "config");
  write_file(folder + "/model.safetensors.index.json", "old index");
  write_file(folder + "/one", "old one");
  write_file(folder + "/two", "two");
  write_file(folder + "/stays", "stays");
  write_file(folder + "/sub/three", "old three");
  REQUIRE(::symlink("../elsewhere", (folder + "/link").c_str()) == 0);
  REQUIRE(::chmod((folder + "/one").c_str(), 0600) == 0);
}

std::string old_model(const TempDir& dir) {
  std::string folder = dir.file("model");
  make_old(folder);
  return folder;
}

Change replaced(const std::string& name, std::string_view text, bool hidden) {
  return {.name = name,
          .kind = ChangeKind::kReplaced,
          .hidden = hidden,
          .bytes = text.size(),
          .digest = digest_of(std::as_bytes(std::span(text)))};
}

Status change(const Disk& disk, const std::string& folder) {
  auto work = InPlace::begin(disk, folder);
  if (!work) return std::move(work).error();
  const std::string& at = work->staging();
  if (auto made = make_folders_above(disk, at, "sub/three"); !made) return made;
  for (const auto& [name, text, mode] :
       {std::tuple{"one", "new one", 0600U}, std::tuple{"four", "four", 0644U},
        std::tuple{"model.safetensors.index.json", "new index", 0644U},
        std::tuple{"sub/three", "new three", 0644U}}) {
    if (auto wrote = write_text(disk, join_path(at, name), text, mode); !wrote) return wrote;
  }
  Change added = replaced("four", "four");
  added.kind = ChangeKind::kAdded;
  return work->publish({replaced("model.safetensors.index.json", "new index", true),
                        {.name = "config.json", .kind = ChangeKind::kKept, .hidden = true},
                        replaced("one", "new one"),
                        replaced("sub/three", "new three"),
                        added,
                        {.name = "two", .kind = ChangeKind::kRemoved}});
}

Status change_one(const Disk& disk, const std::string& folder) {
  auto work = InPlace::begin(disk, folder);
  if (!work) return std::move(work).error();
  if (auto wrote = write_text(disk, join_path(work->staging(), "one"), "new one", 0600); !wrote)
    return wrote;
  return work->publish({replaced("one", "new one")});
}

void check_tidy(const TempDir& dir, bool undoable) {
  for (const auto& [name, text] : whole_snapshot(dir.path())) {
    CHECK_MESSAGE(name.substr(0, 5) == "model", name);
    CHECK_MESSAGE((undoable || name.find(".shardwright") == std::string::npos), name);
    CHECK_MESSAGE(name.find("/after/") == std::string::npos, name);
  }
}

}  // namespace shardwright::test
