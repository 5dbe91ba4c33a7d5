#include "checkpoint/pickled_shard.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "base/try.h"
#include "base/utf8.h"
#include "checkpoint/read_shard.h"
#include "pickle/archive.h"
#include "pickle/strided.h"
#include "safetensors/header.h"
#include "safetensors/writer.h"

namespace shardwright {
namespace {

constexpr std::uint64_t kSniffed = 64U << 10U;

// The header, then the tensors one behind the other, read where they are.
class PickledSource final : public ByteSource {
 public:
  PickledSource(std::unique_ptr<ByteSource> file, std::vector<pickle::StoredTensor> tensors,
                safetensors::HeaderImage image)
      : file_(std::move(file)), tensors_(std::move(tensors)), image_(std::move(image)) {}

  [[nodiscard]] std::uint64_t size() const override {
    return image_.bytes.size() + image_.data_bytes;
  }

  [[nodiscard]] Status read(std::uint64_t offset, MutableBytes into) const override {
    if (offset > size() || into.size() > size() - offset)
      return Error{ErrorCode::kIo, "a read past the end of a pickled shard"};
    const std::uint64_t header = image_.bytes.size();
    if (offset < header && !into.empty()) {
      const std::size_t part = std::min<std::uint64_t>(into.size(), header - offset);
      std::memcpy(into.data(), image_.bytes.data() + offset, part);
      into = into.subspan(part);
      offset += part;
    }
    if (into.empty()) return ok();
    std::uint64_t at = offset - header;
    auto placed = std::ranges::upper_bound(image_.tensors, at, {}, &safetensors::PlacedTensor::end);
    for (; !into.empty(); ++placed) {
      const std::size_t part = std::min<std::uint64_t>(into.size(), placed->end - at);
      SW_TRY_OK(pickle::read_elements(*file_, tensors_[placed->spec], at - placed->begin,
                                      into.first(part)));
      into = into.subspan(part);
      at += part;
    }
    return ok();
  }

 private:
  std::unique_ptr<ByteSource> file_;
  std::vector<pickle::StoredTensor> tensors_;
  safetensors::HeaderImage image_;
};

// Pages, pointers and other files of that name are told from weights by their first bytes.
Status check_kind(const ByteSource& source) {
  using safetensors::ForeignKind;
  std::vector<std::byte> start(std::min<std::uint64_t>(source.size(), kSniffed));
  SW_TRY_OK(source.read(0, start));
  const ForeignKind kind = safetensors::sniff(start, source.size());
  if (kind == ForeignKind::kNone || kind == ForeignKind::kZip || kind == ForeignKind::kPickle)
    return ok();
  return Error{
      ErrorCode::kMalformed,
      fmt::format("it is {}, not weights: fetch the file again{}", safetensors::foreign_name(kind),
                  kind == ForeignKind::kLfsPointer ? ", with 'git lfs pull'" : "")};
}

Status read_tensors(Shard& shard) {
  SW_TRY_OK(check_kind(*shard.source));
  SW_TRY(auto tensors, pickle::read_archive(*shard.source));
  std::vector<safetensors::TensorSpec> specs;
  for (const pickle::StoredTensor& tensor : tensors)
    specs.push_back({.name = tensor.name, .dtype = tensor.dtype, .shape = tensor.shape});
  const std::array<std::pair<std::string, std::string>, 1> metadata = {{{"format", "pt"}}};
  SW_TRY(auto image, safetensors::layout_header(specs, metadata, safetensors::Order::kCanonical));
  auto source = std::make_unique<PickledSource>(std::move(shard.source), std::move(tensors),
                                                std::move(image));
  SW_TRY(shard.header, safetensors::read_header(*source));
  shard.source = std::move(source);
  return ok();
}

}  // namespace

Result<Shard> read_pickled_shard(const Folder& folder, const std::string& name) {
  Shard shard = open_shard(folder, name);
  if (shard.source == nullptr) return shard;
  SW_TRY_OK(read_tensors(shard));
  return shard;
}

}  // namespace shardwright
