#include "job/merge_cost.h"

#include <sys/mount.h>

#include <string>

#include <doctest/doctest.h>

#include "support/temp_dir.h"

namespace shardwright {
namespace {

using test::TempDir;

TEST_CASE("merge: a disk without room for the result is told with both numbers") {
  const TempDir dir;
  CHECK(check_space(dir.file("out"), 1));
  CHECK(check_space(dir.path(), 1));
  const Status much = check_space(dir.file("out"), std::uint64_t{1} << 60U);
  REQUIRE_FALSE(much);
  CHECK(much.error().code == ErrorCode::kIo);
  CHECK(much.error().message.starts_with("'" + dir.file("out") + "': the result needs 1"));
  CHECK(much.error().message.find(" are free there") != std::string::npos);
}

TEST_CASE("merge: room is that of the disk on which the result will be") {
  const TempDir dir;
  if (::mount("none", dir.path().c_str(), "tmpfs", 0, "size=64k") != 0) {
    MESSAGE("skipped: mounting a tmpfs is not permitted here");
    return;
  }
  CHECK(check_space(dir.file("out"), 65'536));
  const Status more = check_space(dir.file("out"), 65'537);
  ::umount2(dir.path().c_str(), MNT_DETACH);
  REQUIRE_FALSE(more);
  CHECK(more.error().message.find("needs 65.5 kB, and 65.5 kB are free there") !=
        std::string::npos);
}

}  // namespace
}  // namespace shardwright
