#include "write/carry.h"

#include <sys/stat.h>
#include <unistd.h>

#include <doctest/doctest.h>

#include "faults.h"
#include "support/temp_dir.h"
#include "write/place.h"

namespace shardwright {
namespace {

using test::inode_of;
using test::mode_of;
using test::read_file;
using test::Snapshot;
using test::snapshot;
using test::TempDir;
using test::write_file;

// A file system that shares no blocks, wherever the tests run.
Disk without_sharing() {
  return Disk(
      [](DiskStep step, const std::string&) { return step == DiskStep::kShare ? EOPNOTSUPP : 0; });
}

CarryCount carry(const Disk& disk, const std::string& from, const std::string& to,
                 const CarryOptions& options = {}) {
  CarryCount count;
  REQUIRE(disk.make_folder(to));
  const Status done = carry_folder(disk, from, to, options, count);
  REQUIRE_MESSAGE(done, done.error().message);
  return count;
}

TEST_CASE("write: a folder is carried as hard links, with modes and sub-folders") {
  const TempDir dir;
  write_file(dir.file("from/a.safetensors"), "weights");
  write_file(dir.file("from/sub/deep/notes.txt"), "notes");
  write_file(dir.file("from/.shardwright-undo/0001/manifest.json"), "{}");
  write_file(dir.file("from/.x.shardwright-abcdef/y"), "remains");
  REQUIRE(::chmod(dir.file("from/a.safetensors").c_str(), 0600) == 0);
  REQUIRE(::chmod(dir.file("from/sub").c_str(), 0750) == 0);
  const CarryCount count = carry(without_sharing(), dir.file("from"), dir.file("to"));
  CHECK(snapshot(dir.file("to")) == Snapshot{{"a.safetensors", "600:weights"},
                                             {"sub", "folder 750"},
                                             {"sub/deep", "folder 755"},
                                             {"sub/deep/notes.txt", "644:notes"}});
  CHECK_FALSE(exists(dir.file("to/.shardwright-undo")));
  CHECK_FALSE(exists(dir.file("to/.x.shardwright-abcdef")));
  CHECK(inode_of(dir.file("to/a.safetensors")) == inode_of(dir.file("from/a.safetensors")));
  CHECK(count.linked == 12);
  CHECK(count.written == 0);
  CHECK(count.left_out.empty());
}

TEST_CASE("write: asked to copy, or unable to link, carrying makes copies with the same modes") {
  const TempDir dir;
  write_file(dir.file("from/a"), "weights");
  REQUIRE(::chmod(dir.file("from/a").c_str(), 0604) == 0);
  const Disk no_links([](DiskStep step, const std::string&) {
    return step == DiskStep::kShare || step == DiskStep::kLink ? EXDEV : 0;
  });
  const CarryCount copied = carry(Disk(), dir.file("from"), dir.file("to"), {.copy = true});
  const CarryCount unable = carry(no_links, dir.file("from"), dir.file("to2"));
  for (const std::string& to : {dir.file("to/a"), dir.file("to2/a")}) {
    CHECK(read_file(to) == "weights");
    CHECK(mode_of(to) == 0604);
    CHECK(inode_of(to) != inode_of(dir.file("from/a")));
  }
  CHECK(copied.written == 7);
  CHECK(copied.linked == 0);
  CHECK(unable.written == 7);
}

TEST_CASE("write: what leads out of the model is linked only where nobody edits it in place") {
  const TempDir dir;
  write_file(dir.file("blobs/1"), "weights");
  write_file(dir.file("blobs/2"), "{}");
  write_file(dir.file("from/real"), "real");
  REQUIRE(::symlink("../blobs/1", dir.file("from/a.safetensors").c_str()) == 0);
  REQUIRE(::symlink("../blobs/2", dir.file("from/config.json").c_str()) == 0);
  REQUIRE(::symlink("real", dir.file("from/other").c_str()) == 0);
  const CarryCount count =
      carry(without_sharing(), dir.file("from"), dir.file("to"),
            {.is_weights = [](std::string_view name) { return name.ends_with(".safetensors"); }});
  CHECK(inode_of(dir.file("to/a.safetensors")) == inode_of(dir.file("blobs/1")));
  CHECK(inode_of(dir.file("to/config.json")) != inode_of(dir.file("blobs/2")));
  CHECK(inode_of(dir.file("to/other")) == inode_of(dir.file("from/real")));
  CHECK(snapshot(dir.file("to")) == Snapshot{{"a.safetensors", "644:weights"},
                                             {"config.json", "644:{}"},
                                             {"other", "644:real"},
                                             {"real", "644:real"}});
  CHECK(count.written == 2);
}

TEST_CASE("write: dangling links, pipes and links in circles are left out and named") {
  const TempDir dir;
  write_file(dir.file("from/sub/x"), "x");
  REQUIRE(::symlink("nowhere", dir.file("from/dangling").c_str()) == 0);
  REQUIRE(::symlink("..", dir.file("from/sub/up").c_str()) == 0);
  REQUIRE(::mkfifo(dir.file("from/pipe").c_str(), 0600) == 0);
  const CarryCount count = carry(Disk(), dir.file("from"), dir.file("to"));
  CHECK(count.left_out == std::vector<std::string>{"'dangling': a link that leads nowhere",
                                                   "'pipe': no file and no folder",
                                                   "'sub/up': a link to a folder above it"});
  CHECK(snapshot(dir.file("to")) == Snapshot{{"sub", "folder 755"}, {"sub/x", "644:x"}});
}

TEST_CASE("write: names to skip are relative to the folder") {
  const TempDir dir;
  write_file(dir.file("from/x"), "x");
  write_file(dir.file("from/sub/x"), "x");
  carry(Disk(), dir.file("from"), dir.file("to"),
        {.skip = [](std::string_view name) { return name == "sub/x"; }});
  CHECK(snapshot(dir.file("to")) == Snapshot{{"sub", "folder 755"}, {"x", "644:x"}});
}

TEST_CASE("write: links to folders lead neither out of the model nor in circles") {
  const TempDir dir;
  write_file(dir.file("from/a/one"), "1");
  write_file(dir.file("from/b/two"), "2");
  write_file(dir.file("outside/secret"), "3");
  REQUIRE(::symlink("../b", dir.file("from/a/to_b").c_str()) == 0);
  REQUIRE(::symlink("../a", dir.file("from/b/to_a").c_str()) == 0);
  REQUIRE(::symlink("../outside", dir.file("from/out").c_str()) == 0);
  write_file(dir.file("from/b/deep/three"), "3");
  REQUIRE(::symlink("../../outside/secret", dir.file("from/b/copy").c_str()) == 0);
  const CarryCount count = carry(Disk(), dir.file("from"), dir.file("to"));
  CHECK(read_file(dir.file("to/a/to_b/deep/three")) == "3");
  CHECK(read_file(dir.file("to/b/copy")) == "3");
  CHECK(inode_of(dir.file("to/b/copy")) != inode_of(dir.file("outside/secret")));
  CHECK(count.left_out ==
        std::vector<std::string>{"'a/to_b/to_a': a link to a folder, reached through another",
                                 "'b/to_a/to_b': a link to a folder, reached through another",
                                 "'out': a link to a folder outside the model"});
  CHECK(read_file(dir.file("to/a/to_b/two")) == "2");
  CHECK(read_file(dir.file("to/b/to_a/one")) == "1");
}

TEST_CASE("write: a second folder of hard links keeps links as links") {
  const TempDir dir;
  write_file(dir.file("from/x"), "x");
  write_file(dir.file("from/sub/y"), "y");
  REQUIRE(::symlink("../elsewhere", dir.file("from/link").c_str()) == 0);
  REQUIRE(::symlink("sub", dir.file("from/linked_sub").c_str()) == 0);
  REQUIRE(::chmod(dir.file("from").c_str(), 0710) == 0);
  REQUIRE(Disk().make_folder(dir.file("to")));
  const auto linked = link_folder(Disk(), dir.file("from"), dir.file("to"),
                                  [](std::string_view name) { return name == "sub/z"; });
  REQUIRE(linked);
  CHECK(*linked);
  CHECK(snapshot(dir.file("to")) == snapshot(dir.file("from")));
  CHECK(mode_of(dir.file("to")) == 0710);
  CHECK(inode_of(dir.file("to/sub/y")) == inode_of(dir.file("from/sub/y")));
  CHECK(sync_folders(Disk(), dir.file("to")));
  const Disk no_links(
      [](DiskStep step, const std::string&) { return step == DiskStep::kLink ? EPERM : 0; });
  REQUIRE(Disk().make_folder(dir.file("to2")));
  CHECK(link_folder(no_links, dir.file("from"), dir.file("to2"), {}).value() == false);
}

}  // namespace
}  // namespace shardwright
