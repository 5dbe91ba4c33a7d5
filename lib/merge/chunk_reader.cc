#include "merge/chunk_reader.h"

#include <algorithm>
#include <new>
#include <utility>

#include "base/try.h"
#include "base/units.h"
#include "merge/kernels.h"

namespace shardwright {
namespace {

constexpr std::size_t kLine = 64;  // bytes of a cache line, and of the widest vector

// Bytes of an input that are read at once: enough for the system call not to count, and so few that
// those of all inputs stay in the second-level cache.
constexpr std::uint64_t kRunBytes = 128 * kKiB;

// Elements of an input that are read at once, whole chunks, and bytes of an element of the widest.
struct Run {
  std::uint64_t elements{}, width{};
};
Run run_of(const PlannedTensor& tensor, std::uint64_t chunk) {
  std::uint64_t width = 1;
  for (const TensorInput& input : tensor.inputs)
    width = std::max<std::uint64_t>(width, dtype_bits(input.tensor.dtype) / 8);
  return {.elements = std::max<std::uint64_t>(1, kRunBytes / (chunk * width)) * chunk,
          .width = width};
}

}  // namespace

std::uint64_t workspace_bytes(const PlannedTensor& tensor, std::uint64_t chunk) {
  const Run run = run_of(tensor, chunk);
  const std::uint64_t inputs = tensor.inputs.size();
  return inputs * std::min(run.elements, tensor.elements) * run.width +
         (inputs + 1) * chunk * sizeof(float);
}

void Workspace::Free::operator()(float* memory) const {
  ::operator delete[](memory, std::align_val_t{kLine});
}

void Workspace::prepare(std::size_t inputs, std::size_t bytes, std::size_t chunk) {
  raw_bytes_ = (bytes + kLine - 1) / kLine * kLine;
  if (raw_.size() < inputs * raw_bytes_) raw_.resize(inputs * raw_bytes_);
  constexpr std::size_t kFloats = kLine / sizeof(float);
  stride_ = (chunk + kFloats - 1) / kFloats * kFloats;
  const std::size_t floats = (inputs + 1) * stride_;
  if (capacity_ < floats) {
    floats_.reset(
        static_cast<float*>(::operator new[](floats * sizeof(float), std::align_val_t{kLine})));
    capacity_ = floats;
  }
  pointers_.resize(inputs);
  for (std::size_t i = 0; i < inputs; ++i)
    pointers_[i] = values(i);
}

std::unique_ptr<Workspace> WorkspacePool::take() {
  const std::scoped_lock lock(mutex_);
  if (free_.empty()) return std::make_unique<Workspace>();
  std::unique_ptr<Workspace> space = std::move(free_.back());
  free_.pop_back();
  return space;
}

void WorkspacePool::give(std::unique_ptr<Workspace> space) {
  const std::scoped_lock lock(mutex_);
  free_.push_back(std::move(space));
}

Status for_chunks(const PlannedTensor& tensor, std::size_t chunk, std::uint64_t first,
                  std::uint64_t count, Workspace& space,
                  const std::function<void(const Chunk& chunk)>& body) {
  if (count == 0) return ok();
  const auto [run, width] = run_of(tensor, chunk);
  space.prepare(tensor.inputs.size(), std::min(run, tensor.elements) * width, chunk);

  const std::uint64_t end = std::min(tensor.elements, (first + count + chunk - 1) / chunk * chunk);
  for (std::uint64_t at = first / chunk * chunk; at < end; at += run) {
    const std::uint64_t elements = std::min(run, end - at);
    for (std::size_t i = 0; i < tensor.inputs.size(); ++i) {
      const Tensor& input = tensor.inputs[i].tensor;
      const std::uint64_t bytes = dtype_bits(input.dtype) / 8;
      SW_TRY_OK(input.read(at * bytes, space.raw(i).first(elements * bytes)));
    }
    for (std::uint64_t inside = 0; inside < elements; inside += chunk) {
      const std::uint64_t part = std::min<std::uint64_t>(chunk, elements - inside);
      for (std::size_t i = 0; i < tensor.inputs.size(); ++i) {
        const DType dtype = tensor.inputs[i].tensor.dtype;
        const std::uint64_t bytes = dtype_bits(dtype) / 8;
        kernel::decode(dtype, space.raw(i).subspan(inside * bytes, part * bytes), space.values(i));
        if (tensor.round_to && *tensor.round_to != dtype)
          kernel::round_to(*tensor.round_to, space.values(i), part);
      }
      body({.first = at + inside, .count = part, .inputs = space.inputs()});
    }
  }
  return ok();
}

}  // namespace shardwright
