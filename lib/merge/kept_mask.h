// Which elements of a tensor were kept, noted in the pass that measures what is kept and read when
// the result is computed: to find them again may cost as much as all else together.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <span>

namespace shardwright {

// Bytes of all masks of the process at most: enough for a 7B model's largest matrix of a layer with
// four models. Where a mask finds no room it notes nothing, and elements are found again.
inline constexpr std::uint64_t kKeptMaskBytes = std::uint64_t{24} << 20U;

// A bit an element, for each of `lines` tensors of `elements`. `chunk`: as note() and recall() see
// them, all but the last.
class KeptMask {
 public:
  KeptMask(std::uint64_t elements, std::size_t chunk, std::size_t lines);
  KeptMask(const KeptMask&) = delete;
  KeptMask& operator=(const KeptMask&) = delete;
  ~KeptMask();

  // Notes which values of the chunk that begins at `first` are not zero. From many threads, but of
  // each chunk of a line once.
  void note(std::size_t line, std::uint64_t first, std::span<const float> values);

  // Puts zeros where no element was noted; false where there was no room to note it. Once all
  // chunks are noted.
  bool recall(std::size_t line, std::uint64_t first, std::span<float> values) const;

  [[nodiscard]] std::uint64_t bytes() const { return bytes_; }

 private:
  [[nodiscard]] std::uint8_t* bits_at(std::size_t line, std::uint64_t first) const;
  void take_room();

  std::size_t chunk_;
  std::uint64_t line_bytes_;  // each chunk begins with a byte of its own
  std::uint64_t bytes_;
  std::once_flag asked_;
  std::unique_ptr<std::uint8_t[]> bits_;  // null: there was no room
};

namespace kernel {

// Bit i of `bits` is whether values[i] is not zero; and back, zeros where the bit is not set.
void note_nonzero(const float* values, std::size_t count, std::uint8_t* bits);
void keep_noted(float* values, std::size_t count, const std::uint8_t* bits);

}  // namespace kernel
}  // namespace shardwright
