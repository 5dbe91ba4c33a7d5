#include "repair/assemble.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "base/try.h"
#include "base/units.h"

namespace shardwright {
namespace {

// A band of columns is read at once, row by row; it may be this large.
constexpr std::uint64_t kBandBytes = 4 * kMiB;

// The matrices of a tensor: its last two extents, and bytes of an element.
struct Matrices {
  explicit Matrices(const Tensor& of)
      : tensor(of),
        rows(of.shape[of.shape.size() - 2]),
        columns(of.shape[of.shape.size() - 1]),
        width(dtype_bits(of.dtype) / 8) {}

  const Tensor& tensor;
  std::uint64_t rows, columns, width;

  [[nodiscard]] std::uint64_t matrix_bytes() const { return rows * columns * width; }
  [[nodiscard]] std::uint64_t column_bytes() const { return rows * width; }
};

// Columns [begin, end) of matrix `m`, one after the other: rows of the transposed one.
Status read_band(const Matrices& all, std::uint64_t m, std::uint64_t begin, std::uint64_t end,
                 std::vector<std::byte>& row, std::vector<std::byte>& band) {
  const std::uint64_t count = end - begin;
  row.resize(count * all.width);
  band.resize(count * all.column_bytes());
  for (std::uint64_t r = 0; r < all.rows; ++r) {
    SW_TRY_OK(all.tensor.read(m * all.matrix_bytes() + (r * all.columns + begin) * all.width, row));
    for (std::uint64_t c = 0; c < count; ++c) {
      std::memcpy(band.data() + (c * all.rows + r) * all.width, row.data() + c * all.width,
                  all.width);
    }
  }
  return ok();
}

// From byte `from` of the tensor with its last two extents swapped.
Status read_transposed(const Tensor& tensor, std::uint64_t from, MutableBytes into) {
  const Matrices all(tensor);
  std::vector<std::byte> row;
  std::vector<std::byte> band;
  const std::uint64_t most = std::max<std::uint64_t>(1, kBandBytes / all.column_bytes());
  while (!into.empty()) {
    const std::uint64_t m = from / all.matrix_bytes();
    const std::uint64_t inside = from % all.matrix_bytes();
    const std::uint64_t begin = inside / all.column_bytes();
    const std::uint64_t wanted =
        (inside % all.column_bytes() + into.size() + all.column_bytes() - 1) / all.column_bytes();
    const std::uint64_t end = std::min({all.columns, begin + wanted, begin + most});
    SW_TRY_OK(read_band(all, m, begin, end, row, band));
    const std::uint64_t skip = inside - begin * all.column_bytes();
    const MutableBytes part = into.first(std::min<std::uint64_t>(into.size(), band.size() - skip));
    std::memcpy(part.data(), band.data() + skip, part.size());
    into = into.subspan(part.size());
    from += part.size();
  }
  return ok();
}

// What this part has of [from, from + into.size()).
Status read_part(const DraftPart& part, std::uint64_t from, MutableBytes into) {
  const std::uint64_t end = from + into.size();
  std::uint64_t r = 0;
  if (part.rows > 1 && from >= part.to + part.bytes) {
    r = (from - part.to - part.bytes) / part.stride + 1;  // runs before it end before `from`
  }
  for (; r < part.rows; ++r) {
    const std::uint64_t begin = part.to + r * part.stride;
    if (begin >= end) return ok();
    const std::uint64_t first = std::max(from, begin);
    const std::uint64_t last = std::min(end, begin + part.bytes);
    if (first >= last) continue;
    const std::uint64_t at = part.from + r * part.bytes + (first - begin);
    const MutableBytes run = into.subspan(first - from, last - first);
    SW_TRY_OK(part.transposed ? read_transposed(*part.source, at, run)
                              : part.source->read(at, run));
  }
  return ok();
}

}  // namespace

PlannedFile::Producer assembled(std::vector<DraftPart> parts) {
  return [parts = std::move(parts)](std::uint64_t from, MutableBytes into) -> Status {
    for (const DraftPart& part : parts)
      SW_TRY_OK(read_part(part, from, into));
    return ok();
  };
}

}  // namespace shardwright
