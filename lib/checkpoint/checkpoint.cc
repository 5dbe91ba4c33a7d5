#include "checkpoint/checkpoint.h"

#include <algorithm>
#include <vector>

#include <fmt/format.h>

#include "base/try.h"
#include "base/units.h"
#include "base/utf8.h"

namespace shardwright {

Status Tensor::read(std::uint64_t from, MutableBytes into) const {
  if (!readable || from > bytes || into.size() > bytes - from) {
    return Error{ErrorCode::kInvalidArgument,
                 fmt::format("{} bytes from byte {} of {}, which has {}", into.size(), from,
                             quoted(name), readable ? bytes : 0)};
  }
  return source->read(offset + from, into);
}

Result<bool> same_bytes(const Tensor& a, const Tensor& b) {
  constexpr std::size_t kPiece = kMiB;
  if (a.dtype != b.dtype || a.bytes != b.bytes) return false;
  std::vector<std::byte> left(std::min<std::uint64_t>(a.bytes, kPiece));
  std::vector<std::byte> right(left.size());
  for (std::uint64_t at = 0; at < a.bytes; at += left.size()) {
    const std::size_t part = std::min<std::uint64_t>(left.size(), a.bytes - at);
    SW_TRY_OK(a.read(at, MutableBytes(left).first(part)));
    SW_TRY_OK(b.read(at, MutableBytes(right).first(part)));
    if (!std::ranges::equal(MutableBytes(left).first(part), MutableBytes(right).first(part)))
      return false;
  }
  return true;
}

std::optional<std::uint32_t> Checkpoint::position(std::string_view name) const {
  const auto found = names.find(name, [this](std::size_t i) { return tensors[i].name; });
  if (!found) return std::nullopt;
  return static_cast<std::uint32_t>(*found);
}

const SideFile* Checkpoint::side_file(std::string_view name) const {
  const auto found = std::ranges::find(side_files, name, &SideFile::name);
  return found == side_files.end() ? nullptr : &*found;
}

const Tensor* Checkpoint::find(std::string_view name) const {
  const auto found = position(name);
  return found ? &tensors[*found] : nullptr;
}

void Checkpoint::build_names() {
  names.clear();
  names.reserve(tensors.size());
  superseded.clear();
  // From the last on: of equal names the first to come stays.
  for (std::size_t i = tensors.size(); i-- > 0;) {
    const auto kept =
        names.insert(tensors[i].name, i, [this](std::size_t at) { return tensors[at].name; });
    if (kept) {
      superseded.push_back({static_cast<std::uint32_t>(i), static_cast<std::uint32_t>(*kept)});
    }
  }
  std::ranges::reverse(superseded);
}

std::vector<std::string_view> names_of(const Checkpoint& checkpoint) {
  std::vector<std::string_view> names;
  names.reserve(checkpoint.tensors.size());
  for (const Tensor& tensor : checkpoint.tensors)
    names.push_back(tensor.name);
  return names;
}

const json::Value* Checkpoint::config_value() const {
  if (!config || !config->document || config->document->root.object() == nullptr) return nullptr;
  return &config->document->root;
}

}  // namespace shardwright
