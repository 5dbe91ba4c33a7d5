#include "repair/draft.h"

#include <algorithm>
#include <map>

#include <fmt/format.h>

#include "base/try.h"
#include "base/units.h"
#include "base/utf8.h"
#include "safetensors/writer.h"
#include "write/disk.h"

namespace shardwright {
namespace {

using safetensors::HeaderImage;
using safetensors::Order;
using safetensors::PlacedTensor;
using safetensors::TensorSpec;

// Sharing less is not worth a header that is up to a block longer.
constexpr std::uint64_t kWorthSharing = kMiB;

// One range of a file.
bool is_plain(const TensorPart& part) {
  return part.rows == 1 && !part.transposed;
}

// Ranges that follow each other.
bool is_plain(const DraftTensor& tensor) {
  std::uint64_t next = 0;
  return std::ranges::all_of(tensor.parts, [&](const TensorPart& part) {
    const bool follows = is_plain(part) && part.to == next;
    next += part.bytes;
    return follows;
  });
}

bool is_aligned(const DraftShard& shard, const HeaderImage& image) {
  return std::ranges::all_of(image.tensors, [&](const PlacedTensor& placed) {
    return placed.begin % dtype_alignment(shard.tensors[placed.spec].dtype) == 0;
  });
}

// The remainder of the data's start modulo the block size with which most bytes stay where they
// are in their blocks; none where that is not worth it.
std::optional<std::uint64_t> best_remainder(const DraftShard& shard, const HeaderImage& image) {
  std::map<std::uint64_t, std::uint64_t> bytes_by_remainder;
  for (const PlacedTensor& placed : image.tensors) {
    for (const TensorPart& part : shard.tensors[placed.spec].parts) {
      if (!is_plain(part)) continue;
      const std::uint64_t now = (part.source->offset + part.from) % kBlockBytes;
      const std::uint64_t then = (placed.begin + part.to) % kBlockBytes;
      const std::uint64_t remainder = (now + kBlockBytes - then) % kBlockBytes;
      if (remainder % 8 == 0) bytes_by_remainder[remainder] += part.bytes;
    }
  }
  const auto most = std::ranges::max_element(bytes_by_remainder, {},
                                             [](const auto& pair) { return pair.second; });
  if (most == bytes_by_remainder.end() || most->second < kWorthSharing) return std::nullopt;
  return most->first;
}

Result<HeaderImage> image_of(const DraftShard& shard, const std::vector<TensorSpec>& specs) {
  // What is put together or taken apart has no place of its own in the file. In the reference
  // library's order another layout and back gives the bytes that most files had.
  const bool made = std::ranges::any_of(
      shard.tensors, [](const DraftTensor& tensor) { return whole_source(tensor) == nullptr; });
  Order order = made ? Order::kCanonical : Order::kAsGiven;
  SW_TRY(HeaderImage image, safetensors::layout_header(specs, shard.metadata, order));
  if (!is_aligned(shard, image)) {
    order = Order::kCanonical;
    SW_TRY(image, safetensors::layout_header(specs, shard.metadata, order));
  }
  if (const auto remainder = best_remainder(shard, image)) {
    return safetensors::layout_header(specs, shard.metadata, order, kBlockBytes, *remainder);
  }
  return image;
}

}  // namespace

std::uint64_t bytes_of(const DraftTensor& tensor) {
  std::uint64_t bytes = 0;
  for (const TensorPart& part : tensor.parts)
    bytes += part.rows * part.bytes;
  return bytes;
}

const Tensor* whole_source(const DraftTensor& tensor) {
  if (tensor.parts.size() != 1 || !is_plain(tensor)) return nullptr;
  const TensorPart& part = tensor.parts.front();
  return part.from == 0 && part.bytes == part.source->bytes ? part.source : nullptr;
}

DraftTensor draft_of(const Tensor& tensor, std::string name) {
  return {.name = std::move(name),
          .dtype = tensor.dtype,
          .shape = Shape(tensor.shape.begin(), tensor.shape.end()),
          .stored = &tensor,
          .parts = {{.source = &tensor, .bytes = tensor.bytes}}};
}

DraftShard draft_of(const Checkpoint& checkpoint, std::size_t shard) {
  const Shard& now = checkpoint.shards[shard];
  std::vector<const Tensor*> stored;
  for (const Tensor& tensor : checkpoint.tensors) {  // of equal names a header has the last alone
    if (tensor.shard == shard) stored.push_back(&tensor);
  }
  std::ranges::stable_sort(stored, {}, &Tensor::offset);
  DraftShard draft{.from = now.file, .file = now.file, .metadata = now.header->metadata};
  draft.tensors.reserve(stored.size());
  for (const Tensor* tensor : stored)
    draft.tensors.push_back(draft_of(*tensor, std::string(tensor->name)));
  return draft;
}

Result<std::shared_ptr<const PlannedFile>> lay_out(const DraftShard& shard) {
  std::vector<TensorSpec> specs;
  specs.reserve(shard.tensors.size());
  for (const DraftTensor& tensor : shard.tensors)
    specs.push_back({.name = tensor.name, .dtype = tensor.dtype, .shape = tensor.shape});
  SW_TRY(HeaderImage image, image_of(shard, specs));
  auto file = std::make_shared<PlannedFile>(std::move(image.bytes));
  for (const PlacedTensor& placed : image.tensors) {
    const DraftTensor& tensor = shard.tensors[placed.spec];
    if (bytes_of(tensor) != placed.end - placed.begin) {
      return Error{
          ErrorCode::kInvalidArgument,
          fmt::format("{} has {} bytes, and its shape {} needs {}", quoted(tensor.name),
                      bytes_of(tensor), shape_text(tensor.shape), placed.end - placed.begin)};
    }
    if (!is_plain(tensor)) {
      const auto source = std::make_shared<AssembledSource>(tensor.parts, bytes_of(tensor));
      file->append(
          [source](std::uint64_t from, MutableBytes into) { return source->read(from, into); },
          source->size());
      continue;
    }
    for (const TensorPart& part : tensor.parts)
      file->append(*part.source->source, part.source->offset + part.from, part.bytes);
  }
  return std::shared_ptr<const PlannedFile>(std::move(file));
}

}  // namespace shardwright
