// A main() for benchmarks that ends with ratios: each benchmark "group/ours" against every other of
// its group, in processor time of the same run.
#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include <benchmark/benchmark.h>
#include <fmt/format.h>

namespace shardwright {

class RatioReporter final : public benchmark::ConsoleReporter {
 public:
  void ReportRuns(const std::vector<Run>& runs) override {
    for (const Run& run : runs) {
      const std::string name = run.run_name.function_name;
      const std::size_t slash = name.find('/');
      if (run.run_type != Run::RT_Iteration || slash == std::string::npos) continue;
      double& best = times_[name.substr(0, slash)][name.substr(slash + 1)];
      const double time = run.GetAdjustedCPUTime();
      if (best == 0 || time < best) best = time;
    }
    ConsoleReporter::ReportRuns(runs);
  }

  void print_ratios() const {
    for (const auto& [group, members] : times_) {
      const auto ours = members.find("ours");
      if (ours == members.end()) continue;
      for (const auto& [peer, time] : members) {
        if (peer != "ours") fmt::print("{}: {:.2f} of {}\n", group, ours->second / time, peer);
      }
    }
  }

 private:
  std::map<std::string, std::map<std::string, double>> times_;  // the best of each
};

inline int run_benchmarks(int argc, char** argv) {
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 2;
  RatioReporter reporter;
  benchmark::RunSpecifiedBenchmarks(&reporter);
  reporter.print_ratios();
  return 0;
}

}  // namespace shardwright
