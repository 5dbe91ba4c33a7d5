#include "merge/row_source.h"

#include <algorithm>
#include <cstring>
#include <mutex>
#include <utility>

#include "base/try.h"
#include "base/units.h"
#include "merge/kernels.h"
#include "merge/read_floats.h"

namespace shardwright {
namespace {

constexpr std::uint64_t kPart = 64 * kKiB / sizeof(float);  // elements that are converted at once

std::uint64_t width_of(DType dtype) {
  return dtype_bits(dtype) / 8;
}

}  // namespace

struct RowSource::State {
  RowGather gather{};
  Tensor like{};
  Shape shape{};
  DType dtype{};
  std::uint64_t row{};  // elements
  // The row of padding, once one was asked for.
  std::once_flag once{};
  std::vector<float> padding{};
  Status padding_status = ok();

  [[nodiscard]] const std::vector<TokenRow>& rows() const {
    return gather.tokens->inputs[gather.input];
  }

  [[nodiscard]] float rounded(float value) const {
    return gather.round_to ? kernel::rounded_to(*gather.round_to, value) : value;
  }

  // How many rows from `at` on, up to `most`, lie one behind the other in one matrix.
  [[nodiscard]] std::uint64_t run(std::uint64_t at, std::uint64_t most) const {
    const TokenRow& first = rows()[at];
    std::uint64_t count = 1;
    if (first.kind != TokenRow::Kind::kRow) return count;
    while (count < most) {
      const TokenRow& next = rows()[at + count];
      if (next.kind != TokenRow::Kind::kRow || next.place.model != first.place.model ||
          next.place.row != first.place.row + count)
        break;
      ++count;
    }
    return count;
  }

  // Elements [first, first + into.size()) of a row that is no stored one.
  Status compute(const TokenRow& which, std::uint64_t first, std::span<float> into) {
    std::ranges::fill(into, 0.0F);
    if (which.kind == TokenRow::Kind::kZero) return ok();
    if (which.kind == TokenRow::Kind::kPadding) {
      std::call_once(once, [this] { padding_status = average(); });
      SW_TRY_OK(padding_status);
      std::copy_n(padding.begin() + static_cast<std::ptrdiff_t>(first), into.size(), into.begin());
      return ok();
    }
    return mean(gather.tokens->means[which.place.row], first, into);
  }

  [[nodiscard]] Status mean(const std::vector<RowPlace>& of, std::uint64_t first,
                            std::span<float> into) const {
    std::vector<float> part(into.size());
    std::vector<double> sums(into.size());
    std::vector<std::byte> raw;
    for (const RowPlace& place : of) {
      SW_TRY_OK(read_floats(gather.matrices[place.model], place.row * row + first, part, raw));
      for (std::size_t i = 0; i < part.size(); ++i)
        sums[i] =
            gather.round_to ? rounded(static_cast<float>(sums[i]) + part[i]) : sums[i] + part[i];
    }
    for (std::size_t i = 0; i < part.size(); ++i) {
      const double value = sums[i] / static_cast<double>(of.size());
      into[i] = rounded(static_cast<float>(value));
    }
    return ok();
  }

  // The mean of the rows of all tokens.
  Status average() {
    std::vector<double> sums(row);
    std::vector<float> part(std::min(row, kPart));
    std::uint64_t count = 0;
    for (std::uint64_t at = 0; at < rows().size(); ++at) {
      if (rows()[at].kind == TokenRow::Kind::kPadding) continue;
      ++count;
      for (std::uint64_t first = 0; first < row; first += part.size()) {
        const auto piece = std::span(part).first(std::min<std::uint64_t>(part.size(), row - first));
        SW_TRY_OK(floats(at, first, piece));
        for (std::size_t i = 0; i < piece.size(); ++i)
          sums[first + i] += piece[i];
      }
    }
    for (const double sum : sums)
      padding.push_back(rounded(
          static_cast<float>(sum / static_cast<double>(std::max<std::uint64_t>(count, 1)))));
    return ok();
  }

  // Elements of one row, whatever it is.
  Status floats(std::uint64_t at, std::uint64_t first, std::span<float> into) {
    const TokenRow& which = rows()[at];
    if (which.kind != TokenRow::Kind::kRow) return compute(which, first, into);
    std::vector<std::byte> raw;
    return read_floats(gather.matrices[which.place.model], which.place.row * row + first, into,
                       raw);
  }

  // Elements [first, first + count) of stored rows that lie one behind the other from `place` on.
  [[nodiscard]] Status copy(const RowPlace& place, std::uint64_t first, std::uint64_t count,
                            std::byte* into) const {
    const Tensor& from = gather.matrices[place.model];
    const std::uint64_t begin = place.row * row + first;
    if (from.dtype == dtype) {
      return from.read(begin * width_of(dtype), {into, count * width_of(dtype)});
    }
    std::vector<float> part(std::min(count, kPart));
    std::vector<std::byte> raw;
    for (std::uint64_t at = 0; at < count; at += part.size()) {
      const auto piece = std::span(part).first(std::min<std::uint64_t>(part.size(), count - at));
      SW_TRY_OK(read_floats(from, begin + at, piece, raw));
      kernel::encode(dtype, piece.data(), piece.size(), into + at * width_of(dtype));
    }
    return ok();
  }

  // Whole elements from `first` on.
  Status read(std::uint64_t first, std::uint64_t count, std::byte* into) {
    const std::uint64_t width = width_of(dtype);
    std::vector<float> part;
    while (count > 0) {
      const std::uint64_t at = first / row;
      const std::uint64_t inside = first % row;
      const TokenRow& which = rows()[at];
      std::uint64_t here = 0;
      if (which.kind == TokenRow::Kind::kRow) {
        const std::uint64_t most = std::min((inside + count + row - 1) / row, rows().size() - at);
        here = std::min(count, run(at, most) * row - inside);
        SW_TRY_OK(copy(which.place, inside, here, into));
      } else {
        here = std::min({count, row - inside, kPart});
        part.resize(here);
        SW_TRY_OK(compute(which, inside, part));
        kernel::encode(dtype, part.data(), here, into);
      }
      first += here;
      count -= here;
      into += here * width;
    }
    return ok();
  }
};

RowSource::RowSource(RowGather gather, const Tensor& like) : state_(std::make_unique<State>()) {
  State& state = *state_;
  state.gather = std::move(gather);
  state.like = like;
  state.shape.assign(like.shape.begin(), like.shape.end());
  state.shape.front() = state.rows().size();
  state.row = element_count(like.shape.subspan(1)).value_or(0);
  state.dtype = like.dtype;
  for (const TokenRow& row : state.rows()) {
    const bool stored = row.kind == TokenRow::Kind::kRow &&
                        state.gather.matrices[row.place.model].dtype == like.dtype;
    if (!stored && row.kind != TokenRow::Kind::kZero) state.dtype = DType::kF32;
  }
}

RowSource::~RowSource() = default;

std::uint64_t RowSource::size() const {
  return state_->rows().size() * state_->row * width_of(state_->dtype);
}

Tensor RowSource::tensor() const {
  Tensor tensor = state_->like;
  tensor.shape = state_->shape;
  tensor.dtype = state_->dtype;
  tensor.source = this;
  tensor.offset = 0;
  tensor.bytes = size();
  tensor.readable = true;
  return tensor;
}

Status RowSource::read(std::uint64_t offset, MutableBytes into) const {
  const std::uint64_t width = width_of(state_->dtype);
  if (offset > size() || into.size() > size() - offset)
    return Error{ErrorCode::kInvalidArgument, "a read beyond the end of a matrix of rows"};
  if (into.empty()) return ok();
  const std::uint64_t skip = offset % width;
  if (skip == 0 && into.size() % width == 0)
    return state_->read(offset / width, into.size() / width, into.data());
  // Parts of elements: only a copy of bytes asks for them.
  const std::uint64_t count = (skip + into.size() + width - 1) / width;
  std::vector<std::byte> whole(count * width);
  SW_TRY_OK(state_->read(offset / width, count, whole.data()));
  std::memcpy(into.data(), whole.data() + skip, into.size());
  return ok();
}

}  // namespace shardwright
