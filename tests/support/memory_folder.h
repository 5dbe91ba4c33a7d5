// A Folder that is not on any disk, and knows what was read from it.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "io/folder.h"

namespace shardwright::test {

class MemoryFolder final : public Folder {
 public:
  // Names may have sub-folders in them ("sub/a.safetensors"). A file longer than its bytes ends in
  // zeros.
  void add_file(std::string name, std::string bytes, std::uint64_t size = 0, mode_t mode = 0644);
  void add_folder(std::string name) { add(std::move(name), {.kind = EntryKind::kFolder}); }
  void add_dangling(std::string name) {
    add(std::move(name), {.kind = EntryKind::kDangling, .is_link = true});
  }
  void add_other(std::string name) { add(std::move(name), {.kind = EntryKind::kOther}); }
  // The file is listed, and the system refuses to open it.
  void refuse(std::string_view name) { item(name).refused = true; }
  // The file had its size when it was listed and opened, and ends at byte `at` when it is read.
  void shrink(std::string_view name, std::uint64_t at) { item(name).ends_at = at; }

  [[nodiscard]] const std::vector<FolderEntry>& entries() const override { return entries_; }
  [[nodiscard]] FolderEntry describe(std::string_view name) const override;
  [[nodiscard]] Result<std::unique_ptr<ByteSource>> open(std::string_view name) const override;

  // Names that open() was asked for, in order.
  [[nodiscard]] std::vector<std::string> opened() const;
  // How many reads the sources of a name had, and how many bytes they gave.
  struct Traffic {
    std::uint64_t reads{};
    std::uint64_t bytes{};
  };
  [[nodiscard]] Traffic traffic(std::string_view name) const;

 private:
  friend class MemorySource;
  struct Item {
    FolderEntry entry{};
    std::shared_ptr<const std::string> bytes{};
    std::uint64_t ends_at{~std::uint64_t{0}};
    bool refused{};
  };
  struct Log {
    std::mutex mutex{};
    std::vector<std::string> opened{};
    std::map<std::string, Traffic, std::less<>> traffic{};
  };

  void add(std::string name, FolderEntry entry, std::string bytes = {});
  Item& item(std::string_view name);

  std::map<std::string, Item, std::less<>> items_;  // by whole name
  std::vector<FolderEntry> entries_;
  std::shared_ptr<Log> log_ = std::make_shared<Log>();
};

}  // namespace shardwright::test
