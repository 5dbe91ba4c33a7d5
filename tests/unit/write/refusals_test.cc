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
#include "io/folder.h"
#include "support/temp_dir.h"
#include "write/carry.h"
#include "write/place.h"
#include "write/tile.h"
#include "write/write_file.h"

namespace shardwright {
namespace {

namespace fs = std::filesystem;
using test::disk_without;
using test::meddled_disk;
using test::read_file;
using test::Snapshot;
using test::snapshot;
using test::TempDir;
using test::write_file;

template <typename Result>
std::string message_of(const Result& result) {
  return result ? "" : result.error().message;
}

std::string in(const TempDir& dir, std::string_view name) {
  return "'" + dir.file(name) + "'";
}

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
  CHECK(message_of(disk.make_folder(dir.file("file"))) ==
        "making the folder " + in(dir, "file") + ": File exists");
  CHECK(disk.create(absent).error().code == ErrorCode::kNotFound);
  CHECK(message_of(disk.reopen(absent)) == "opening '" + absent + "': No such file or directory");
  CHECK(message_of(disk.reopen(dir.file("pipe"))) ==
        "opening " + in(dir, "pipe") + ": not a file of a killed run");
  CHECK(message_of(disk.rename(absent, dir.file("x"))) ==
        "moving a file to " + in(dir, "x") + ": No such file or directory");
  CHECK(message_of(disk.link(absent, dir.file("x"))) ==
        "linking " + in(dir, "x") + ": No such file or directory");
  CHECK(message_of(disk.exchange(absent, dir.file("file"))) ==
        "exchanging " + in(dir, "file") + ": No such file or directory");
  CHECK(message_of(disk.remove(dir.file("folder"))) ==
        "removing " + in(dir, "folder") + ": Is a directory");
  CHECK(message_of(disk.remove_folder(dir.file("full"))) ==
        "removing " + in(dir, "full") + ": Directory not empty");
  CHECK(message_of(disk.remove_tree(dir.file("file/below"))) ==
        "removing " + in(dir, "file/below") + ": Not a directory");
  CHECK(message_of(disk.sync_folder(dir.file("file"))) ==
        "syncing " + in(dir, "file") + ": Not a directory");
  CHECK(message_of(disk.set_folder_mode(absent, 0700)) ==
        "setting the mode of '" + absent + "': No such file or directory");
  CHECK(message_of(disk.set_owner(absent, 0, 0)) ==
        "setting the owner of '" + absent + "': No such file or directory");
  CHECK(disk.remove(absent));
  CHECK(disk.remove_folder(absent));
  // A file that is only open to be read.
  const OutFile closed{.fd = UniqueFd(-1), .path = dir.file("file")};
  CHECK(message_of(disk.write(closed, 0, std::as_bytes(std::span("x", 1)))) ==
        "writing " + in(dir, "file") + ": Bad file descriptor");
  CHECK(message_of(disk.allocate(closed, 0, 1)) ==
        "reserving space for " + in(dir, "file") + ": Bad file descriptor");
  CHECK(disk.allocate(closed, 0, 0));  // nothing to reserve
  CHECK(message_of(disk.share(closed, 0, -1, 0, 0)) ==
        "sharing blocks with " + in(dir, "file") + ": Bad file descriptor");
  CHECK(message_of(disk.resize(closed, 1)) ==
        "setting the size of " + in(dir, "file") + ": Bad file descriptor");
  CHECK(message_of(disk.set_mode(closed, 0600)) ==
        "setting the mode of " + in(dir, "file") + ": Bad file descriptor");
  CHECK(message_of(disk.sync(closed)) == "syncing " + in(dir, "file") + ": Bad file descriptor");
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
  CHECK(message_of(disk_without({DiskStep::kWrite}, EINVAL)
                       .write(direct, 0, Bytes(tile.get(), kBlockBytes))) ==
        "writing " + in(dir, "file") + ": Invalid argument");
  const OutFile closed{.fd = UniqueFd(-1), .path = dir.file("file"), .direct = true};
  CHECK(message_of(disk_without({DiskStep::kWrite}, EINVAL)
                       .write(closed, 0, Bytes(tile.get(), kBlockBytes))) ==
        "writing " + in(dir, "file") + ": Invalid argument");
}

TEST_CASE("write: without a rename that refuses to replace, what is there is still not replaced") {
  for (const int number : {EINVAL, ENOSYS, EOPNOTSUPP}) {
    const TempDir dir;
    write_file(dir.file("a"), "a");
    write_file(dir.file("b"), "b");
    const Disk old = disk_without({DiskStep::kRename}, number);
    CHECK(message_of(old.rename_new(dir.file("a"), dir.file("b"))) ==
          "moving a file to " + in(dir, "b") + ": File exists");
    CHECK(old.rename_new(dir.file("a"), dir.file("c")));
    CHECK(message_of(old.rename_new(dir.file("a"), dir.file("d"))) ==
          "moving a file to " + in(dir, "d") + ": No such file or directory");
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
  CHECK(message_of(real_path(dir.file("no/../x"))) ==
        "opening " + in(dir, "no/../x") + ": No such file or directory");
  CHECK(real_path(dir.file("no/..")).error().code == ErrorCode::kNotFound);
  CHECK(real_path(dir.file("no/.")).error().code == ErrorCode::kNotFound);
  CHECK(real_path("").error().code == ErrorCode::kNotFound);
  CHECK(real_path("/").value() == "/");
  REQUIRE(::symlink("nowhere", dir.file("dangling").c_str()) == 0);
  CHECK(real_path(dir.file("dangling")).error().code == ErrorCode::kNotFound);
  REQUIRE(::symlink("loop", dir.file("loop").c_str()) == 0);
  CHECK(message_of(real_path(dir.file("loop"))) ==
        "opening " + in(dir, "loop") + ": Too many levels of symbolic links");

  CHECK(real_place(dir.file("file")).value() == root + "/file");
  CHECK(real_place(dir.file("a//b/c/")).value() == root + "/a/b/c");
  CHECK(message_of(real_place(dir.file("file/b"))) == "'" + root + "/file' is no folder");
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
  CHECK(message_of(never).ends_with(": File exists"));
  CHECK(asked == 101);
  const auto refused =
      make_staging_folder(disk_without({DiskStep::kMakeFolder}, EROFS), dir.path(), "out");
  CHECK(message_of(refused).ends_with(": Read-only file system"));
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

// A folder with what can be carried in it.
void make_source(const TempDir& dir) {
  write_file(dir.file("from/a"), "a");
  write_file(dir.file("from/sub/b"), "bb");
  REQUIRE(::symlink("a", dir.file("from/link").c_str()) == 0);
  fs::create_directory(dir.file("to"));
}

TEST_CASE("write: each step of carrying a folder may be refused") {
  const test::InMemory fast;
  for (const std::vector<DiskStep>& lacks :
       {std::vector<DiskStep>{}, {DiskStep::kLink}, {DiskStep::kShare, DiskStep::kLink}}) {
    const auto work = [&](int at, const std::shared_ptr<std::atomic<int>>& count) {
      const TempDir dir;
      make_source(dir);
      const Snapshot before = snapshot(dir.file("from"));
      CarryCount carried;
      const Status done =
          carry_folder(test::faulty_disk({.at = at, .number = EIO, .lacks = lacks}, count),
                       dir.file("from"), dir.file("to"), {}, carried);
      CHECK(snapshot(dir.file("from")) == before);
      if (done) {
        CHECK(carried.linked + carried.written == 4);
        CHECK(snapshot(dir.file("to")) ==
              Snapshot{
                  {"a", "644:a"}, {"link", "644:a"}, {"sub", "folder 755"}, {"sub/b", "644:bb"}});
      } else {
        CHECK_MESSAGE(message_of(done).find("'" + dir.file("to/")) != std::string::npos,
                      message_of(done));
      }
      return done.has_value();
    };
    const auto count = std::make_shared<std::atomic<int>>();
    REQUIRE(work(-1, count));
    CHECK(count->load() > 5);
    for (int at = 0; at < count->load(); ++at) {
      CAPTURE(at);
      CHECK_FALSE(work(at, {}));
    }
  }
}

TEST_CASE("write: what goes away while a folder is carried is told") {
  const auto carried = [](DiskStep step, const std::string& ending,
                          const std::function<void(const TempDir&)>& deed) {
    const TempDir dir;
    make_source(dir);
    CarryCount count;
    const Status done =
        carry_folder(meddled_disk(step, ending, [&](const std::string&) { deed(dir); }),
                     dir.file("from"), dir.file("to"), {}, count);
    REQUIRE_FALSE(done);
    std::string message = message_of(done);
    const std::size_t at = message.find(dir.path());
    REQUIRE(at != std::string::npos);
    return message.erase(at, dir.path().size() + 1);
  };
  const auto gone = [](const char* name) {
    return [name](const TempDir& dir) { fs::remove_all(dir.file(name)); };
  };
  // The file to be carried next, its folder, and where it is to be.
  CHECK(carried(DiskStep::kCreate, "to/a", gone("from/link")) == "'from/link' went away");
  CHECK(carried(DiskStep::kMakeFolder, "to/sub", gone("from/sub")) ==
        "opening 'from/sub': No such file or directory");
  CHECK(carried(DiskStep::kRemove, "to/a", gone("from")) ==
        "opening 'from/a': No such file or directory");
  CHECK(carried(DiskStep::kLink, "to/a", gone("from")) ==
        "linking 'to/a': No such file or directory");
  CHECK(carried(DiskStep::kLink, "to/link", gone("from")) ==
        "linking 'to/link': No such file or directory");
}

TEST_CASE("write: one file that cannot be carried, and one that is counted by a meter") {
  const TempDir dir;
  REQUIRE(::mkfifo(dir.file("pipe").c_str(), 0600) == 0);
  write_file(dir.file("file"), "text");
  CarryCount count;
  CHECK(message_of(carry_file(Disk(), dir.file("absent"), dir.file("to"), true, {}, count)) ==
        in(dir, "absent") + " went away");
  for (const bool copy : {true, false}) {
    CHECK(message_of(carry_file(Disk(), dir.file("pipe"), dir.file("to"), false, {.copy = copy},
                                count)) == "opening " + in(dir, "pipe") + ": not a regular file");
  }
  CHECK_FALSE(carry_folder(Disk(), dir.file("no/such"), dir.file("to"), {}, count));
  CHECK_FALSE(carry_folder(Disk(), dir.file("file"), dir.file("to"), {}, count));
  CHECK_FALSE(exists(dir.file("to")));
  std::uint64_t metered = 0;
  const Monitor monitor{.report = [&](const Progress& progress) { metered = progress.done; }};
  {
    Meter meter(monitor, "writing", 8);
    CHECK(carry_file(Disk(), dir.file("file"), dir.file("linked"), true, {.meter = &meter}, count));
    CHECK(carry_file(Disk(), dir.file("file"), dir.file("copied"), true,
                     {.copy = true, .meter = &meter}, count));
  }
  CHECK(count.linked == 4);
  CHECK(count.written == 4);
  CHECK(metered >= 4);
}

TEST_CASE("write: a folder of links is made whole, or it is said that it cannot be") {
  const test::InMemory fast;
  const auto make_from = [](const TempDir& dir) {
    write_file(dir.file("from/a"), "a");
    write_file(dir.file("from/sub/b"), "b");
    fs::create_directory(dir.file("to"));
  };
  const auto work = [&](const Disk& disk) {
    const TempDir dir;
    make_from(dir);
    const auto linked = link_folder(disk, dir.file("from"), dir.file("to"), {});
    if (linked && *linked) CHECK(snapshot(dir.file("to")) == snapshot(dir.file("from")));
    return linked;
  };
  const int steps = test::count_steps([&](const Disk& disk) { CHECK(work(disk).value()); });
  for (int at = 0; at < steps; ++at) {
    CAPTURE(at);
    CHECK(message_of(work(test::faulty_disk({.at = at, .number = EIO})))
              .ends_with(": Input/output error"));
    // What cannot be linked, at any depth, ends it; the rest is an error.
    const auto lacking = work(test::faulty_disk({.at = at, .number = EMLINK}));
    if (lacking) CHECK_FALSE(*lacking);
  }
  const TempDir dir;
  make_from(dir);
  CHECK(message_of(link_folder(Disk(), dir.file("absent"), dir.file("to"), {})) ==
        in(dir, "absent") + " went away");
  CHECK_FALSE(link_folder(Disk(), dir.file("from/a"), dir.file("to"), {}));
  CHECK(message_of(sync_folders(Disk(), dir.file("absent"))) ==
        "opening " + in(dir, "absent") + ": No such file or directory");
  CHECK(message_of(sync_folders(meddled_disk(DiskStep::kSyncFolder, "sub",
                                             [&](const std::string& path) {
                                               fs::remove_all(path);
                                               fs::remove_all(dir.file("from"));
                                             }),
                                dir.file("from"))) ==
        "syncing " + in(dir, "from") + ": No such file or directory");
}

TEST_CASE("write: a mount inside a folder is not linked") {
  const TempDir dir;
  write_file(dir.file("from/mount/hidden"), "x");
  fs::create_directory(dir.file("to"));
  const test::Mount mount(dir.file("from/mount"));
  if (!mount) return;
  CHECK(link_folder(Disk(), dir.file("from"), dir.file("to"), {}).value() == false);
  CHECK(snapshot(dir.file("to")).empty());
}

TEST_CASE("write: a new file is its predecessor's owner's, where that may be") {
  const TempDir dir;
  write_file(dir.file("was"), "x");
  write_file(dir.file("now"), "y");
  REQUIRE(::chmod(dir.file("now").c_str(), 04711) == 0);
  const Disk none([](DiskStep, const std::string&) {
    FAIL("nothing is to be done");
    return 0;
  });
  CHECK(keep_owner(none, "", dir.file("now")));
  CHECK(message_of(keep_owner(none, dir.file("absent"), dir.file("now"))) ==
        in(dir, "absent") + " or " + in(dir, "now") + " cannot be looked at");
  CHECK_FALSE(keep_owner(none, dir.file("was"), dir.file("absent")));
  CHECK(keep_owner(none, dir.file("was"), dir.file("now")));  // the same
  if (::lchown(dir.file("was").c_str(), 12345, 54321) != 0) {
    MESSAGE("skipped: only root may give files away");
    return;
  }
  const Status refused =
      keep_owner(disk_without({DiskStep::kSetOwner}, EIO), dir.file("was"), dir.file("now"));
  CHECK(message_of(refused) == "setting the owner of " + in(dir, "now") + ": Input/output error");
  CHECK(keep_owner(disk_without({DiskStep::kSetOwner}, EPERM), dir.file("was"), dir.file("now")));
  struct stat status{};
  REQUIRE(::stat(dir.file("now").c_str(), &status) == 0);
  CHECK(status.st_uid == ::geteuid());
  CHECK_FALSE(
      keep_owner(disk_without({DiskStep::kSetMode}, EIO), dir.file("was"), dir.file("now")));
  REQUIRE(::lchown(dir.file("now").c_str(), ::geteuid(), 54321) == 0);
  REQUIRE(::chmod(dir.file("now").c_str(), 04711) == 0);
  CHECK(keep_owner(Disk(), dir.file("was"), dir.file("now")));
  REQUIRE(::stat(dir.file("now").c_str(), &status) == 0);
  CHECK(status.st_uid == 12345);
  CHECK(status.st_gid == 54321);
  CHECK(test::mode_of(dir.file("now")) == 04711);
}

TEST_CASE("write: a small file, and one with a mode, may be refused at each step") {
  for (const std::optional<mode_t> mode : {std::optional<mode_t>(), std::optional<mode_t>(0600)}) {
    const auto work = [&](const Disk& disk) {
      const TempDir dir;
      const Status done = write_text(disk, dir.file("text"), "text", mode);
      if (!done) CHECK(message_of(done).ends_with(in(dir, "text") + ": Input/output error"));
      return done.has_value();
    };
    const int steps = test::count_steps([&](const Disk& disk) { CHECK(work(disk)); });
    CHECK(steps == (mode ? 4 : 3));
    for (int at = 0; at < steps; ++at)
      CHECK_FALSE(work(test::faulty_disk({.at = at, .number = EIO})));
  }
}

TEST_CASE(
    "write: each step of a large file, of a sparse one, and of one with a digest may be refused") {
  const test::InMemory fast;
  const std::string text(kDirectFrom + 5, 'x');
  for (const WriteOptions& options :
       {WriteOptions{.threads = 1, .mode = 0600}, WriteOptions{.threads = 1, .sparse = true},
        WriteOptions{.threads = 1, .digest = true},
        WriteOptions{.threads = 1, .sparse = true, .digest = true}}) {
    PlannedFile content("head");
    content.append(
        [](std::uint64_t, MutableBytes into) {
          std::ranges::fill(into, std::byte{'x'});
          return ok();
        },
        kDirectFrom + 5);
    const auto work = [&](const Disk& disk) {
      const TempDir dir;
      const auto done = shardwright::write_file(disk, dir.file("file"), content, options);
      if (!done) {
        CHECK(message_of(done).ends_with(in(dir, "file") + ": Input/output error"));
        return false;
      }
      CHECK(fs::file_size(dir.file("file")) == content.size());
      if (options.digest) CHECK(done->digest == digest_of_file(dir.file("file")).value());
      return true;
    };
    const int steps = test::count_steps([&](const Disk& disk) { CHECK(work(disk)); });
    CHECK(steps >= 4);
    for (int at = 0; at < steps; ++at)
      CHECK_FALSE(work(test::faulty_disk({.at = at, .number = EIO})));
  }
  const TempDir dir;
  // Written, and gone before its digest is read.
  PlannedFile content("head");
  content.append([](std::uint64_t, MutableBytes) { return ok(); }, 10);
  CHECK_FALSE(shardwright::write_file(
      meddled_disk(DiskStep::kSync, "file", [](const std::string& path) { fs::remove(path); }),
      dir.file("file"), content, {.sparse = true, .digest = true}));
  CHECK_FALSE(digest_of_file(dir.path()));
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

// Bytes that are in no file.
class Letters final : public ByteSource {
 public:
  [[nodiscard]] std::uint64_t size() const override { return 1U << 20U; }
  [[nodiscard]] Status read(std::uint64_t /*offset*/, MutableBytes into) const override {
    std::ranges::fill(into, std::byte{'x'});
    return ok();
  }
};

TEST_CASE("write: blocks are shared with files alone, and a share that fails is an error") {
  const TempDir dir;
  write_file(dir.file("source"), std::string(1U << 20U, 'y'));
  const auto source = open_file(dir.file("source"));
  REQUIRE(source);
  const Letters letters;
  PlannedFile content("");
  content.append(letters, 0, letters.size());
  content.append(**source, 0, 1U << 20U);
  const auto refused =
      shardwright::write_file(disk_without({DiskStep::kShare}, EIO), dir.file("refused"), content);
  CHECK(message_of(refused) ==
        "sharing blocks with " + in(dir, "refused") + ": Input/output error");
  const auto written = shardwright::write_file(disk_without({DiskStep::kShare}, EOPNOTSUPP),
                                               dir.file("written"), content, {.digest = true});
  REQUIRE(written);
  CHECK(written->written == 2U << 20U);
  CHECK((read_file(dir.file("written")) ==
         std::string(1U << 20U, 'x') + std::string(1U << 20U, 'y')));
  // Of a sparse file the literal bytes alone are written.
  PlannedFile sparse("head");
  sparse.append(**source, 0, 1U << 20U);
  REQUIRE(shardwright::write_file(Disk(), dir.file("sparse"), sparse, {.sparse = true}));
  CHECK((read_file(dir.file("sparse")) == "head" + std::string(1U << 20U, '\0')));
}

}  // namespace
}  // namespace shardwright
