#include "base/meter.h"

#include <utility>

namespace shardwright {

Meter::Meter(const Monitor& monitor, std::string what, std::uint64_t total)
    : monitor_(monitor), progress_{.what = std::move(what), .total = total} {}

void Meter::add(std::uint64_t bytes) {
  const std::uint64_t done = done_.fetch_add(bytes, std::memory_order_relaxed) + bytes;
  if (!monitor_.report) return;
  const bool last = done == progress_.total;
  // Whoever finds the lock taken goes on working: the next report will count its bytes too.
  std::unique_lock lock(mutex_, std::defer_lock);
  if (last) {
    lock.lock();
  } else if (!lock.try_lock()) {
    return;
  }
  const auto now = std::chrono::steady_clock::now();
  if (!last && now < next_) return;
  next_ = now + std::chrono::milliseconds(200);
  progress_.done = done_.load(std::memory_order_relaxed);
  monitor_.report(progress_);
}

}  // namespace shardwright
