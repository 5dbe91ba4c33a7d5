#include "pickle/strided.h"

#include <algorithm>
#include <cstring>
#include <vector>

#include "base/try.h"

namespace shardwright::pickle {
namespace {

constexpr std::size_t kPiece = 64U << 10U;       // elements that are gathered at once
constexpr std::uint64_t kGap = 4U << 10U;        // bytes that are rather read than jumped over
constexpr std::uint64_t kLongest = 256U << 10U;  // of one read

// An element: where it lies in the file, and its place among those that are gathered.
struct Wanted {
  std::uint64_t at{};
  std::size_t place{};
};

std::vector<Wanted> list_elements(const StoredTensor& tensor, std::uint64_t first,
                                  std::size_t count, std::uint64_t width) {
  std::vector<std::uint64_t> index(tensor.shape.size());
  std::uint64_t rest = first;
  std::uint64_t at = 0;
  for (std::size_t i = index.size(); i-- > 0;) {
    index[i] = rest % tensor.shape[i];
    rest /= tensor.shape[i];
    at += index[i] * tensor.strides[i];
  }
  std::vector<Wanted> wanted(count);
  for (std::size_t place = 0; place < count; ++place) {
    wanted[place] = {tensor.begin + at * width, place};
    for (std::size_t i = index.size(); i-- > 0;) {
      at += tensor.strides[i];
      if (++index[i] < tensor.shape[i]) break;
      at -= tensor.shape[i] * tensor.strides[i];
      index[i] = 0;
    }
  }
  std::ranges::sort(wanted, {}, &Wanted::at);
  return wanted;
}

Status gather(const ByteSource& source, const StoredTensor& tensor, std::uint64_t first,
              std::size_t count, std::uint64_t width, std::byte* to) {
  const std::vector<Wanted> wanted = list_elements(tensor, first, count, width);
  std::vector<std::byte> run;
  for (auto begin = wanted.begin(); begin != wanted.end();) {
    auto end = begin + 1;
    while (end != wanted.end() && end->at - (end - 1)->at <= kGap &&
           end->at + width - begin->at <= kLongest) {
      ++end;
    }
    run.resize((end - 1)->at + width - begin->at);
    SW_TRY_OK(source.read(begin->at, run));
    for (auto one = begin; one != end; ++one)
      std::memcpy(to + one->place * width, run.data() + (one->at - begin->at), width);
    begin = end;
  }
  return ok();
}

}  // namespace

Status read_elements(const ByteSource& source, const StoredTensor& tensor, std::uint64_t from,
                     MutableBytes into) {
  if (from > tensor.bytes || into.size() > tensor.bytes - from)
    return Error{ErrorCode::kInvalidArgument, "a read past the end of a tensor"};
  if (tensor.dense) return source.read(tensor.begin + from, into);
  const std::uint64_t width = dtype_bits(tensor.dtype) / 8;
  std::vector<std::byte> piece;
  while (!into.empty()) {
    const std::uint64_t first = from / width;
    const std::size_t skip = from % width;
    const std::size_t part = std::min<std::size_t>(into.size(), kPiece * width - skip);
    const std::size_t count = (skip + part + width - 1) / width;
    piece.resize(count * width);
    SW_TRY_OK(gather(source, tensor, first, count, width, piece.data()));
    std::memcpy(into.data(), piece.data() + skip, part);
    into = into.subspan(part);
    from += part;
  }
  return ok();
}

}  // namespace shardwright::pickle
