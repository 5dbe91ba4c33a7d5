#include "checkpoint/assembled.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include <fmt/format.h>

#include "base/checked.h"
#include "base/try.h"
#include "base/units.h"
#include "base/utf8.h"

namespace shardwright {
namespace {

// A band of columns is read at once, row by row; it may be this large, and so many are kept.
constexpr std::uint64_t kBandBytes = 4 * kMiB;
constexpr std::size_t kBands = 2;

// The matrices of a tensor: its last two extents, and bytes of an element.
struct Matrices {
  explicit Matrices(const Tensor& of)
      : rows(of.shape[of.shape.size() - 2]),
        columns(of.shape[of.shape.size() - 1]),
        width(dtype_bits(of.dtype) / 8) {}

  std::uint64_t rows, columns, width;

  [[nodiscard]] std::uint64_t matrix_bytes() const { return rows * columns * width; }
  [[nodiscard]] std::uint64_t column_bytes() const { return rows * width; }
  [[nodiscard]] std::uint64_t band_columns() const {
    return std::max<std::uint64_t>(1, kBandBytes / column_bytes());
  }
};

Error refused(std::string message) {
  return {ErrorCode::kInvalidArgument, std::move(message)};
}

}  // namespace

// Some columns of a matrix, one after the other: rows of the transposed one.
struct AssembledSource::Band {
  const Tensor* tensor{};
  std::uint64_t matrix{};
  std::uint64_t begin{};  // column
  std::vector<std::byte> bytes{};
};

Result<TensorPart> in_bytes(TensorPart elements) {
  const Tensor& source = *elements.source;
  const std::uint64_t bits = dtype_bits(source.dtype);
  for (std::uint64_t* number : {&elements.from, &elements.to, &elements.bytes, &elements.stride}) {
    const auto all = checked_mul(*number, bits);
    if (!all || *all % 8 != 0) {
      return refused(fmt::format("{} elements of {} are no whole number of bytes", *number,
                                 quoted(source.name)));
    }
    *number = *all / 8;
  }
  const auto end = checked_mul(elements.rows, elements.bytes);
  if (elements.from > source.bytes || !end || *end > source.bytes - elements.from) {
    return refused(fmt::format("{} has shape {}, which is too small for the part that is wanted",
                               quoted(source.name), shape_text(source.shape)));
  }
  if (elements.transposed && (source.shape.size() < 2 || bits % 8 != 0))
    return refused(fmt::format("{} cannot be transposed", quoted(source.name)));
  return elements;
}

AssembledSource::AssembledSource(std::vector<TensorPart> parts, std::uint64_t bytes)
    : parts_(std::move(parts)), bytes_(bytes) {}

AssembledSource::~AssembledSource() = default;

Status AssembledSource::read(std::uint64_t offset, MutableBytes into) const {
  if (offset > bytes_ || into.size() > bytes_ - offset)
    return Error{ErrorCode::kIo, "a read past the end of a tensor made of parts"};
  for (const TensorPart& part : parts_)
    SW_TRY_OK(read_part(part, offset, into));
  return ok();
}

// What this part has of [from, from + into.size()).
Status AssembledSource::read_part(const TensorPart& part, std::uint64_t from,
                                  MutableBytes into) const {
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

// From byte `from` of the tensor with its last two extents swapped.
Status AssembledSource::read_transposed(const Tensor& tensor, std::uint64_t from,
                                        MutableBytes into) const {
  const Matrices all(tensor);
  while (!into.empty()) {
    const std::uint64_t inside = from % all.matrix_bytes();
    const std::uint64_t column = inside / all.column_bytes();
    SW_TRY(const auto found, band(tensor, from / all.matrix_bytes(), column));
    const std::uint64_t skip = inside - found->begin * all.column_bytes();
    const MutableBytes part =
        into.first(std::min<std::uint64_t>(into.size(), found->bytes.size() - skip));
    std::memcpy(part.data(), found->bytes.data() + skip, part.size());
    into = into.subspan(part.size());
    from += part.size();
  }
  return ok();
}

// The band of the matrix that holds the column.
Result<std::shared_ptr<const AssembledSource::Band>> AssembledSource::band(
    const Tensor& tensor, std::uint64_t matrix, std::uint64_t column) const {
  const Matrices all(tensor);
  const std::uint64_t begin = column / all.band_columns() * all.band_columns();
  const std::uint64_t count = std::min(all.band_columns(), all.columns - begin);
  // Whoever wants a neighbour waits for it rather than reading it again.
  const std::scoped_lock lock(mutex_);
  const auto known = std::ranges::find_if(bands_, [&](const auto& band) {
    return band->tensor == &tensor && band->matrix == matrix && band->begin == begin;
  });
  if (known != bands_.end()) return *known;
  auto made = std::make_shared<Band>(Band{.tensor = &tensor, .matrix = matrix, .begin = begin});
  made->bytes.resize(count * all.column_bytes());
  std::vector<std::byte> row(count * all.width);
  for (std::uint64_t r = 0; r < all.rows; ++r) {
    SW_TRY_OK(
        tensor.read(matrix * all.matrix_bytes() + (r * all.columns + begin) * all.width, row));
    for (std::uint64_t c = 0; c < count; ++c) {
      std::memcpy(made->bytes.data() + (c * all.rows + r) * all.width, row.data() + c * all.width,
                  all.width);
    }
  }
  if (bands_.size() == kBands) bands_.erase(bands_.begin());
  bands_.push_back(made);
  return std::shared_ptr<const Band>(std::move(made));
}

}  // namespace shardwright
