// --output-file: all of a report or nothing.
#include "tools/output_file.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <filesystem>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "support/temp_dir.h"

namespace shardwright {
namespace {

namespace fs = std::filesystem;
using test::read_file;
using test::TempDir;
using test::write_file;

std::vector<std::string> names_in(const std::string& folder) {
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(folder))
    names.push_back(entry.path().filename().string());
  std::ranges::sort(names);
  return names;
}

Status write_to(const std::string& path, std::string_view text) {
  auto file = OutputFile::open(path);
  if (!file) return std::move(file).error();
  return file->fill(text);
}

unsigned mode_of(const std::string& path) {
  struct stat status{};
  REQUIRE(::stat(path.c_str(), &status) == 0);
  return status.st_mode & 07777U;
}

TEST_CASE("tools: an output file appears only when it is filled") {
  const TempDir folder;
  const std::string path = folder.file("results");
  REQUIRE(OutputFile::open(path));
  CHECK(names_in(folder.path()).empty());
  {
    auto opened = OutputFile::open(path);
    REQUIRE(opened);
    CHECK_FALSE(fs::exists(path));
    CHECK(opened->fill("a long first text"));
  }
  CHECK(read_file(path) == "a long first text");
  REQUIRE(OutputFile::open(path));
  CHECK(read_file(path) == "a long first text");
  CHECK(write_to(path, "short"));
  CHECK(read_file(path) == "short");
  CHECK(names_in(folder.path()) == std::vector<std::string>{"results"});
  const auto refused = OutputFile::open(folder.file("no/such/folder"));
  REQUIRE(!refused);
  CHECK(refused.error().message ==
        "cannot write '" + folder.file("no/such/folder") + "': No such file or directory");
  fs::create_directory(folder.file("folder"));
  CHECK(OutputFile::open(folder.file("folder")).error().message ==
        "cannot write '" + folder.file("folder") + "': Is a directory");
}

TEST_CASE("tools: an output file that cannot be written whole leaves what was there") {
  const TempDir folder;
  const std::string path = folder.file("results");
  write_file(path, "old");
  rlimit before{};
  REQUIRE(::getrlimit(RLIMIT_FSIZE, &before) == 0);
  const auto handler = std::signal(SIGXFSZ, SIG_IGN);
  const rlimit little{.rlim_cur = 1000, .rlim_max = before.rlim_max};
  REQUIRE(::setrlimit(RLIMIT_FSIZE, &little) == 0);
  const Status refused = write_to(path, std::string(2000, 'x'));
  const Status fresh = write_to(folder.file("fresh"), std::string(2000, 'x'));
  REQUIRE(::setrlimit(RLIMIT_FSIZE, &before) == 0);
  (void)std::signal(SIGXFSZ, handler);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().message == "cannot write '" + path + "': File too large");
  CHECK_FALSE(fresh);
  CHECK(read_file(path) == "old");
  CHECK(names_in(folder.path()) == std::vector<std::string>{"results"});
}

TEST_CASE("tools: an output file keeps its mode, and a new one has that of the umask") {
  const TempDir folder;
  const std::string path = folder.file("results");
  const mode_t mask = ::umask(027);
  CHECK(write_to(path, "x"));
  ::umask(mask);
  CHECK(mode_of(path) == 0640);
  REQUIRE(::chmod(path.c_str(), 0604) == 0);
  CHECK(write_to(path, "y"));
  CHECK(mode_of(path) == 0604);
  CHECK(read_file(path) == "y");
}

TEST_CASE("tools: through a link, what it leads to is replaced, and the link stays") {
  const TempDir folder;
  write_file(folder.file("far/results"), "old");
  fs::create_directory(folder.file("near"));
  fs::create_symlink("../far/link", folder.file("near/link"));
  fs::create_symlink("results", folder.file("far/link"));
  fs::create_symlink("../far/new", folder.file("near/new"));
  CHECK(write_to(folder.file("near/link"), "new"));
  CHECK(write_to(folder.file("near/new"), "newer"));
  CHECK(fs::is_symlink(folder.file("near/link")));
  CHECK(fs::is_symlink(folder.file("far/link")));
  CHECK(fs::is_symlink(folder.file("near/new")));
  CHECK(read_file(folder.file("far/results")) == "new");
  CHECK(read_file(folder.file("far/new")) == "newer");
  CHECK(names_in(folder.path() + "/near").size() == 2);
  fs::create_symlink("circle", folder.file("circle"));
  CHECK_FALSE(OutputFile::open(folder.file("circle")));
}

TEST_CASE("tools: a pipe, a device and an open descriptor are written directly") {
  const TempDir folder;
  std::array<int, 2> ends{};
  REQUIRE(::pipe2(ends.data(), O_CLOEXEC) == 0);
  CHECK(write_to("/dev/fd/" + std::to_string(ends[1]), "piped"));
  std::array<char, 10> text{};
  CHECK(::read(ends[0], text.data(), text.size()) == 5);
  CHECK(std::string_view(text.data(), 5) == "piped");
  for (const int end : ends)
    ::close(end);
  CHECK(write_to("/dev/null", "gone"));
  REQUIRE_FALSE(write_to("/dev/full", "x"));
  // The file behind a descriptor stays the same: somebody else may write to it, too.
  const std::string path = folder.file("results");
  const int open = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  REQUIRE(open >= 0);
  CHECK(write_to("/proc/self/fd/" + std::to_string(open), "direct"));
  CHECK(::pread(open, text.data(), text.size(), 0) == 6);
  ::close(open);
  CHECK(names_in(folder.path()) == std::vector<std::string>{"results"});
}

}  // namespace
}  // namespace shardwright
