#include "job/side_files.h"

#include <algorithm>
#include <array>

#include "merge/tokenizer_files.h"
#include "write/carry.h"

namespace shardwright {
namespace {

bool is_weights_or_index(std::string_view name) {
  constexpr std::array<std::string_view, 8> kEndings = {
      ".safetensors", ".safetensors.index.json", ".bin", ".bin.index.json", ".gguf", ".pt", ".pth",
      ".h5"};
  return std::ranges::any_of(kEndings,
                             [&](std::string_view ending) { return name.ends_with(ending); });
}

// What was made of models says how in such a file.
bool is_recipe(std::string_view name) {
  return name == "mergekit_config.yml" || name == "mergekit_moe_config.yml";
}

bool is_paper(std::string_view name) {
  return name == kCardName || name == "LICENSE";
}

// Files of the donor that stay behind: weights, and what the merge writes itself.
bool stays_behind(std::string_view name) {
  return is_weights_or_index(name) || name == "config.json" || is_recipe(name) ||
         name == ".gitattributes" || name.starts_with(".git/") || name.starts_with(".cache/") ||
         name.find('/') != std::string_view::npos;
}

}  // namespace

bool is_left(const SideFiles& files, std::string_view name) {
  const MergePlan& plan = *files.plan;
  return stays_behind(name) || (is_paper(name) && !files.keeps_papers) ||
         (!files.copy_tokenizer && is_tokenizer_file(name)) ||
         std::ranges::find(plan.left, name) != plan.left.end() ||
         std::ranges::find(plan.files, name, &PlannedText::name) != plan.files.end();
}

bool donor_is_file(const SideFiles& files) {
  return files.makers != nullptr ? donor_is_file(*files.makers)
                                 : files.donor->kind == CheckpointKind::kFile;
}

bool keeps_card(const SideFiles& files) {
  if (!files.keeps_papers || donor_is_file(files)) return false;
  return std::ranges::any_of(files.donor->folder->entries(), [](const FolderEntry& entry) {
    return entry.name == kCardName && entry.kind == EntryKind::kFile;
  });
}

std::uint64_t side_bytes(const SideFiles& files) {
  std::uint64_t bytes = 0;
  for (const FolderEntry& entry : files.donor->folder->entries()) {
    if (!is_left(files, entry.name)) bytes += entry.bytes;
  }
  return bytes;
}

Status carry_side_files(const Disk& disk, const SideFiles& files, const std::string& to,
                        const std::function<bool(std::string_view name)>& also_left) {
  const auto is_folder = [&](std::string_view name) {
    const auto& entries = files.donor->folder->entries();
    const auto entry = std::ranges::find(entries, name, &FolderEntry::name);
    return entry != entries.end() && entry->kind == EntryKind::kFolder;
  };
  const auto skip = [&](std::string_view name) {
    return is_left(files, name) || also_left(name) || is_folder(name);
  };
  if (files.makers != nullptr) return carry_side_files(disk, *files.makers, to, skip);
  if (donor_is_file(files)) return ok();
  CarryCount count;
  return carry_folder(disk, files.donor->directory, to,
                      {.copy = true, .threads = files.threads, .skip = skip}, count);
}

}  // namespace shardwright
