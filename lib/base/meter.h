// Counts the bytes of long work for a Monitor: from many threads, reported a few times a second.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <mutex>
#include <string>

#include "shardwright/progress.h"

namespace shardwright {

class Meter {
 public:
  // `monitor` must outlive the meter.
  Meter(const Monitor& monitor, std::string what, std::uint64_t total);

  void add(std::uint64_t bytes);

  [[nodiscard]] bool stopped() const { return monitor_.stopped(); }

 private:
  const Monitor& monitor_;
  std::mutex mutex_;  // over progress_ and next_, and around the callback
  Progress progress_;
  std::chrono::steady_clock::time_point next_{};
  std::atomic<std::uint64_t> done_{};
};

}  // namespace shardwright
