// The command over pipes and temporary files.
#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include "support/temp_dir.h"
#include "tools/command.h"
#include "tools/progress.h"
#include "tools/read_file.h"

namespace shardwright {
namespace {

namespace fs = std::filesystem;

struct Run {
  int code{};
  std::string out{}, err{};
};

Run run(const std::vector<std::string>& words) {
  const test::TempDir folder;
  const int out = ::open(folder.file("out").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  const int err = ::open(folder.file("err").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  Terminal terminal(out, err);
  Run result{.code = run_command_line(words, terminal)};
  ::close(out);
  ::close(err);
  result.out = test::read_file(folder.file("out"));
  result.err = test::read_file(folder.file("err"));
  return result;
}

}  // namespace

TEST_CASE("tools: every command has a help page with an example of it") {
  CHECK(run({"--help"}).code == 0);
  for (const Command* command : command_table()) {
    const Run help = run({std::string(command->name), "anything", "--help"});
    CHECK(help.code == 0);
    CHECK(help.err.empty());
    CHECK(help.out.starts_with("shardwright " + std::string(command->name) + ": "));
    CHECK(help.out.find("\n  shardwright " + std::string(command->name) + " ") !=
          std::string::npos);
    CHECK(run({"help", std::string(command->name)}).out == help.out);
    CHECK(run({"--help"}).out.find("\n  " + std::string(command->name) + " ") != std::string::npos);
  }
}

TEST_CASE("tools: without a command the help is printed and nothing was done") {
  const Run bare = run({});
  CHECK(bare.code == 2);
  CHECK(bare.out == run({"--help"}).out);
}

TEST_CASE("tools: an unknown command suggests the nearest") {
  const Run unknown = run({"chekc", "m"});
  CHECK(unknown.code == 2);
  CHECK(unknown.out.empty());
  CHECK(unknown.err ==
        "shardwright: error: unknown command 'chekc'; did you mean 'check'?\n"
        "shardwright: see 'shardwright --help'\n");
}

TEST_CASE("tools: output that cannot be written is never success") {
  const int full = ::open("/dev/full", O_WRONLY | O_CLOEXEC);
  REQUIRE(full >= 0);
  std::array<int, 2> err{};
  REQUIRE(::pipe2(err.data(), O_CLOEXEC) == 0);
  Terminal terminal(full, err[1]);
  CHECK(run_command_line(std::vector<std::string>{"--version"}, terminal) == 2);
  std::array<char, 200> text{};
  const ssize_t length = ::read(err[0], text.data(), text.size());
  CHECK(std::string(text.data(), static_cast<std::size_t>(length)) ==
        "shardwright: error: cannot write to standard output: No space left on device\n");
  for (const int descriptor : {full, err[0], err[1]})
    ::close(descriptor);
}

TEST_CASE("tools: names are read a line each, and only their line end is cut") {
  const test::TempDir folder;
  const std::string path = folder.file("list");
  test::write_file(path, "a\n\n b c \r\nlast");
  std::vector<std::string> names = {"first"};
  CHECK(read_names(path, names));
  CHECK(names == std::vector<std::string>{"first", "a", " b c ", "last"});
  const Status absent = read_names(folder.file("absent"), names);
  REQUIRE(!absent);
  CHECK(absent.error().message ==
        "cannot read '" + folder.file("absent") + "': No such file or directory");
}

TEST_CASE("tools: plain progress is a line a second") {
  using std::chrono::milliseconds;
  std::array<int, 2> pipe{};
  REQUIRE(::pipe2(pipe.data(), O_CLOEXEC) == 0);
  const Terminal terminal(pipe[1], pipe[1]);
  ProgressView view(terminal, ProgressMode::kPlain, true);
  const auto start = std::chrono::steady_clock::now();
  const Progress progress{.what = "checking", .done = 1, .total = 4};
  CHECK(view.line_at(progress, start).empty());
  CHECK(view.line_at(progress, start + milliseconds(1100)) ==
        "checking: 25%, 1 bytes of 4 bytes\n");
  CHECK(view.line_at(progress, start + milliseconds(2000)).empty());
  CHECK(!view.line_at(progress, start + milliseconds(2200)).empty());
  // A pipe is no terminal: no one watches.
  CHECK(!ProgressView(terminal, ProgressMode::kAuto, false).monitor().report);
  CHECK(ProgressView(terminal, ProgressMode::kPlain, false).monitor().stop != nullptr);
  ::close(pipe[0]);
  ::close(pipe[1]);
}

}  // namespace shardwright
