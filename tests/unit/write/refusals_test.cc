// What the layers of lib/write say and leave where a step is refused, where a file system lacks
// something, and where another program changes what is worked on.
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include "faults.h"
#include "support/temp_dir.h"
#include "write/place.h"
#include "write/tile.h"

namespace shardwright {
namespace {

namespace fs = std::filesystem;
using test::disk_without;
using test::read_file;
using test::Snapshot;
using test::snapshot;
using test::TempDir;
using test::write_file;

// Refuses the first `times` of these steps.
Disk refusing_at_first(DiskStep step, int number, int times) {
  return Disk([=, left = std::make_shared<int>(times)](DiskStep now, const std::string&) {
    return now == step && (*left)-- > 0 ? number : 0;
  });
}

TEST_CASE("write: every step of a disk says what it did, and where") {
  const TempDir dir;
  write_file(dir.file("file"), "text");
  write_file(dir.file("full/x"), "x");
  fs::create_directory(dir.file("folder"));
  REQUIRE(::mkfifo(dir.file("pipe").c_str(), 0600) == 0);
  const Disk disk;
  const std::string absent = dir.file("no/such");
  CHECK(test::error_of(disk.make_folder(dir.file("file"))) ==
        "making the folder " + test::quoted_in(dir, "file") + ": File exists");
  CHECK(disk.create(absent).error().code == ErrorCode::kNotFound);
  CHECK(test::error_of(disk.reopen(absent)) ==
        "opening '" + absent + "': No such file or directory");
  CHECK(test::error_of(disk.reopen(dir.file("pipe"))) ==
        "opening " + test::quoted_in(dir, "pipe") + ": not a file of a killed run");
  CHECK(test::error_of(disk.rename(absent, dir.file("x"))) ==
        "moving a file to " + test::quoted_in(dir, "x") + ": No such file or directory");
  CHECK(test::error_of(disk.link(absent, dir.file("x"))) ==
        "linking " + test::quoted_in(dir, "x") + ": No such file or directory");
  CHECK(test::error_of(disk.exchange(absent, dir.file("file"))) ==
        "exchanging " + test::quoted_in(dir, "file") + ": No such file or directory");
  CHECK(test::error_of(disk.remove(dir.file("folder"))) ==
        "removing " + test::quoted_in(dir, "folder") + ": Is a directory");
  CHECK(test::error_of(disk.remove_folder(dir.file("full"))) ==
        "removing " + test::quoted_in(dir, "full") + ": Directory not empty");
  CHECK(test::error_of(disk.remove_tree(dir.file("file/below"))) ==
        "removing " + test::quoted_in(dir, "file/below") + ": Not a directory");
  CHECK(test::error_of(disk.sync_folder(dir.file("file"))) ==
        "syncing " + test::quoted_in(dir, "file") + ": Not a directory");
  CHECK(test::error_of(disk.set_folder_mode(absent, 0700)) ==
        "setting the mode of '" + absent + "': No such file or directory");
  CHECK(test::error_of(disk.set_owner(absent, 0, 0)) ==
        "setting the owner of '" + absent + "': No such file or directory");
  CHECK(disk.remove(absent));
  CHECK(disk.remove_folder(absent));
  // A file that is only open to be read.
  const OutFile closed{.fd = UniqueFd(-1), .path = dir.file("file")};
  CHECK(test::error_of(disk.write(closed, 0, std::as_bytes(std::span("x", 1)))) ==
        "writing " + test::quoted_in(dir, "file") + ": Bad file descriptor");
  CHECK(test::error_of(disk.allocate(closed, 0, 1)) ==
        "reserving space for " + test::quoted_in(dir, "file") + ": Bad file descriptor");
  CHECK(disk.allocate(closed, 0, 0));  // nothing to reserve
  CHECK(test::error_of(disk.share(closed, 0, -1, 0, 0)) ==
        "sharing blocks with " + test::quoted_in(dir, "file") + ": Bad file descriptor");
  CHECK(test::error_of(disk.resize(closed, 1)) ==
        "setting the size of " + test::quoted_in(dir, "file") + ": Bad file descriptor");
  CHECK(test::error_of(disk.set_mode(closed, {0600})) ==
        "setting the mode of " + test::quoted_in(dir, "file") + ": Bad file descriptor");
  CHECK(test::error_of(disk.sync(closed)) ==
        "syncing " + test::quoted_in(dir, "file") + ": Bad file descriptor");
  CHECK(snapshot(dir.path()) == Snapshot{{"file", "644:text"},
                                         {"folder", "folder 755"},
                                         {"full", "folder 755"},
                                         {"full/x", "644:x"},
                                         {"pipe", "600:"}});
}

TEST_CASE("write: a step that a signal cuts short is taken again") {
  const TempDir dir;
  const auto file = Disk().create(dir.file("file"));
  REQUIRE(file);
  CHECK(refusing_at_first(DiskStep::kAllocate, EINTR, 3).allocate(*file, 0, 4));
  CHECK(refusing_at_first(DiskStep::kWrite, EINTR, 3)
            .write(*file, 0, std::as_bytes(std::span("text", 4))));
  CHECK(read_file(dir.file("file")) == "text");
}

TEST_CASE("write: where space cannot be reserved, or folders not synced, that is no error") {
  const TempDir dir;
  const auto file = Disk().create(dir.file("file"));
  REQUIRE(file);
  for (const int number : {EOPNOTSUPP, ENOSYS})
    CHECK(disk_without({DiskStep::kAllocate}, number).allocate(*file, 0, 100));
  CHECK_FALSE(disk_without({DiskStep::kAllocate}, ENOSPC).allocate(*file, 0, 100));
  CHECK(read_file(dir.file("file")).empty());
  for (const int number : {EINVAL, ENOTSUP})
    CHECK(disk_without({DiskStep::kSyncFolder}, number).sync_folder(dir.path()));
  CHECK_FALSE(disk_without({DiskStep::kSyncFolder}, EIO).sync_folder(dir.path()));
  for (const int number : {EPERM, EINVAL, EOPNOTSUPP})
    CHECK(disk_without({DiskStep::kSetOwner}, number).set_owner(dir.file("file"), 1, 1));
  CHECK_FALSE(disk_without({DiskStep::kSetOwner}, EIO).set_owner(dir.file("file"), 1, 1));
}

TEST_CASE("write: a file that cannot be written past the page cache is written through it") {
  const TempDir dir;  // where O_DIRECT is, which need not be so
  const auto file = Disk().create(dir.file("file"), true);
  REQUIRE(file);
  const Tile tile = make_tile();
  std::fill_n(tile.get(), kBlockBytes, std::byte{'x'});
  const OutFile direct{.fd = UniqueFd(::dup(file->fd.get())), .path = file->path, .direct = true};
  CHECK(refusing_at_first(DiskStep::kWrite, EINVAL, 1)
            .write(direct, 0, Bytes(tile.get(), kBlockBytes)));
  CHECK(read_file(dir.file("file")) == std::string(kBlockBytes, 'x'));
  // Refused by the page cache too, it is an error.
  CHECK(test::error_of(disk_without({DiskStep::kWrite}, EINVAL)
                           .write(direct, 0, Bytes(tile.get(), kBlockBytes))) ==
        "writing " + test::quoted_in(dir, "file") + ": Invalid argument");
  const OutFile closed{.fd = UniqueFd(-1), .path = dir.file("file"), .direct = true};
  CHECK(test::error_of(disk_without({DiskStep::kWrite}, EINVAL)
                           .write(closed, 0, Bytes(tile.get(), kBlockBytes))) ==
        "writing " + test::quoted_in(dir, "file") + ": Invalid argument");
}

TEST_CASE("write: without a rename that refuses to replace, what is there is still not replaced") {
  for (const int number : {EINVAL, ENOSYS, EOPNOTSUPP}) {
    const TempDir dir;
    write_file(dir.file("a"), "a");
    write_file(dir.file("b"), "b");
    const Disk old = disk_without({DiskStep::kRename}, number);
    CHECK(test::error_of(old.rename_new(dir.file("a"), dir.file("b"))) ==
          "moving a file to " + test::quoted_in(dir, "b") + ": File exists");
    CHECK(old.rename_new(dir.file("a"), dir.file("c")));
    CHECK(test::error_of(old.rename_new(dir.file("a"), dir.file("d"))) ==
          "moving a file to " + test::quoted_in(dir, "d") + ": No such file or directory");
    CHECK(snapshot(dir.path()) == Snapshot{{"b", "644:b"}, {"c", "644:a"}});
  }
}

TEST_CASE("write: what a file system cannot share, link or exchange is told from what fails") {
  const TempDir dir;
  write_file(dir.file("a"), "a");
  write_file(dir.file("b"), "b");
  const auto file = Disk().create(dir.file("file"));
  REQUIRE(file);
  for (const int number :
       {EXDEV, EOPNOTSUPP, EPERM, EMLINK, ENOSYS, ENOTTY, EINVAL, EACCES, EBUSY, EIO, ENOSPC}) {
    CAPTURE(number);
    const bool fails = number == EIO || number == ENOSPC;
    const Disk disk([number](DiskStep, const std::string&) { return number; });
    for (const auto& done :
         {disk.share(*file, 0, -1, 0, 0), disk.link(dir.file("a"), dir.file("c")),
          disk.exchange(dir.file("a"), dir.file("b"))}) {
      CHECK(done.has_value() != fails);
      if (done) CHECK_FALSE(*done);
    }
  }
  CHECK(snapshot(dir.path()) == Snapshot{{"a", "644:a"}, {"b", "644:b"}, {"file", "644:"}});
}

TEST_CASE("write: places that are not there, or are no folders, are told") {
  const TempDir dir;
  write_file(dir.file("file"), "x");
  const std::string root = real_path(dir.path()).value();
  CHECK(test::error_of(real_path(dir.file("no/../x"))) ==
        "opening " + test::quoted_in(dir, "no/../x") + ": No such file or directory");
  CHECK(real_path(dir.file("no/..")).error().code == ErrorCode::kNotFound);
  CHECK(real_path(dir.file("no/.")).error().code == ErrorCode::kNotFound);
  CHECK(real_path("").error().code == ErrorCode::kNotFound);
  CHECK(real_path("/").value() == "/");
  REQUIRE(::symlink("nowhere", dir.file("dangling").c_str()) == 0);
  CHECK(real_path(dir.file("dangling")).error().code == ErrorCode::kNotFound);
  REQUIRE(::symlink("loop", dir.file("loop").c_str()) == 0);
  CHECK(test::error_of(real_path(dir.file("loop"))) ==
        "opening " + test::quoted_in(dir, "loop") + ": Too many levels of symbolic links");

  CHECK(real_place(dir.file("file")).value() == root + "/file");
  CHECK(real_place(dir.file("a//b/c/")).value() == root + "/a/b/c");
  CHECK(test::error_of(real_place(dir.file("file/b"))) == "'" + root + "/file' is no folder");
  CHECK(real_place(dir.file("dangling")).error().code == ErrorCode::kNotFound);
  for (const char* name : {"no/.", "no/.."})
    CHECK(real_place(dir.file(name)).error().code == ErrorCode::kNotFound);
  CHECK(real_place(dir.file("no/../x/y")).error().code == ErrorCode::kNotFound);
  CHECK(free_bytes_at(dir.file("a/b/c")).value() > 0);
  CHECK(free_bytes_at("/").value() > 0);
  CHECK_FALSE(free_bytes_at(dir.file("file/b")));
  CHECK(parent_of("name") == ".");
  CHECK(parent_of("/name") == "/");
  CHECK(is_within("/a/b", "/a/"));
  CHECK_FALSE(is_mount_root(dir.file("absent")));
  CHECK_FALSE(FolderLock::take(dir.file("file")));
  CHECK_FALSE(FolderLock::take(dir.file("absent")));
}

TEST_CASE("write: a staging folder whose name is taken gets another, and not for ever") {
  const TempDir dir;
  int asked = 0;
  const auto taking = [&asked](int times) {
    return Disk([&asked, times](DiskStep step, const std::string& path) {
      if (step == DiskStep::kMakeFolder && ++asked <= times) fs::create_directory(path);
      return 0;
    });
  };
  const auto second = make_staging_folder(taking(1), dir.path(), "out");
  REQUIRE(second);
  CHECK(asked == 2);
  asked = 0;
  const auto never = make_staging_folder(taking(1000), dir.path(), "out");
  CHECK(test::error_of(never).ends_with(": File exists"));
  CHECK(asked == 101);
  const auto refused =
      make_staging_folder(disk_without({DiskStep::kMakeFolder}, EROFS), dir.path(), "out");
  CHECK(test::error_of(refused).ends_with(": Read-only file system"));
}

TEST_CASE("write: remains that cannot be removed are in nobody's way") {
  const TempDir dir;
  write_file(dir.file(".out.shardwright-dead00/x"), "x");
  write_file(dir.file(".out.shardwright-dead0"), "of another kind");
  fs::create_directory(dir.file(".xut.shardwright-dead00"));
  fs::create_directory_symlink(".out.shardwright-dead00", dir.file(".out.shardwright-link00"));
  REQUIRE(make_staging_folder(disk_without({DiskStep::kRemove}, EIO), dir.path(), "out"));
  CHECK(read_file(dir.file(".out.shardwright-dead00/x")) == "x");
  const auto found = find_remains(dir.path(), "out");
  REQUIRE(found);
  CHECK(found->size() == 2);  // the new one, which nobody holds any more, is one
  CHECK(find_remains(dir.file("absent"), "out").value().empty());
  CHECK(disk_bytes_of_remains(dir.file("absent"), "out") == 0);
}

TEST_CASE("write: a current folder that is gone is nobody's") {
  const TempDir dir;
  const std::string here = real_path(".").value();
  fs::create_directory(dir.file("gone"));
  REQUIRE(::chdir(dir.file("gone").c_str()) == 0);
  fs::remove(dir.file("gone"));
  const bool is_current = is_current_folder(real_path(dir.path()).value());
  REQUIRE(::chdir(here.c_str()) == 0);
  CHECK_FALSE(is_current);
}

}  // namespace
}  // namespace shardwright
