#include "tools/progress.h"

#include "report/words.h"
#include "tools/signals.h"

namespace shardwright {
namespace {

// Short work shows nothing; then a few times a second, or once.
constexpr std::chrono::milliseconds kFirstDrawn{300};
constexpr std::chrono::milliseconds kNextDrawn{100};
constexpr std::chrono::seconds kPlain{1};

constexpr std::string_view kWipe = "\r\x1b[K";

}  // namespace

ProgressView::ProgressView(const Terminal& terminal, ProgressMode mode, bool quiet)
    : descriptor_(terminal.error_descriptor()),
      width_(mode == ProgressMode::kAuto ? terminal.error_stream().width : 0),
      active_(mode == ProgressMode::kPlain ||
              (mode == ProgressMode::kAuto && terminal.error_stream().terminal && !quiet)),
      next_(std::chrono::steady_clock::now()) {
  if (width_ > 0) {
    next_ += kFirstDrawn;
  } else {
    next_ += kPlain;
  }
}

Monitor ProgressView::monitor() {
  Monitor monitor{.report = {}, .stop = &stop_wanted()};
  if (active_) {
    monitor.report = [this](const Progress& progress) {
      const std::string line = line_at(progress, std::chrono::steady_clock::now());
      if (!line.empty()) (void)write_all(descriptor_, line);
    };
  }
  return monitor;
}

std::string ProgressView::line_at(const Progress& progress,
                                  std::chrono::steady_clock::time_point now) {
  if (now < next_) return {};
  if (width_ == 0) {
    next_ = now + kPlain;
    return progress_text(progress, 0) + "\n";
  }
  next_ = now + kNextDrawn;
  drawn_ = true;
  return std::string(kWipe) + progress_text(progress, static_cast<std::size_t>(width_) - 1);
}

void ProgressView::clear() {
  if (drawn_) (void)write_all(descriptor_, kWipe);
  drawn_ = false;
}

}  // namespace shardwright
