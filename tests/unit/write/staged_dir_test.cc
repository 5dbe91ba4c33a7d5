#include "write/staged_dir.h"

#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>

#include <doctest/doctest.h>

#include "faults.h"
#include "support/temp_dir.h"
#include "support/unprivileged.h"
#include "write/write_file.h"

namespace shardwright {
namespace {

using test::count_steps;
using test::faulty_disk;
using test::Mount;
using test::read_file;
using test::Snapshot;
using test::snapshot;
using test::stops_at;
using test::TempDir;
using test::whole_snapshot;
using test::write_file;

const Snapshot kResult = {{"a.safetensors", "644:a"},
                          {"config.json", "644:{}"},
                          {"sub", "folder 755"},
                          {"sub/b.safetensors", "644:b"}};

Status build(const Disk& disk, const std::string& target, Existing existing = Existing::kRefuse) {
  auto staged = StagedDir::create(disk, target, existing);
  if (!staged) return std::move(staged).error();
  const std::string sub = join_path(staged->path(), "sub");
  if (auto made = disk.make_folder(sub); !made) return made;
  for (const auto& [name, text] : {std::pair{"config.json", "{}"}, std::pair{"a.safetensors", "a"},
                                   std::pair{"sub/b.safetensors", "b"}}) {
    if (auto wrote = write_text(disk, join_path(staged->path(), name), text); !wrote) return wrote;
  }
  const std::string last[] = {"config.json"};
  return staged->publish(last);
}

TEST_CASE("write: a staged folder appears where nothing was, or over an empty folder") {
  const TempDir dir;
  const Status fresh = build(Disk(), dir.file("new"));
  REQUIRE_MESSAGE(fresh, fresh.error().message);
  CHECK(snapshot(dir.file("new")) == kResult);
  REQUIRE(Disk().make_folder(dir.file("empty"), 0777));
  REQUIRE(::chmod(dir.file("empty").c_str(), 0770) == 0);
  REQUIRE(build(Disk(), dir.file("empty/")));
  CHECK(snapshot(dir.file("empty")) == kResult);
  CHECK(test::mode_of(dir.file("empty")) == 0770);
  CHECK(whole_snapshot(dir.path()).size() == 2 * (kResult.size() + 1));
}

TEST_CASE("write: a target with anything in it is refused, and stays as it is") {
  const TempDir dir;
  write_file(dir.file("full/x"), "x");
  write_file(dir.file("file"), "x");
  const auto before = whole_snapshot(dir.path());
  CHECK(build(Disk(), dir.file("full")).error().message ==
        "output '" + dir.file("full") + "' is not empty: it holds 'x'");
  CHECK(build(Disk(), dir.file("file")).error().message ==
        "output '" + dir.file("file") + "' is there and is no folder");
  CHECK(build(Disk(), dir.file("no/such/place")).error().message ==
        "the folder of output '" + dir.file("no/such/place") + "' does not exist");
  CHECK(whole_snapshot(dir.path()) == before);
}

TEST_CASE("write: what came into the target in the meantime is not overwritten") {
  const TempDir dir;
  static const Disk disk;
  auto second = StagedDir::create(disk, dir.file("out2"));
  REQUIRE(second);
  write_file(dir.file("out2/x"), "theirs");
  const Status published = second->publish();
  REQUIRE_FALSE(published);
  CHECK(published.error().message ==
        "something has come into output '" + dir.file("out2") +
            "' meanwhile, another run's result perhaps: it stays, and this one is dropped");
  CHECK(read_file(dir.file("out2/x")) == "theirs");
}

TEST_CASE("write: an error at any step leaves no trace of a staged folder") {
  const test::InMemory fast;
  const int steps = count_steps([](const Disk& disk) {
    const TempDir dir;
    REQUIRE(build(disk, dir.file("out")));
  });
  REQUIRE(steps > 10);
  for (const int number : {EIO, ENOSPC}) {
    for (int at = 0; at < steps; ++at) {
      CAPTURE(at);
      const TempDir dir;
      const Status built = build(faulty_disk({.at = at, .number = number}), dir.file("out"));
      const auto left = whole_snapshot(dir.path());
      if (left.empty()) {
        CHECK_FALSE(built);
      } else {
        // Only the last sync may fail with the result in its place.
        CHECK(snapshot(dir.file("out")) == kResult);
        CHECK(left.size() == kResult.size() + 1);
        CHECK((built || at == steps - 1));
      }
    }
  }
}

TEST_CASE("write: a run that is killed at any step leaves nothing or the whole at the target") {
  const test::InMemory fast;
  bool stopped = true;
  int results = 0;
  for (int at = 0; stopped; ++at) {
    CAPTURE(at);
    const TempDir dir;
    stopped = stops_at(at, false,
                       [&](const Disk& disk) { static_cast<void>(build(disk, dir.file("out"))); });
    if (std::filesystem::exists(dir.file("out"))) {
      ++results;
      CHECK(snapshot(dir.file("out")) == kResult);
    } else {
      REQUIRE(build(Disk(), dir.file("out")));  // and the next run clears up
    }
    CHECK(whole_snapshot(dir.path()).size() == kResult.size() + 1);
  }
  CHECK(results > 1);
}

TEST_CASE("write: a model is replaced where that is asked for, and nothing else is") {
  const TempDir dir;
  write_file(dir.file("model/old.safetensors"), "x");
  REQUIRE(::chmod(dir.file("model").c_str(), 0750) == 0);
  const Status replaced = build(Disk(), dir.file("model"), Existing::kReplaceModel);
  REQUIRE_MESSAGE(replaced, replaced.error().message);
  CHECK(snapshot(dir.file("model")) == kResult);
  CHECK(test::mode_of(dir.file("model")) == 0750);
  CHECK(whole_snapshot(dir.path()).size() == kResult.size() + 1);
  write_file(dir.file("letters/x"), "x");
  CHECK(build(Disk(), dir.file("letters"), Existing::kReplaceModel).error().message ==
        "output '" + dir.file("letters") + "' is not replaced: it holds no model, and holds 'x'");
  CHECK(read_file(dir.file("letters/x")) == "x");
}

TEST_CASE("write: a run that is killed at any step of a replacement leaves old or new") {
  const test::InMemory fast;
  for (const bool exchanges : {true, false}) {
    CAPTURE(exchanges);
    bool stopped = true;
    int news = 0;
    for (int at = 0; stopped; ++at) {
      CAPTURE(at);
      const TempDir dir;
      write_file(dir.file("out/config.json"), "old");
      stopped = stops_at(at, !exchanges, [&](const Disk& disk) {
        static_cast<void>(build(disk, dir.file("out"), Existing::kReplaceModel));
      });
      const bool between = !std::filesystem::exists(dir.file("out"));
      CHECK_FALSE((between && exchanges));
      const std::string place = dir.file(between ? ".out.shardwright-replaced" : "out");
      const bool is_new = snapshot(place) == kResult;
      if (!is_new) CHECK(read_file(place + "/config.json") == "old");
      news += is_new ? 1 : 0;
      // The next run finishes, and nothing is left beside it; who may not replace finds the old
      // one.
      if (between) {
        CHECK(build(Disk(), dir.file("out")).error().code == ErrorCode::kInvalidArgument);
        CHECK(read_file(dir.file("out/config.json")) == "old");
      }
      REQUIRE(build(Disk(), dir.file("out"), Existing::kReplaceModel));
      CHECK(whole_snapshot(dir.path()).size() == kResult.size() + 1);
    }
    CHECK(news > 1);
  }
}

TEST_CASE("write: an error at any step of a replacement leaves old or new") {
  const test::InMemory fast;
  for (const bool exchanges : {true, false}) {
    CAPTURE(exchanges);
    bool failed = true;
    int news = 0;
    for (int at = 0; failed; ++at) {
      CAPTURE(at);
      const TempDir dir;
      write_file(dir.file("out/config.json"), "old");
      auto count = std::make_shared<std::atomic<int>>();
      const Status built =
          build(faulty_disk({.at = at, .number = EIO, .no_exchange = !exchanges}, count),
                dir.file("out"), Existing::kReplaceModel);
      failed = count->load() > at;
      const bool is_new = snapshot(dir.file("out")) == kResult;
      if (!is_new) CHECK(read_file(dir.file("out/config.json")) == "old");
      CHECK((!built || is_new));
      CHECK((built || built.error().message.find("'" + dir.path()) != std::string::npos));
      news += is_new ? 1 : 0;
    }
    CHECK(news > 1);
  }
}

TEST_CASE("write: a mount point and the current folder are not replaced by another") {
  const TempDir dir;
  REQUIRE(Disk().make_folder(dir.file("out")));
  const auto refused = [&] {
    const auto before = snapshot(dir.file("out"));
    const Status built = build(Disk(), dir.file("out"), Existing::kReplaceModel);
    CHECK(snapshot(dir.file("out")) == before);
    return built ? "" : built.error().message;
  };
  const std::string not_replaced = "output '" + dir.file("out") + "' is not replaced: ";
  write_file(dir.file("out/config.json"), "old");
  const std::string here = real_path(".").value();
  REQUIRE(::chdir(dir.file("out").c_str()) == 0);
  CHECK(refused() == not_replaced + "it is the current folder, and holds 'config.json'");
  REQUIRE(::chdir(here.c_str()) == 0);
  const Mount mount(dir.file("out"));
  if (!mount) return;
  write_file(dir.file("out/config.json"), "old");
  CHECK(refused() == not_replaced + "it is a mount point, and holds 'config.json'");
}

TEST_CASE("write: a target or a staged folder that goes away is told") {
  const TempDir dir;
  REQUIRE(::symlink("loop", dir.file("loop").c_str()) == 0);
  CHECK(build(Disk(), dir.file("loop"))
            .error()
            .message.ends_with(": Too many levels of symbolic links"));
  CHECK(StagedDir::disk_bytes_of_remains(dir.file("no/such"), Existing::kRefuse) == 0);
  const Disk disk;
  auto staged = StagedDir::create(disk, dir.file("out"));
  REQUIRE(staged);
  std::filesystem::remove_all(staged->path());
  const Status published = staged->publish();
  REQUIRE_FALSE(published);
  CHECK(published.error().code == ErrorCode::kNotFound);
  CHECK(whole_snapshot(dir.path()).size() == 1);
}

TEST_CASE("write: a target that may not be listed is refused") {
  const TempDir dir;
  write_file(dir.file("out/x"), "x");
  REQUIRE(::chmod(dir.path().c_str(), 0777) == 0);
  REQUIRE(::chmod(dir.file("out").c_str(), 0711) == 0);
  const test::Unprivileged nobody;
  if (!nobody.holds()) return;
  if (::geteuid() != 65534) REQUIRE(::chmod(dir.file("out").c_str(), 0311) == 0);
  const Status accepted = StagedDir::accepts(dir.file("out"), Existing::kRefuse);
  REQUIRE_FALSE(accepted);
  CHECK(accepted.error().message == "opening '" + dir.file("out") + "': Permission denied");
}

TEST_CASE("write: what was staged in the current folder and went away is told") {
  const TempDir dir;
  REQUIRE(Disk().make_folder(dir.file("out")));
  const std::string here = real_path(".").value();
  REQUIRE(::chdir(dir.file("out").c_str()) == 0);
  const std::string last[] = {"config.json", "absent.json"};
  Status gone = ok();
  {
    const Disk disk = test::meddled_disk(DiskStep::kSyncFolder, "", [](const std::string& path) {
      std::filesystem::remove_all(path);
    });
    auto staged = StagedDir::create(disk, ".");
    REQUIRE(staged);
    gone = staged->publish(last);
  }
  const Disk disk;
  auto staged = StagedDir::create(disk, ".");
  REQUIRE(staged);
  REQUIRE(write_text(disk, join_path(staged->path(), "config.json"), "{}"));
  const Status published = staged->publish(last);
  REQUIRE(::chdir(here.c_str()) == 0);
  REQUIRE_FALSE(gone);
  CHECK(gone.error().code == ErrorCode::kNotFound);
  CHECK(published);
  CHECK(whole_snapshot(dir.file("out")) == Snapshot{{"config.json", "644:{}"}});
}

TEST_CASE("write: a mount point is filled from inside, and holds nothing after an error") {
  const TempDir dir;
  REQUIRE(Disk().make_folder(dir.file("out")));
  const auto work = [&](const Disk& disk) { return build(disk, dir.file("out")); };
  int steps = 0;
  {
    const Mount mount(dir.file("out"));
    if (!mount) return;
    steps = count_steps([&](const Disk& disk) { REQUIRE(work(disk)); });
    CHECK(whole_snapshot(dir.file("out")) == kResult);
  }
  for (int at = 0; at < steps; ++at) {
    CAPTURE(at);
    const Mount mount(dir.file("out"));
    REQUIRE(mount);
    const Status built = work(faulty_disk({.at = at, .number = EIO}));
    const auto left = whole_snapshot(dir.file("out"));
    if (!built && left.empty()) continue;
    CHECK(snapshot(dir.file("out")) == kResult);
  }
  bool stopped = true;
  for (int at = 0; stopped; ++at) {
    CAPTURE(at);
    const Mount mount(dir.file("out"));
    REQUIRE(mount);
    stopped = stops_at(at, false, [&](const Disk& disk) { static_cast<void>(work(disk)); });
    const auto left = snapshot(dir.file("out"));
    // With its config it is whole.
    if (left.contains("config.json")) CHECK(left == kResult);
    // The next run finishes; one that finds the result takes away what is left beside it.
    CHECK(static_cast<bool>(build(Disk(), dir.file("out"))) == (left != kResult));
    CHECK(whole_snapshot(dir.file("out")) == kResult);
  }
}

TEST_CASE(
    "write: what a killed run moved into a mount point goes, and what others put there stays") {
  const TempDir dir;
  REQUIRE(Disk().make_folder(dir.file("out")));
  bool stopped = true;
  for (int at = 0; stopped; ++at) {
    CAPTURE(at);
    const Mount mount(dir.file("out"), "size=1m");
    if (!mount) {
      MESSAGE("skipped: mounting a tmpfs is not permitted here");
      return;
    }
    stopped = stops_at(at, false,
                       [&](const Disk& disk) { static_cast<void>(build(disk, dir.file("out"))); });
    if (snapshot(dir.file("out")) == kResult) continue;
    write_file(dir.file("out/note"), "theirs");
    CHECK_FALSE(build(Disk(), dir.file("out")));
    CHECK(snapshot(dir.file("out")) == Snapshot{{"note", "644:theirs"}});
  }
}

TEST_CASE("write: a full disk is known before it is full, and nothing stays") {
  const TempDir dir;
  REQUIRE(Disk().make_folder(dir.file("small")));
  const Mount mount(dir.file("small"));
  if (!mount) return;
  const Disk disk;
  {
    auto staged = StagedDir::create(disk, dir.file("small/out"));
    REQUIRE(staged);
    PlannedFile content("h");
    content.append(
        [](std::uint64_t, MutableBytes) -> Status {
          FAIL("no byte is to be produced");
          return ok();
        },
        2 << 20);
    const std::string path = join_path(staged->path(), "big");
    const auto count = shardwright::write_file(disk, path, content);
    REQUIRE_FALSE(count);
    CHECK(count.error().message == "reserving space for '" + path + "': No space left on device");
  }
  CHECK(whole_snapshot(dir.file("small")).empty());
}

TEST_CASE("write: what a killed run left is gone on with where it is picked, and stays otherwise") {
  static const Disk disk;
  const TempDir dir;
  const std::string out = dir.file("out");
  const auto none = [](const std::string&) { return false; };
  const auto any = [](const std::string&) { return true; };
  {
    auto first = StagedDir::create(disk, out);
    REQUIRE(first);
    write_file(first->path() + "/x", "x");
    // Its run lives.
    const auto held = StagedDir::resume(disk, out, Existing::kRefuse, any);
    REQUIRE(!held);
    CHECK(held.error().message.starts_with("another run is at work in"));
    CHECK(StagedDir::disk_bytes_of_remains(out, Existing::kRefuse) == 0);
    first->keep();
  }
  write_file(dir.file(".out.shardwright-dead00/y"), "y");
  write_file(dir.file(".other.shardwright-dead00/y"), "y");
  const auto before = whole_snapshot(dir.path());
  CHECK(StagedDir::disk_bytes_of_remains(out, Existing::kRefuse) > 0);
  const auto nothing = StagedDir::resume(disk, out, Existing::kRefuse, none);
  REQUIRE(nothing);
  CHECK(!*nothing);
  CHECK(whole_snapshot(dir.path()) == before);
  auto found = StagedDir::resume(disk, out, Existing::kRefuse,
                                 [](const std::string& path) { return exists(path + "/x"); });
  REQUIRE(found);
  REQUIRE(*found);
  CHECK(!exists(dir.file(".out.shardwright-dead00")));
  REQUIRE((*found)->publish());
  CHECK(whole_snapshot(dir.path()) == Snapshot{{".other.shardwright-dead00", "folder 755"},
                                               {".other.shardwright-dead00/y", "644:y"},
                                               {"out", "folder 755"},
                                               {"out/x", "644:x"}});
  const auto full = StagedDir::resume(disk, out, Existing::kRefuse, any);
  REQUIRE(!full);
  CHECK(full.error().message == "output '" + out + "' is not empty: it holds 'x'");
}

}  // namespace
}  // namespace shardwright
