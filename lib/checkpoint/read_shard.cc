#include "checkpoint/read_shard.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <span>

#include <fmt/format.h>

#include "base/utf8.h"

namespace shardwright {
namespace {

// Enough to tell what a file is. A header is then read into memory of its own size.
constexpr std::size_t kFirstRead = 4096;
constexpr std::size_t kMaxStart = 1024;

// A source of which the first bytes have been read already.
class StartedSource final : public ByteSource {
 public:
  StartedSource(const ByteSource& source, Bytes start) : source_(source), start_(start) {}

  [[nodiscard]] std::uint64_t size() const override { return source_.size(); }
  [[nodiscard]] Status read(std::uint64_t offset, MutableBytes into) const override {
    if (offset < start_.size() && !into.empty()) {
      const std::size_t known = std::min<std::size_t>(into.size(), start_.size() - offset);
      std::memcpy(into.data(), start_.data() + offset, known);
      into = into.subspan(known);
      offset += known;
    }
    return into.empty() ? ok() : source_.read(offset, into);
  }

 private:
  const ByteSource& source_;
  Bytes start_;
};

}  // namespace

Shard open_shard(const Folder& folder, const std::string& name) {
  Shard shard{.file = name};
  const FolderEntry* listed = folder.find(name);
  shard.entry = listed != nullptr ? *listed : folder.describe(name);
  shard.present = shard.entry.kind != EntryKind::kAbsent;
  if (shard.entry.kind == EntryKind::kDangling) {
    shard.open_error = fmt::format("opening {}: a link to nothing", quoted(name));
    return shard;
  }
  if (shard.entry.kind == EntryKind::kFolder) {
    shard.open_error = fmt::format("opening {}: a folder, not a file", quoted(name));
    return shard;
  }
  auto source = folder.open(name);
  if (!source) {
    shard.open_error = source.error().message;
    return shard;
  }
  shard.source = *std::move(source);
  return shard;
}

Shard read_shard(const Folder& folder, const std::string& name) {
  Shard shard = open_shard(folder, name);
  if (shard.source == nullptr) return shard;

  std::array<char, kFirstRead> first{};
  const std::span start =
      std::span(first).first(std::min<std::uint64_t>(shard.source->size(), first.size()));
  if (auto status = shard.source->read(0, std::as_writable_bytes(start)); !status) {
    shard.open_error = status.error().message;
    return shard;
  }
  const Bytes bytes = std::as_bytes(start);
  shard.foreign = safetensors::sniff(bytes, shard.source->size());
  if (shard.foreign != safetensors::ForeignKind::kNone) {
    shard.start.assign(start.data(), std::min(start.size(), kMaxStart));
    return shard;
  }
  auto header = safetensors::read_header(StartedSource(*shard.source, bytes));
  if (header) {
    shard.header = *std::move(header);
  } else {
    shard.open_error = header.error().message;
  }
  return shard;
}

}  // namespace shardwright
