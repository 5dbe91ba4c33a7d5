#include "repair/transpose.h"

#include <algorithm>
#include <cstring>
#include <vector>

#include "base/try.h"

namespace shardwright {
namespace {

// A band of columns is read at once, row by row; it may be this large.
constexpr std::uint64_t kBandBytes = 4 * 1024 * 1024;

struct Matrices {
  const Tensor* tensor{};
  std::uint64_t from{};                      // byte of the tensor where the first one begins
  std::uint64_t rows{}, columns{}, width{};  // extents, and bytes of an element

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
    const std::uint64_t at =
        all.from + m * all.matrix_bytes() + (r * all.columns + begin) * all.width;
    SW_TRY_OK(all.tensor->read(at, row));
    for (std::uint64_t c = 0; c < count; ++c) {
      std::memcpy(band.data() + (c * all.rows + r) * all.width, row.data() + c * all.width,
                  all.width);
    }
  }
  return ok();
}

Status read_transposed(const Matrices& all, std::uint64_t from, MutableBytes into) {
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

}  // namespace

PlannedFile::Producer transposed(const DraftPart& part) {
  const ShapeView shape = part.source->shape;
  const Matrices all{.tensor = part.source,
                     .from = part.from,
                     .rows = shape[shape.size() - 2],
                     .columns = shape[shape.size() - 1],
                     .width = dtype_bits(part.source->dtype) / 8};
  return [all](std::uint64_t from, MutableBytes into) { return read_transposed(all, from, into); };
}

}  // namespace shardwright
