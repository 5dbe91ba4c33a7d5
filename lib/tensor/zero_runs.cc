#include "tensor/zero_runs.h"

#include <algorithm>
#include <cstddef>
#include <utility>

namespace shardwright {
namespace {

// Divides runs that are kept, so that none of them can lie between two looks.
constexpr std::size_t kLookBytes = kLeastZeroRun / 2;

std::size_t zeros_at_start(Bytes bytes) {
  std::size_t count = 0;
  while (bytes.size() - count >= 8 && load_u64(bytes.data() + count) == 0)
    count += 8;
  while (count < bytes.size() && bytes[count] == std::byte{0})
    ++count;
  return count;
}

std::size_t zeros_at_end(Bytes bytes) {
  std::size_t count = 0;
  while (count < bytes.size() && bytes[bytes.size() - 1 - count] == std::byte{0})
    ++count;
  return count;
}

}  // namespace

void ZeroRunReader::add(Bytes bytes) {
  while (!bytes.empty()) {
    const Bytes look = bytes.first(std::min(kLookBytes, bytes.size()));
    bytes = bytes.subspan(look.size());
    // Where no run is open that could be long with this, only its end counts.
    const bool starts = zeros_ > 0 || at_ == begin_ || look.front() == std::byte{0};
    const std::size_t leading = starts ? zeros_at_start(look) : 0;
    if (leading == look.size()) {
      zeros_ += leading;
    } else {
      zeros_ += leading;
      end_run(at_ + leading);
      zeros_ = zeros_at_end(look);
    }
    at_ += look.size();
  }
}

void ZeroRunReader::end_run(std::uint64_t to) {
  const bool touches = zeros_ > 0 && to - zeros_ == begin_;
  if (zeros_ >= kLeastZeroRun || touches) runs_.push_back({to - zeros_, to});
}

std::vector<ZeroRun> ZeroRunReader::take() {
  if (zeros_ > 0) runs_.push_back({at_ - zeros_, at_});
  return std::move(runs_);
}

std::vector<ZeroRun> join_zero_runs(std::span<const ZeroRun> parts) {
  std::vector<ZeroRun> runs;
  for (const ZeroRun& part : parts) {
    if (!runs.empty() && runs.back().to == part.from) {
      runs.back().to = part.to;
    } else {
      runs.push_back(part);
    }
  }
  std::erase_if(runs, [](const ZeroRun& run) { return run.to - run.from < kLeastZeroRun; });
  return runs;
}

}  // namespace shardwright
