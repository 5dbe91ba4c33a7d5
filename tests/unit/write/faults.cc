#include "faults.h"

#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <utility>

#include <doctest/doctest.h>
#include <fmt/format.h>

#include "support/temp_dir.h"
#include "write/place.h"

namespace shardwright::test {
namespace {

namespace fs = std::filesystem;
constexpr int kStopped = 42;

void collect(const fs::path& folder, const std::string& prefix, bool all, Snapshot& into) {
  for (const auto& item : fs::directory_iterator(folder)) {
    const std::string last = item.path().filename().string();
    if (!all && (last == kUndoFolder || is_staging_name(last))) continue;
    const std::string name = prefix + last;
    if (item.is_symlink()) {
      into[name] = "-> " + fs::read_symlink(item.path()).string();
    } else if (item.is_directory()) {
      into[name] = fmt::format("folder {:o}", mode_of(item.path().string()));
      collect(item.path(), name + "/", all, into);
    } else {
      into[name] = fmt::format("{:o}:{}", mode_of(item.path().string()),
                               item.is_regular_file() ? read_file(item.path().string()) : "");
    }
  }
}

struct stat status_of(const std::string& path) {
  struct stat status{};
  REQUIRE_MESSAGE(::lstat(path.c_str(), &status) == 0, path);
  return status;
}

}  // namespace

Disk faulty_disk(const Fault& fault, std::shared_ptr<std::atomic<int>> count) {
  if (!count) count = std::make_shared<std::atomic<int>>();
  return Disk([fault, count](DiskStep step, const std::string&) {
    if (fault.no_exchange && step == DiskStep::kExchange) return EINVAL;
    if (std::ranges::find(fault.lacks, step) != fault.lacks.end()) return EOPNOTSUPP;
    const int now = count->fetch_add(1);
    if (fault.at < 0 || now < fault.at || (now > fault.at && !fault.lasting)) return 0;
    if (fault.exit) ::_exit(kStopped);
    return fault.number;
  });
}

Disk disk_without(std::vector<DiskStep> steps, int number) {
  return Disk([steps = std::move(steps), number](DiskStep step, const std::string&) {
    return std::ranges::find(steps, step) != steps.end() ? number : 0;
  });
}

Disk meddled_disk(DiskStep step, std::string ending,
                  std::function<void(const std::string& path)> deed) {
  const auto done = std::make_shared<std::atomic<bool>>();
  return Disk([step, ending = std::move(ending), deed = std::move(deed), done](
                  DiskStep now, const std::string& path) {
    if (now == step && path.ends_with(ending) && !done->exchange(true)) deed(path);
    return 0;
  });
}

int count_steps(const std::function<void(const Disk&)>& work) {
  auto count = std::make_shared<std::atomic<int>>();
  work(faulty_disk({}, count));
  return count->load();
}

bool stops_at(int at, bool no_exchange, const std::function<void(const Disk&)>& work) {
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    work(faulty_disk({.at = at, .exit = true, .no_exchange = no_exchange}));
    ::_exit(0);
  }
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  REQUIRE(WIFEXITED(status));
  REQUIRE((WEXITSTATUS(status) == 0 || WEXITSTATUS(status) == kStopped));
  return WEXITSTATUS(status) == kStopped;
}

Snapshot snapshot(const std::string& folder) {
  Snapshot result;
  collect(folder, "", false, result);
  return result;
}

Snapshot whole_snapshot(const std::string& folder) {
  Snapshot result;
  collect(folder, "", true, result);
  return result;
}

InMemory::InMemory() {
  const char* before = ::getenv("TMPDIR");
  if (before != nullptr) before_ = before;
  if (fs::is_directory("/dev/shm")) ::setenv("TMPDIR", "/dev/shm", 1);
}

InMemory::~InMemory() {
  before_.empty() ? ::unsetenv("TMPDIR") : ::setenv("TMPDIR", before_.c_str(), 1);
}

Mount::Mount(std::string path, const char* options) : path_(std::move(path)) {
  mounted_ = ::mount("none", path_.c_str(), "tmpfs", 0, options) == 0;
  if (!mounted_) MESSAGE("skipped: mounting a tmpfs is not permitted here");
}

Mount::~Mount() {
  if (mounted_) ::umount2(path_.c_str(), MNT_DETACH);
}

std::uint64_t inode_of(const std::string& path) {
  return status_of(path).st_ino;
}
std::uint64_t links_of(const std::string& path) {
  return status_of(path).st_nlink;
}
unsigned mode_of(const std::string& path) {
  return status_of(path).st_mode & 07777U;
}

}  // namespace shardwright::test
