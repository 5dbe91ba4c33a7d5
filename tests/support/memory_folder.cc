#include "support/memory_folder.h"

#include <algorithm>
#include <cstring>
#include <stdexcept>

#include <fmt/format.h>

#include "base/utf8.h"

namespace shardwright::test {

class MemorySource final : public ByteSource {
 public:
  MemorySource(const MemoryFolder::Item& item, std::string name,
               std::shared_ptr<MemoryFolder::Log> log)
      : bytes_(item.bytes),
        size_(item.entry.bytes),
        ends_at_(std::min(item.ends_at, size_)),
        name_(std::move(name)),
        log_(std::move(log)) {}

  [[nodiscard]] std::uint64_t size() const override { return size_; }

  [[nodiscard]] Status read(std::uint64_t offset, MutableBytes into) const override {
    {
      const std::scoped_lock lock(log_->mutex);
      auto& traffic = log_->traffic[name_];
      ++traffic.reads;
      traffic.bytes += into.size();
    }
    if (offset > ends_at_ || into.size() > ends_at_ - offset) {
      return Error{ErrorCode::kIo, fmt::format("reading {}: the file ends at byte {}",
                                               shardwright::quoted(name_), ends_at_)};
    }
    std::ranges::fill(into, std::byte{0});
    if (offset < bytes_->size() && !into.empty()) {
      std::memcpy(into.data(), bytes_->data() + offset,
                  std::min<std::size_t>(into.size(), bytes_->size() - offset));
    }
    return ok();
  }

 private:
  std::shared_ptr<const std::string> bytes_;
  std::uint64_t size_;
  std::uint64_t ends_at_;
  std::string name_;
  std::shared_ptr<MemoryFolder::Log> log_;
};

void MemoryFolder::add(std::string name, FolderEntry entry, std::string bytes) {
  const std::size_t slash = name.find('/');
  entry.device = 1;
  entry.inode = items_.size() + 1;
  if (slash == std::string::npos) {
    entry.name = name;
    std::erase_if(entries_, [&](const FolderEntry& other) { return other.name == name; });
    const auto place = std::ranges::lower_bound(entries_, entry.name, {}, &FolderEntry::name);
    entries_.insert(place, entry);
  } else {
    if (find(name.substr(0, slash)) == nullptr) add_folder(name.substr(0, slash));
    entry.name = name.substr(name.rfind('/') + 1);
  }
  items_[std::move(name)] = {.entry = std::move(entry),
                             .bytes = std::make_shared<const std::string>(std::move(bytes))};
}

void MemoryFolder::add_file(std::string name, std::string bytes, std::uint64_t size, mode_t mode) {
  const FolderEntry entry = {
      .kind = EntryKind::kFile, .bytes = std::max<std::uint64_t>(size, bytes.size()), .mode = mode};
  add(std::move(name), entry, std::move(bytes));
}

MemoryFolder::Item& MemoryFolder::item(std::string_view name) {
  const auto found = items_.find(name);
  if (found == items_.end()) throw std::runtime_error("no such file: " + std::string(name));
  return found->second;
}

FolderEntry MemoryFolder::describe(std::string_view name) const {
  const auto found = items_.find(name);
  if (found != items_.end()) return found->second.entry;
  return {.name = std::string(name), .kind = EntryKind::kAbsent};
}

Result<std::unique_ptr<ByteSource>> MemoryFolder::open(std::string_view name) const {
  {
    const std::scoped_lock lock(log_->mutex);
    log_->opened.emplace_back(name);
  }
  const auto found = items_.find(name);
  if (found == items_.end() || found->second.entry.kind == EntryKind::kDangling) {
    return Error{ErrorCode::kNotFound,
                 fmt::format("opening {}: No such file or directory", shardwright::quoted(name))};
  }
  if (found->second.refused) {
    return Error{ErrorCode::kIo,
                 fmt::format("opening {}: Permission denied", shardwright::quoted(name))};
  }
  if (found->second.entry.kind != EntryKind::kFile) {
    return Error{ErrorCode::kIo,
                 fmt::format("opening {}: not a regular file", shardwright::quoted(name))};
  }
  return std::unique_ptr<ByteSource>(
      std::make_unique<MemorySource>(found->second, std::string(name), log_));
}

std::vector<std::string> MemoryFolder::opened() const {
  const std::scoped_lock lock(log_->mutex);
  return log_->opened;
}

MemoryFolder::Traffic MemoryFolder::traffic(std::string_view name) const {
  const std::scoped_lock lock(log_->mutex);
  const auto found = log_->traffic.find(name);
  return found == log_->traffic.end() ? Traffic{} : found->second;
}

}  // namespace shardwright::test
