#include "tensor/zero_runs.h"

#include <algorithm>
#include <cstddef>
#include <utility>

namespace shardwright {
namespace {

// Divides runs that are kept, so that none of them can lie between two looks.
constexpr std::size_t kLookBytes = kLeastZeroRun / 2;

// Of eight bytes of a dtype.
std::uint64_t sign_bits(DType dtype) {
  switch (dtype) {
    case DType::kF16:
    case DType::kBF16:
      return 0x8000'8000'8000'8000;
    case DType::kF32:
      return 0x8000'0000'8000'0000;
    case DType::kF64:
      return 0x8000'0000'0000'0000;
    default:
      return 0;
  }
}

// Bytes that begin with an element.
struct Look {
  Bytes bytes{};
  std::uint64_t sign{};
  std::size_t period{};

  [[nodiscard]] bool is_zero(std::size_t at) const {
    const bool has_sign = sign != 0 && at % period == period - 1;
    return (bytes[at] & (has_sign ? std::byte{0x7F} : std::byte{0xFF})) == std::byte{0};
  }
  [[nodiscard]] std::size_t zeros_at_start() const {
    std::size_t count = 0;
    while (bytes.size() - count >= 8 && (load_u64(bytes.data() + count) & ~sign) == 0)
      count += 8;
    while (count < bytes.size() && is_zero(count))
      ++count;
    return count;
  }
  [[nodiscard]] std::size_t zeros_at_end() const {
    std::size_t count = 0;
    while (count < bytes.size() && is_zero(bytes.size() - 1 - count))
      ++count;
    return count;
  }
};

}  // namespace

ZeroRunReader::ZeroRunReader(std::uint64_t from, DType dtype)
    : begin_(from), at_(from), sign_(sign_bits(dtype)) {
  if (sign_ != 0) sign_period_ = dtype_bits(dtype) / 8;
}

void ZeroRunReader::add(Bytes bytes) {
  while (!bytes.empty()) {
    const Look look{.bytes = bytes.first(std::min(kLookBytes, bytes.size())),
                    .sign = sign_,
                    .period = sign_period_};
    const std::size_t size = look.bytes.size();
    bytes = bytes.subspan(size);
    // Where no run is open that could be long with this, only its end counts.
    const bool starts = zeros_ > 0 || at_ == begin_ || look.is_zero(0);
    const std::size_t leading = starts ? look.zeros_at_start() : 0;
    if (leading == size) {
      zeros_ += leading;
    } else {
      zeros_ += leading;
      end_run(at_ + leading);
      zeros_ = look.zeros_at_end();
    }
    at_ += size;
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
