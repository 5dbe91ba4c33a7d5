#include "merge/kept_mask.h"

#include <atomic>

namespace shardwright {
namespace {

std::atomic<std::uint64_t> bytes_taken{};

constexpr std::uint64_t kBits = 8;

std::uint64_t bytes_of_line(std::uint64_t elements, std::uint64_t chunk) {
  const std::uint64_t chunks = elements / chunk;
  const auto bytes_for = [](std::uint64_t count) { return (count + kBits - 1) / kBits; };
  return chunks * bytes_for(chunk) + bytes_for(elements % chunk);
}

}  // namespace

KeptMask::KeptMask(std::uint64_t elements, std::size_t chunk, std::size_t lines)
    : chunk_(chunk), line_bytes_(bytes_of_line(elements, chunk)), bytes_(line_bytes_ * lines) {}

KeptMask::~KeptMask() {
  if (bits_) bytes_taken -= bytes_;
}

void KeptMask::take_room() {
  if (bytes_ > kKeptMaskBytes) return;
  if (bytes_taken.fetch_add(bytes_) > kKeptMaskBytes - bytes_) {
    bytes_taken -= bytes_;
    return;
  }
  // Every byte is written before it is read.
  bits_ = std::make_unique_for_overwrite<std::uint8_t[]>(bytes_);
}

std::uint8_t* KeptMask::bits_at(std::size_t line, std::uint64_t first) const {
  return bits_.get() + line * line_bytes_ + first / chunk_ * ((chunk_ + kBits - 1) / kBits);
}

void KeptMask::note(std::size_t line, std::uint64_t first, std::span<const float> values) {
  std::call_once(asked_, [this] { take_room(); });
  if (bits_) kernel::note_nonzero(values.data(), values.size(), bits_at(line, first));
}

bool KeptMask::recall(std::size_t line, std::uint64_t first, std::span<float> values) const {
  if (!bits_) return false;
  kernel::keep_noted(values.data(), values.size(), bits_at(line, first));
  return true;
}

}  // namespace shardwright
