// A disk that refuses a step, or stops the process at one, and what a folder holds afterwards.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "support/temp_dir.h"
#include "write/disk.h"

namespace shardwright::test {

// Counts steps, but for those that cannot be had; says `number` at step `at` (from 0), or at every
// step from there on.
struct Fault {
  int at{-1};
  int number{};
  bool lasting{};
  bool exit{};  // the process ends instead
  bool no_exchange{};
  std::vector<DiskStep> lacks{};  // what the file system cannot have at all
};

Disk faulty_disk(const Fault& fault, std::shared_ptr<std::atomic<int>> count = {});

// A file system that cannot have these steps, and says so with `number`.
Disk disk_without(std::vector<DiskStep> steps, int number);

// Another program at work: does `deed` once, before the first step of this kind whose path ends
// with `ending`.
Disk meddled_disk(DiskStep step, std::string ending,
                  std::function<void(const std::string& path)> deed);

// The steps of `work`, which must succeed.
int count_steps(const std::function<void(const Disk&)>& work);

// Runs `work` in a child process that ends at step `at`, as if it were killed there. True where it
// ended there, false where it came to its own end.
bool stops_at(int at, bool no_exchange, const std::function<void(const Disk&)>& work);

// Name to "mode:bytes", "-> target" or "folder mode"; without what belongs to undo and staging.
using Snapshot = std::map<std::string, std::string>;
Snapshot snapshot(const std::string& folder);

// Everything below the folder, remains included.
Snapshot whole_snapshot(const std::string& folder);

// While it lives, temporary folders are made in memory, where there is such a place: syncing
// thousands of times takes minutes on a disk.
class InMemory {
 public:
  InMemory();
  InMemory(const InMemory&) = delete;
  InMemory& operator=(const InMemory&) = delete;
  ~InMemory();

 private:
  std::string before_;
};

// A file system in memory, mounted while it lives. That needs root: false where it may not be.
class Mount {
 public:
  explicit Mount(std::string path, const char* options = "size=1m");
  Mount(const Mount&) = delete;
  Mount& operator=(const Mount&) = delete;
  ~Mount();
  explicit operator bool() const { return mounted_; }

 private:
  std::string path_;
  bool mounted_{};
};

std::uint64_t inode_of(const std::string& path);
std::uint64_t links_of(const std::string& path);
unsigned mode_of(const std::string& path);

// What a result says that is none; empty where it is one.
template <typename Result>
std::string error_of(const Result& result) {
  return result ? "" : result.error().message;
}

// A file's place as messages name it.
inline std::string quoted_in(const TempDir& dir, std::string_view name) {
  return "'" + dir.file(name) + "'";
}

}  // namespace shardwright::test
