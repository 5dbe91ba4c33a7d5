#include "merge/assemble.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "base/try.h"
#include "base/utf8.h"
#include "checkpoint/assembled.h"
#include "merge/computed.h"
#include "merge/kernels.h"
#include "merge/read_floats.h"

namespace shardwright {
namespace {

// A tensor as F32.
class FloatSource final : public ByteSource {
 public:
  explicit FloatSource(const Tensor& tensor)
      : tensor_(tensor), elements_(element_count(tensor.shape).value_or(0)) {}

  [[nodiscard]] std::uint64_t size() const override { return elements_ * sizeof(float); }
  [[nodiscard]] Status read(std::uint64_t offset, MutableBytes into) const override {
    return read_computed(elements_, offset, into,
                         [this](std::uint64_t first, std::size_t count, float* to) {
                           std::vector<std::byte> raw;
                           return read_floats(tensor_, first, {to, count}, raw);
                         });
  }

 private:
  Tensor tensor_;
  std::uint64_t elements_{};
};

// Owns the tensors that its parts point to.
class JoinedSource final : public ByteSource {
 public:
  JoinedSource(std::vector<Tensor> stored, std::vector<TensorPart> parts, std::uint64_t bytes)
      : stored_(std::move(stored)), source_(pointed(std::move(parts)), bytes) {}

  [[nodiscard]] std::uint64_t size() const override { return source_.size(); }
  [[nodiscard]] Status read(std::uint64_t offset, MutableBytes into) const override {
    return source_.read(offset, into);
  }

 private:
  // Part i is of stored tensor i.
  [[nodiscard]] std::vector<TensorPart> pointed(std::vector<TensorPart> parts) const {
    for (std::size_t i = 0; i < parts.size(); ++i)
      parts[i].source = &stored_[i];
    return parts;
  }

  std::vector<Tensor> stored_;
  AssembledSource source_;
};

Result<Tensor> widened(Tensor tensor, OwnedSources& sources) {
  if (!kernel::is_float(tensor.dtype)) {
    return Error{ErrorCode::kInvalidArgument,
                 fmt::format("{} is {}, and other parts of one tensor are not", quoted(tensor.name),
                             dtype_name(tensor.dtype))};
  }
  if (tensor.dtype == DType::kF32) return tensor;
  auto source = std::make_shared<FloatSource>(tensor);
  tensor.dtype = DType::kF32;
  tensor.source = source.get();
  tensor.offset = 0;
  tensor.bytes = source->size();
  sources.push_back(std::move(source));
  return tensor;
}

}  // namespace

ViewPart whole_part(const ViewTensor& tensor, std::uint64_t to) {
  return {.tensor = &tensor, .to = to, .length = element_count(tensor.tensor.shape).value_or(0)};
}

Result<ViewTensor> assemble(std::string_view name, ShapeView shape, std::span<const ViewPart> parts,
                            OwnedSources& sources) {
  const bool mixed = std::ranges::any_of(parts, [&](const ViewPart& part) {
    return part.tensor->tensor.dtype != parts.front().tensor->tensor.dtype;
  });
  ViewTensor made = *parts.front().tensor;
  made.tensor.name = name;
  made.tensor.shape = shape;
  made.stored_names.clear();
  std::vector<Tensor> stored;
  std::vector<TensorPart> pieces;
  double read = 0;
  for (const ViewPart& part : parts) {
    Tensor tensor = part.tensor->tensor;
    made.stored_names.push_back(tensor.name);
    if (mixed) {
      SW_TRY(tensor, widened(tensor, sources));
    }
    SW_TRY(TensorPart piece, in_bytes({.source = &tensor,
                                       .from = part.from,
                                       .to = part.to,
                                       .bytes = part.length,
                                       .rows = part.rows,
                                       .stride = part.stride,
                                       .transposed = part.transposed}));
    const double share = static_cast<double>(piece.rows * piece.bytes) /
                         static_cast<double>(std::max<std::uint64_t>(1, tensor.bytes));
    read += share * static_cast<double>(part.tensor->read_bytes);
    pieces.push_back(piece);
    stored.push_back(tensor);
    made.adapted = made.adapted || part.tensor->adapted;
  }
  made.tensor.dtype = stored.front().dtype;
  made.tensor.bytes = size_in_bytes(made.tensor.dtype, shape).value_or(0);
  auto source =
      std::make_shared<JoinedSource>(std::move(stored), std::move(pieces), made.tensor.bytes);
  made.tensor.source = source.get();
  made.tensor.offset = 0;
  made.tensor.readable = true;
  made.read_bytes = static_cast<std::uint64_t>(read);
  sources.push_back(std::move(source));
  return made;
}

}  // namespace shardwright
