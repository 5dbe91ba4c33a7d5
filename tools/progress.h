// Progress on the error stream: one line that is redrawn on a terminal, or a line a second.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

#include "shardwright/progress.h"
#include "tools/terminal.h"

namespace shardwright {

enum class ProgressMode : std::uint8_t { kAuto, kPlain, kNone };

class ProgressView {
 public:
  // kAuto draws where the error stream is a terminal; `quiet` silences it, kPlain does not obey.
  ProgressView(const Terminal& terminal, ProgressMode mode, bool quiet);
  ProgressView(const ProgressView&) = delete;
  ProgressView& operator=(const ProgressView&) = delete;
  ~ProgressView() { clear(); }

  // For a job: shows its progress, and stops it on a signal. Lives as long as this.
  [[nodiscard]] Monitor monitor();

  // What `show` writes at that time, or nothing where it is too early for another line.
  [[nodiscard]] std::string line_at(const Progress& progress,
                                    std::chrono::steady_clock::time_point now);
  // Wipes the line, so that results can be printed.
  void clear();

 private:
  int descriptor_;
  int width_;  // 0: plain lines
  bool active_;
  bool drawn_{};
  std::chrono::steady_clock::time_point next_;
};

}  // namespace shardwright
