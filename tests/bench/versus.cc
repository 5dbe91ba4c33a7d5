// Runs two commands in turn and prints one line: median times, the ratio, and the memory of the
// first.
//
//   versus [--runs N] [--before CMD] [--limit R] LABEL OURS [PEER]
//
// Commands are lines for the shell. Each pair of runs gives one ratio of wall times, and the median
// of those is printed: a machine whose speed drifts changes both. `--before` runs, untimed, before
// each of them. `--limit` is the ratio (without PEER: the seconds) that is aimed at; it is only
// printed.
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

namespace {

struct Run {
  double wall{};  // seconds
  double cpu{};
  double megabytes{};  // ru_maxrss: of the largest process
};

double seconds(const timeval& time) {
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
}

Run run(const std::string& command) {
  const auto start = std::chrono::steady_clock::now();
  const pid_t child = fork();
  if (child == 0) {
    // What the programs print is the same in every run, and hides the rows.
    if (std::freopen("/dev/null", "w", stdout) == nullptr) _exit(127);
    execl("/bin/sh", "sh", "-c", command.c_str(), static_cast<char*>(nullptr));
    _exit(127);
  }
  int status = 0;
  rusage usage{};
  if (child < 0 || wait4(child, &status, 0, &usage) != child) {
    std::perror("versus");
    std::exit(2);
  }
  const std::chrono::duration<double> wall = std::chrono::steady_clock::now() - start;
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
    std::fprintf(stderr, "versus: failed (%d): %s\n", status, command.c_str());
    std::exit(2);
  }
  return {.wall = wall.count(),
          .cpu = seconds(usage.ru_utime) + seconds(usage.ru_stime),
          .megabytes = static_cast<double>(usage.ru_maxrss) * 1024 / 1e6};
}

double median(std::vector<double> values) {
  std::ranges::sort(values);
  return values[values.size() / 2];
}

double median(const std::vector<Run>& runs, double Run::* member) {
  std::vector<double> values;
  values.reserve(runs.size());
  for (const Run& one : runs)
    values.push_back(one.*member);
  return median(std::move(values));
}

}  // namespace

int main(int argc, char** argv) {
  int runs = 7;
  std::string before;
  std::string limit;
  std::vector<std::string> words;
  for (int i = 1; i < argc; ++i) {
    const std::string_view word = argv[i];
    const bool has_value = i + 1 < argc;
    if (word == "--runs" && has_value) {
      runs = std::max(1, std::atoi(argv[++i]));
    } else if (word == "--before" && has_value) {
      before = argv[++i];
    } else if (word == "--limit" && has_value) {
      limit = argv[++i];
    } else {
      words.emplace_back(word);
    }
  }
  if (words.size() != 2 && words.size() != 3) {
    std::fprintf(stderr, "usage: versus [--runs N] [--before CMD] [--limit R] LABEL OURS [PEER]\n");
    return 2;
  }

  std::vector<Run> ours;
  std::vector<Run> peer;
  std::vector<double> ratios;
  const auto timed = [&](const std::string& command) {
    if (!before.empty()) run(before);
    return run(command);
  };
  for (int i = -1; i < runs; ++i) {  // the first pair warms up
    const Run a = timed(words[1]);
    const Run b = words.size() == 3 ? timed(words[2]) : Run{};
    if (i < 0) continue;
    ours.push_back(a);
    peer.push_back(b);
    ratios.push_back(a.wall / b.wall);
  }

  std::printf("%-44s %8.3f s", words[0].c_str(), median(ours, &Run::wall));
  if (words.size() == 3) {
    std::printf(" %8.3f s %6.2f", median(peer, &Run::wall), median(ratios));
  } else {
    std::printf(" %10s %6s", "", "");
  }
  std::printf(" %8s %7.0f MB %8.3f s\n", limit.c_str(), median(ours, &Run::megabytes),
              median(ours, &Run::cpu));
  return 0;
}
