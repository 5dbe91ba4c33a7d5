// Symbolic links inside a model, which come with it from whoever made it: nothing is written,
// moved or removed through one.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include <doctest/doctest.h>
#include <fmt/format.h>

#include "support/temp_dir.h"
#include "unit/write/changed_folder.h"
#include "write/carry.h"
#include "write/manifest.h"
#include "write/place.h"
#include "write/reach.h"
#include "write/undo.h"

namespace shardwright {
namespace {

namespace fs = std::filesystem;
using test::error_of;
using test::read_file;
using test::TempDir;
using test::whole_snapshot;
using test::write_file;

void link_to(const std::string& target, const std::string& path) {
  fs::create_directories(fs::path(path).parent_path());
  REQUIRE(::symlink(target.c_str(), path.c_str()) == 0);
}

TEST_CASE("write: no step of a disk follows a link, at the end of a path or on the way") {
  const TempDir dir;
  const Disk disk;
  write_file(dir.file("outside/file"), "theirs");
  write_file(dir.file("outside/folder/below"), "theirs");
  write_file(dir.file("own"), "own");
  write_file(dir.file("own-too"), "own");
  link_to(dir.file("outside"), dir.file("link"));
  const auto before = whole_snapshot(dir.path());
  const std::string file = dir.file("link/file");
  const std::string folder = dir.file("link/folder");
  const std::string fresh = dir.file("link/fresh");
  const std::string why =
      "'" + dir.file("link") +
      "' is a symbolic link, and nothing is written through one: put the folder "
      "that it leads to in its place";
  const auto refused = [&](const auto& done) {
    REQUIRE_FALSE(done);
    CHECK(done.error().code == ErrorCode::kIo);
    CHECK_MESSAGE(done.error().message.ends_with(why), done.error().message);
  };
  refused(disk.make_folder(fresh));
  refused(disk.create(fresh));
  refused(disk.create(fresh, true));
  refused(disk.reopen(file));
  refused(disk.set_folder_mode(file, 0600));
  refused(disk.set_owner(file, 1, 1));
  refused(disk.sync_folder(folder));
  refused(disk.rename(dir.file("own"), file));
  refused(disk.rename_new(dir.file("own"), fresh));
  refused(disk.exchange(dir.file("own"), file));
  refused(disk.link(dir.file("own"), fresh));
  refused(disk.link(file, dir.file("fresh")));
  refused(disk.remove(file));
  refused(disk.remove_folder(folder));
  refused(disk.remove_tree(folder));
  refused(disk.remove_tree(file));
  // What is moved away is as much changed as what is moved in. The message tells of the target.
  CHECK_FALSE(disk.rename(file, dir.file("fresh")));
  CHECK_FALSE(disk.rename_new(file, dir.file("fresh")));
  CHECK_FALSE(disk.exchange(file, dir.file("own")));
  CHECK_FALSE(make_folders_above(disk, dir.path(), "link/new/file"));
  // At the end of a path it is the link itself, or nothing.
  CHECK_FALSE(disk.create(dir.file("link")));
  CHECK_FALSE(disk.reopen(dir.file("link")));
  CHECK_FALSE(disk.set_folder_mode(dir.file("link"), 0700));
  CHECK_FALSE(disk.sync_folder(dir.file("link")));
  CHECK(whole_snapshot(dir.path()) == before);
  REQUIRE(disk.remove_tree(dir.file("link")));
  CHECK(read_file(dir.file("outside/folder/below")) == "theirs");
}

TEST_CASE("write: a folder is reached name by name as it is in one call") {
  const TempDir dir;
  write_file(dir.file("a/b/file"), "x");
  link_to("a", dir.file("link"));
  link_to("loop", dir.file("loop"));
  const auto number = [](const auto& reached) { return reached ? 0 : errno; };
  for (const auto& [name, expected] :
       {std::pair{"a/b", 0}, std::pair{"a//b", 0}, std::pair{"link/b", ELOOP},
        std::pair{"loop/b", ELOOP}, std::pair{"no/b", ENOENT}, std::pair{"a/b/file/c", ENOTDIR}}) {
    CAPTURE(name);
    CHECK(number(open_by_steps(dir.file(name))) == expected);
    CHECK(number(reach(dir.file(name) + "/name")) == expected);
  }
  CHECK(open_by_steps("/"));
  CHECK(open_by_steps("."));
  CHECK(reach("/").name == ".");
  CHECK(reach("name").name == "name");
  CHECK(reach(dir.file("a/b")).name == "b");
  CHECK(link_above(dir.file("link/b")) == dir.file("link"));
  CHECK(link_above(dir.file("link")).empty());
  CHECK(link_above(dir.file("a/b/file")).empty());
}

// A model with one file, and an entry of undo whose manifest says what is asked for.
struct Shipped {
  TempDir dir{};
  std::string model = dir.file("model");
  std::string undo = model + "/.shardwright-undo";
  std::string entry = undo + "/0001";
  std::string outside = dir.file("home");

  Shipped() {
    write_file(outside + "/key", "key");
    write_file(outside + "/mine", "mine");
    write_file(outside + "/.shardwright-undo/0001/x", "mine");
    write_file(model + "/config.json", "theirs");
  }

  void manifest(const std::string& name, const std::string& change,
                const std::string& state = "prepared", const std::string& undoes = "") const {
    const std::string also = undoes.empty() ? "" : fmt::format(R"("undoes":"{}",)", undoes);
    write_file(entry + "/manifest.json",
               fmt::format(R"({{"version":1,"state":"{}",{}"changes":[{{"file":"{}","change":"{}",)"
                           R"("hidden":false,"bytes":3,"digest":"{:032}"}}]}})",
                           state, also, name, change, 0));
  }

  // All who could follow it say the same, and change nothing.
  void check_refused(const std::string& message) const {
    const auto before = whole_snapshot(dir.path());
    const auto check = [&](const auto& done) {
      REQUIRE_FALSE(done);
      CHECK_MESSAGE(done.error().message.find(message) != std::string::npos, done.error().message);
    };
    const Disk disk;
    check(InPlace::begin(disk, model));
    check(InPlace::accepts(model, {}));
    check(recover(disk, model));
    check(recover(disk, model, true));
    check(undo_last(disk, model, false));
    check(undo_last(disk, model, true));
    check(forget_all(disk, model));
    check(is_half_switched(model));
    CHECK(whole_snapshot(dir.path()) == before);
  }
};

TEST_CASE("write: a link in what is kept for undo is refused, and nothing outside is touched") {
  for (const char* state : {"prepared", "done"}) {
    for (const char* part : {"after", "before"}) {
      for (const char* change : {"added", "replaced", "removed"}) {
        CAPTURE(state);
        CAPTURE(part);
        CAPTURE(change);
        const Shipped shipped;
        shipped.manifest("key", change, state);
        write_file(shipped.entry + (part == std::string("after") ? "/before/key" : "/after/key"),
                   "new");
        link_to(shipped.outside, shipped.entry + "/" + part);
        shipped.check_refused("'" + shipped.entry + "/" + part +
                              "' is a symbolic link, and nothing is written, moved or removed "
                              "through one: put the folder that it leads to in its place, or "
                              "remove the link");
      }
    }
  }
  {
    const Shipped shipped;
    link_to(shipped.outside + "/.shardwright-undo", shipped.undo);
    shipped.check_refused("'" + shipped.undo + "' is a symbolic link");
  }
  {
    const Shipped shipped;
    link_to(shipped.outside, shipped.entry);
    shipped.check_refused("'" + shipped.entry + "' is a symbolic link");
  }
  {
    const Shipped shipped;
    shipped.manifest("key", "added");
    fs::rename(shipped.entry + "/manifest.json", shipped.dir.file("manifest"));
    link_to(shipped.dir.file("manifest"), shipped.entry + "/manifest.json");
    shipped.check_refused("manifest.json' is a symbolic link, which no repair has made: remove it");
  }
}

TEST_CASE("write: a link in the model or an entry, on the way to a file that changes, is refused") {
  for (const std::string at :
       {"/sub", "/.shardwright-undo/0001/before/sub", "/.shardwright-undo/0001/after/sub"}) {
    for (const char* change : {"added", "replaced", "removed"}) {
      CAPTURE(at);
      CAPTURE(change);
      const Shipped shipped;
      shipped.manifest("sub/key", change);
      link_to(shipped.outside, shipped.model + at);
      shipped.check_refused("'" + shipped.model + at + "' is a symbolic link");
    }
  }
  // Of a repair that is done, what the undo of it would reach alone.
  const Shipped shipped;
  shipped.manifest("sub/key", "removed", "done");
  write_file(shipped.entry + "/before/sub/key", "old");
  link_to(shipped.outside, shipped.model + "/sub");
  for (const bool dry_run : {true, false}) {
    CHECK(error_of(undo_last(Disk(), shipped.model, dry_run))
              .starts_with("'" + shipped.model + "/sub' is a symbolic link"));
  }
  CHECK(read_file(shipped.outside + "/key") == "key");
}

TEST_CASE("write: a manifest names no path that leads out of what is kept for undo, or into it") {
  for (const char* undoes : {"../../home", "..", "x", "0001/../../../home", "/"}) {
    CAPTURE(undoes);
    const Shipped shipped;
    shipped.manifest("key", "removed", "done", undoes);
    fs::create_directories(shipped.undo + "/removing-..");
    shipped.check_refused("is not a manifest that this version wrote");
  }
  for (const char* name : {".shardwright-undo", ".shardwright-undo/0001/manifest.json"}) {
    const Shipped shipped;
    shipped.manifest(name, "removed");
    shipped.check_refused("is not a manifest that this version wrote");
  }
}

TEST_CASE("write: a link under the name of a folder to exchange is not what a killed run left") {
  for (const char* state : {"prepared", "done"}) {
    CAPTURE(state);
    const Shipped shipped;
    shipped.manifest("new", "added", state);
    write_file(shipped.entry + "/after/new", "new");
    link_to(shipped.outside, shipped.dir.file(".model.shardwright-exchange"));
    REQUIRE(recover(Disk(), shipped.model));
    CHECK(fs::is_symlink(shipped.dir.file(".model.shardwright-exchange")));
    CHECK_FALSE(exists(shipped.entry + "/before/key"));
    CHECK(read_file(shipped.outside + "/.shardwright-undo/0001/x") == "mine");
  }
}

TEST_CASE("write: a link that takes the place of a folder during a change leads nowhere") {
  int tried = 0;
  for (const char* part : {"before", "after"}) {
    for (const DiskStep step : {DiskStep::kRename, DiskStep::kLink, DiskStep::kSyncFolder}) {
      CAPTURE(part);
      const Shipped shipped;
      test::make_old(shipped.model);
      const std::string place = shipped.entry + "/" + part;
      bool swapped = false;
      const Disk disk([&](DiskStep now, const std::string&) {
        if (now == DiskStep::kExchange) return EINVAL;
        if (now == step && !swapped && fs::exists(place)) {
          fs::rename(place, shipped.dir.file("aside"));
          fs::create_directory_symlink(shipped.outside, place);
          swapped = true;
        }
        return 0;
      });
      const auto theirs = whole_snapshot(shipped.outside);
      static_cast<void>(test::change(disk, shipped.model));
      CHECK(whole_snapshot(shipped.outside) == theirs);
      tried += swapped ? 1 : 0;
    }
  }
  CHECK(tried == 6);
}

}  // namespace
}  // namespace shardwright
