// What carrying and writing files say and leave where a step is refused, where a file system lacks
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
        CHECK_MESSAGE(test::error_of(done).find("'" + dir.file("to/")) != std::string::npos,
                      test::error_of(done));
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
    std::string message = test::error_of(done);
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
  CHECK(test::error_of(carry_file(Disk(), dir.file("absent"), dir.file("to"), true, {}, count)) ==
        test::quoted_in(dir, "absent") + " went away");
  for (const bool copy : {true, false}) {
    CHECK(test::error_of(
              carry_file(Disk(), dir.file("pipe"), dir.file("to"), false, {.copy = copy}, count)) ==
          "opening " + test::quoted_in(dir, "pipe") + ": not a regular file");
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
    CHECK(test::error_of(work(test::faulty_disk({.at = at, .number = EIO})))
              .ends_with(": Input/output error"));
    // What cannot be linked, at any depth, ends it; the rest is an error.
    const auto lacking = work(test::faulty_disk({.at = at, .number = EMLINK}));
    if (lacking) CHECK_FALSE(*lacking);
  }
  const TempDir dir;
  make_from(dir);
  CHECK(test::error_of(link_folder(Disk(), dir.file("absent"), dir.file("to"), {})) ==
        test::quoted_in(dir, "absent") + " went away");
  CHECK_FALSE(link_folder(Disk(), dir.file("from/a"), dir.file("to"), {}));
  CHECK(test::error_of(sync_folders(Disk(), dir.file("absent"))) ==
        "opening " + test::quoted_in(dir, "absent") + ": No such file or directory");
  CHECK(test::error_of(sync_folders(meddled_disk(DiskStep::kSyncFolder, "sub",
                                                 [&](const std::string& path) {
                                                   fs::remove_all(path);
                                                   fs::remove_all(dir.file("from"));
                                                 }),
                                    dir.file("from"))) ==
        "syncing " + test::quoted_in(dir, "from") + ": No such file or directory");
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
  CHECK(test::error_of(keep_owner(none, dir.file("absent"), dir.file("now"))) ==
        test::quoted_in(dir, "absent") + " or " + test::quoted_in(dir, "now") +
            " cannot be looked at");
  CHECK_FALSE(keep_owner(none, dir.file("was"), dir.file("absent")));
  CHECK(keep_owner(none, dir.file("was"), dir.file("now")));  // the same
  if (::lchown(dir.file("was").c_str(), 12345, 54321) != 0) {
    MESSAGE("skipped: only root may give files away");
    return;
  }
  const Status refused =
      keep_owner(disk_without({DiskStep::kSetOwner}, EIO), dir.file("was"), dir.file("now"));
  CHECK(test::error_of(refused) ==
        "setting the owner of " + test::quoted_in(dir, "now") + ": Input/output error");
  CHECK(keep_owner(disk_without({DiskStep::kSetOwner}, EPERM), dir.file("was"), dir.file("now")));
  struct stat status{};
  REQUIRE(::stat(dir.file("now").c_str(), &status) == 0);
  CHECK(status.st_uid == ::geteuid());
  CHECK(test::mode_of(dir.file("now")) == 0711);  // it would run as another
  CHECK_FALSE(
      keep_owner(disk_without({DiskStep::kSetMode}, EIO), dir.file("was"), dir.file("now")));
  REQUIRE(::lchown(dir.file("now").c_str(), ::geteuid(), 54321) == 0);
  REQUIRE(::chmod(dir.file("now").c_str(), 0711) == 0);
  REQUIRE(::chmod(dir.file("was").c_str(), 04755) == 0);
  CHECK(keep_owner(Disk(), dir.file("was"), dir.file("now")));
  REQUIRE(::stat(dir.file("now").c_str(), &status) == 0);
  CHECK(status.st_uid == 12345);
  CHECK(status.st_gid == 54321);
  CHECK(test::mode_of(dir.file("now")) == 04711);
}

TEST_CASE("write: a copy that is another's does not run as its owner") {
  const TempDir dir;
  const auto copied = [&](const CarryOptions& options) {
    fs::remove(dir.file("copy"));
    CarryCount count;
    REQUIRE(carry_file(Disk(), dir.file("was"), dir.file("copy"), false, options, count));
    return test::mode_of(dir.file("copy"));
  };
  write_file(dir.file("was"), "x");
  for (const bool copy : {true, false}) {
    for (const mode_t mode : {04755U, 02755U, 06711U, 01644U}) {
      REQUIRE(::chown(dir.file("was").c_str(), ::geteuid(), ::getegid()) == 0);
      REQUIRE(::chmod(dir.file("was").c_str(), mode) == 0);
      CHECK(copied({.copy = copy}) == mode);
      for (const auto& [owner, group] :
           {std::pair(12345U, ::getegid()), std::pair(::geteuid(), 54321U)}) {
        if (::chown(dir.file("was").c_str(), owner, group) != 0) continue;  // only root may
        REQUIRE(::chmod(dir.file("was").c_str(), mode) == 0);
        CHECK(copied({.copy = copy}) == (mode & 01777U));
      }
    }
  }
}

TEST_CASE("write: a small file, and one with a mode, may be refused at each step") {
  for (const std::optional<mode_t> mode : {std::optional<mode_t>(), std::optional<mode_t>(0600)}) {
    const auto work = [&](const Disk& disk) {
      const TempDir dir;
      const Status done = write_text(disk, dir.file("text"), "text", mode);
      if (!done)
        CHECK(
            test::error_of(done).ends_with(test::quoted_in(dir, "text") + ": Input/output error"));
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
       {WriteOptions{.threads = 1, .mode = FileMode{0600}},
        WriteOptions{.threads = 1, .sparse = true}, WriteOptions{.threads = 1, .digest = true},
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
        CHECK(
            test::error_of(done).ends_with(test::quoted_in(dir, "file") + ": Input/output error"));
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
  CHECK(test::error_of(refused) ==
        "sharing blocks with " + test::quoted_in(dir, "refused") + ": Input/output error");
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
