#include "write/disk.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include <doctest/doctest.h>

#include "faults.h"
#include "support/temp_dir.h"
#include "write/place.h"

namespace shardwright {
namespace {

using test::read_file;
using test::TempDir;
using test::write_file;

TEST_CASE("write: a gate sees each step with its path, and what it refuses does not happen") {
  const TempDir dir;
  std::string asked;
  const Disk disk([&](DiskStep step, const std::string& path) {
    asked = path;
    return step == DiskStep::kRename ? EIO : 0;
  });
  write_file(dir.file("a"), "x");
  const Status moved = disk.rename(dir.file("a"), dir.file("b"));
  REQUIRE_FALSE(moved);
  CHECK(moved.error().message == "moving a file to '" + dir.file("b") + "': Input/output error");
  CHECK(asked == dir.file("b"));
  CHECK(exists(dir.file("a")));
}

TEST_CASE("write: two folders change places in one step, or it is said that they cannot") {
  const TempDir dir;
  write_file(dir.file("a/one"), "1");
  write_file(dir.file("b/two"), "2");
  const auto done = Disk().exchange(dir.file("a"), dir.file("b"));
  REQUIRE(done);
  if (*done) {
    CHECK(read_file(dir.file("a/two")) == "2");
    CHECK(read_file(dir.file("b/one")) == "1");
  } else {
    CHECK(read_file(dir.file("a/one")) == "1");
  }
  const Disk refusing([](DiskStep, const std::string&) { return EINVAL; });
  CHECK(refusing.exchange(dir.file("a"), dir.file("b")).value() == false);
  const Disk failing([](DiskStep, const std::string&) { return EIO; });
  CHECK_FALSE(failing.exchange(dir.file("a"), dir.file("b")));
}

TEST_CASE("write: a new name is never one that is taken") {
  const TempDir dir;
  write_file(dir.file("a"), "a");
  write_file(dir.file("b"), "b");
  const Status moved = Disk().rename_new(dir.file("a"), dir.file("b"));
  REQUIRE_FALSE(moved);
  CHECK(moved.error().message == "moving a file to '" + dir.file("b") + "': File exists");
  CHECK(read_file(dir.file("b")) == "b");
}

TEST_CASE("write: removing a tree follows no link, and folders without write permission go too") {
  const TempDir dir;
  write_file(dir.file("outside/keep"), "x");
  write_file(dir.file("tree/sub/file"), "x");
  REQUIRE(::symlink(dir.file("outside").c_str(), dir.file("tree/link").c_str()) == 0);
  REQUIRE(::chmod(dir.file("tree/sub").c_str(), 0500) == 0);
  CHECK(Disk().remove_tree(dir.file("tree")));
  CHECK_FALSE(exists(dir.file("tree")));
  CHECK(read_file(dir.file("outside/keep")) == "x");
  CHECK(Disk().remove_tree(dir.file("tree")));  // not there: fine
}

TEST_CASE("write: places are real paths") {
  const TempDir dir;
  write_file(dir.file("real/x"), "x");
  REQUIRE(::symlink("real", dir.file("link").c_str()) == 0);
  const std::string root = real_path(dir.path()).value();
  CHECK(real_path(dir.file("link")).value() == root + "/real");
  CHECK(real_path(dir.file("link/../real/")).value() == root + "/real");
  CHECK(real_path(dir.file("link/new")).value() == root + "/real/new");
  CHECK(real_path(dir.file("new/")).value() == root + "/new");
  CHECK(real_path(dir.file("no/new")).error().code == ErrorCode::kNotFound);
  CHECK(is_within("/a/b", "/a"));
  CHECK(is_within("/a", "/a"));
  CHECK(is_within("/a", "/"));
  CHECK_FALSE(is_within("/ab", "/a"));
  CHECK_FALSE(is_within("/a", "/a/b"));
  CHECK(is_mount_root("/proc"));
  CHECK_FALSE(is_mount_root(dir.path()));
  CHECK(is_current_folder("/"));
  CHECK_FALSE(is_current_folder(dir.path()));
}

TEST_CASE("write: names of unfinished work are recognised, and only those") {
  CHECK(is_staging_name(".out.shardwright-a1b2c3"));
  CHECK(is_staging_name("..shardwright-a1b2c3"));
  CHECK_FALSE(is_staging_name("out.shardwright-a1b2c3"));
  CHECK_FALSE(is_staging_name(".out.shardwright-a1b2c34"));
  CHECK_FALSE(is_staging_name(".shardwright-undo"));
  CHECK_FALSE(is_staging_name(".shardwright-a1b2c3"));
}

TEST_CASE("write: remains of a killed run go, those of a living one stay") {
  const TempDir dir;
  const Disk disk;
  REQUIRE(disk.make_folder(dir.file(".out.shardwright-dead00")));
  write_file(dir.file(".out.shardwright-dead00/x"), "x");
  auto living = make_staging_folder(disk, dir.path(), "out");
  REQUIRE(living);
  CHECK_FALSE(exists(dir.file(".out.shardwright-dead00")));
  const auto second = make_staging_folder(disk, dir.path(), "out");
  REQUIRE(second);
  CHECK(second->path != living->path);
  CHECK(exists(living->path));
  const auto taken = FolderLock::take(living->path);
  REQUIRE_FALSE(taken);
  CHECK(taken.error().message == "another run is at work in '" + living->path + "'");
}

}  // namespace
}  // namespace shardwright
