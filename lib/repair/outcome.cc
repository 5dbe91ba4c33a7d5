#include "repair/outcome.h"

#include <algorithm>
#include <utility>

namespace shardwright {
namespace {

constexpr mode_t kNewMode = 0644;

class Preview final : public Folder {
 public:
  Preview(const Folder& folder, Outcome outcome) : folder_(folder), outcome_(std::move(outcome)) {
    for (const FolderEntry& entry : folder_.entries()) {
      if (!hides(entry.name)) entries_.push_back(entry);
    }
    for (const auto& [name, file] : outcome_.files) {
      if (name.find('/') == std::string::npos) entries_.push_back(describe_new(name, file));
    }
    std::ranges::sort(entries_, {}, &FolderEntry::name);
  }

  [[nodiscard]] const std::vector<FolderEntry>& entries() const override { return entries_; }

  [[nodiscard]] FolderEntry describe(std::string_view name) const override {
    const auto found = outcome_.files.find(std::string(name));
    if (found != outcome_.files.end()) return describe_new(found->first, found->second);
    if (hides(name)) return {.name = std::string(name), .kind = EntryKind::kAbsent};
    return folder_.describe(name);
  }

  [[nodiscard]] Result<std::unique_ptr<ByteSource>> open(std::string_view name) const override {
    const auto found = outcome_.files.find(std::string(name));
    if (found == outcome_.files.end()) {
      // Asked for what is gone, the folder gives its own error for a name that is not there.
      return folder_.open(hides(name) ? std::string(name) + " (removed)" : std::string(name));
    }
    if (!found->second.content) return folder_.open(found->second.was);
    return std::unique_ptr<ByteSource>(std::make_unique<PlannedView>(found->second.content));
  }

  [[nodiscard]] bool lacked_descriptors() const override { return folder_.lacked_descriptors(); }

 private:
  [[nodiscard]] bool hides(std::string_view name) const {
    return outcome_.gone.contains(std::string(name));
  }

  [[nodiscard]] FolderEntry describe_new(const std::string& name, const OutcomeFile& file) const {
    FolderEntry entry{.kind = EntryKind::kFile, .mode = kNewMode};
    if (!file.was.empty()) entry = folder_.describe(file.was);
    entry.name = name.substr(name.rfind('/') + 1);
    if (!file.content) return entry;
    entry.is_link = false;
    entry.kind = EntryKind::kFile;
    entry.bytes = file.content->size();
    entry.device = entry.inode = 0;
    return entry;
  }

  const Folder& folder_;
  Outcome outcome_;
  std::vector<FolderEntry> entries_;
};

}  // namespace

std::vector<std::string> Outcome::removed() const {
  std::vector<std::string> names;
  for (const std::string& name : gone) {
    if (!files.contains(name)) names.push_back(name);
  }
  return names;
}

void Outcome::add(const std::vector<FileChange>& changes) {
  const std::map<std::string, OutcomeFile> before = files;
  for (const FileChange& change : changes) {
    if (change.from.empty()) continue;
    // A name that was not made by an earlier round is one of the folder.
    if (files.erase(change.from) == 0) gone.insert(change.from);
  }
  for (const FileChange& change : changes) {
    if (change.to.empty()) continue;
    OutcomeFile file{.was = change.from};
    if (const auto found = before.find(change.from); found != before.end()) file = found->second;
    if (change.content) file.content = change.content;
    files[change.to] = std::move(file);
  }
}

std::unique_ptr<Folder> preview(const Folder& folder, const Outcome& outcome) {
  return std::make_unique<Preview>(folder, outcome);
}

}  // namespace shardwright
