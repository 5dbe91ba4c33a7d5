// What can be known of a place without writing there.
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "support/temp_dir.h"
#include "unit/write/changed_folder.h"
#include "write/in_place.h"
#include "write/staged_dir.h"
#include "write/undo.h"

namespace shardwright {
namespace {

using test::error_of;
using test::TempDir;
using test::whole_snapshot;

TEST_CASE("write: a place that may not be written is known before anything is") {
  const TempDir dir;
  REQUIRE(Disk().make_folder(dir.file("disk")));
  const test::Mount mount(dir.file("disk"));
  if (!mount) return;
  const std::string model = dir.file("disk/model");
  test::make_old(model);
  REQUIRE(test::change(Disk(), model));
  REQUIRE(Disk().make_folder(dir.file("disk/empty")));
  const std::vector<std::string> names = {"one", "sub/three", "new/folder/file"};
  CHECK(InPlace::accepts(model, names));
  CHECK(undo_last(Disk(), model, true));
  CHECK(forget_all(Disk(), model, true));
  CHECK(StagedDir::accepts(dir.file("disk/new"), Existing::kRefuse));
  CHECK(StagedDir::accepts(dir.file("disk/empty"), Existing::kRefuse));
  const auto before = whole_snapshot(model);
  REQUIRE(::mount("none", dir.file("disk").c_str(), nullptr, MS_REMOUNT | MS_RDONLY, nullptr) == 0);
  const std::string why = "': Read-only file system";
  CHECK(error_of(InPlace::accepts(model, names)).ends_with(why));
  for (const bool dry_run : {true, false}) {
    CHECK(error_of(undo_last(Disk(), model, dry_run)).ends_with(why));
    CHECK(error_of(forget_all(Disk(), model, dry_run)).ends_with(why));
  }
  for (const char* name : {"disk/new", "disk/empty"}) {
    CHECK(error_of(StagedDir::accepts(dir.file(name), Existing::kRefuse)) ==
          "writing into '" + dir.file(name == std::string("disk/new") ? "disk" : name) + why);
    CHECK(error_of(StagedDir::create(Disk(), dir.file(name))).ends_with(why));
  }
  CHECK(whole_snapshot(model) == before);
}

TEST_CASE("write: an undo that is tried says what is gone or changed, as the undo does") {
  const TempDir dir;
  const std::string model = test::old_model(dir);
  REQUIRE(test::change(Disk(), model));
  const std::string kept = model + "/.shardwright-undo/0001/before/one";
  test::write_file(model + "/one", "mine");
  const auto both = [&] {
    const std::string tried = error_of(undo_last(Disk(), model, true));
    CHECK(error_of(undo_last(Disk(), model, false)) == tried);
    return tried;
  };
  CHECK(both().starts_with("'one' was changed since the repair"));
  test::write_file(model + "/one", "new one");
  REQUIRE(::rename(kept.c_str(), dir.file("aside").c_str()) == 0);
  CHECK(both() ==
        "'" + kept + "' is not there any more, and the repair cannot be taken back without it");
  REQUIRE(::rename(dir.file("aside").c_str(), kept.c_str()) == 0);
  CHECK(both().empty());
}

}  // namespace
}  // namespace shardwright
