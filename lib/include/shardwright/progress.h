// Progress of long work, and how to stop it.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <string>

namespace shardwright {

struct Progress {
  std::string what{};     // "checking", "copying model-00001-of-00002.safetensors"
  std::uint64_t done{};   // bytes
  std::uint64_t total{};  // bytes; 0: not known
};

// Shared by a job and its caller. The callback comes from any thread, one at a time, at most a few
// times a second. A job that sees `stop` ends with kInterrupted and leaves nothing behind.
struct Monitor {
  std::function<void(const Progress&)> report{};
  const std::atomic<bool>* stop{};

  [[nodiscard]] bool stopped() const {
    return stop != nullptr && stop->load(std::memory_order_relaxed);
  }
};

}  // namespace shardwright
