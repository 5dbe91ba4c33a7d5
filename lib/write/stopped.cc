#include "write/stopped.h"

#include <algorithm>
#include <optional>
#include <ranges>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "base/try.h"
#include "base/units.h"
#include "io/folder.h"
#include "write/place.h"
#include "write/write_file.h"

namespace shardwright {
namespace {

constexpr std::string_view kMovesName = ".shardwright-moves";
constexpr std::uint64_t kMaxMovesBytes = 64 * kMiB;

// In the order in which they are moved. None where the file is not there, or not whole.
std::vector<std::string> moves_from(const std::string& staging) {
  std::vector<std::string> names;
  const auto file = open_file(join_path(staging, kMovesName));
  if (!file) return names;
  const auto text = read_all(**file, kMaxMovesBytes);
  if (!text || !text->ends_with('\0')) return names;
  for (std::size_t begin = 0; begin < text->size();) {
    const std::size_t end = text->find('\0', begin);
    names.push_back(text->substr(begin, end - begin));
    begin = end + 1;
  }
  const auto is_name = [](const std::string& name) {
    return !name.empty() && name != "." && name != ".." && name.find('/') == std::string::npos;
  };
  return std::ranges::all_of(names, is_name) ? names : std::vector<std::string>();
}

// Those that stand in the target, first the first, where some are still to be moved.
std::vector<std::string> moved_from(const std::string& target, const std::string& staging) {
  std::vector<std::string> names = moves_from(staging);
  const auto waits = [&](const std::string& name) { return exists(join_path(staging, name)); };
  if (std::ranges::none_of(names, waits)) return {};
  std::erase_if(names, [&](const std::string& name) {
    return waits(name) || !exists(join_path(target, name));
  });
  return names;
}

Status bring_back(const Disk& disk, const std::string& target) {
  const std::string aside = aside_of(target);
  if (!exists(aside)) return ok();
  SW_TRY(const auto lock, lock_folder(aside));
  // Over a folder that holds something this fails: then the new one had come.
  Status back = disk.rename(aside, target);
  return back || exists(target) ? ok() : back;
}

Status take_out(const Disk& disk, const std::string& target, const std::string& staging) {
  // What made a model of it came last, and goes first.
  for (const std::string& name : moved_from(target, staging) | std::views::reverse)
    SW_TRY_OK(disk.rename(join_path(target, name), join_path(staging, name)));
  SW_TRY_OK(disk.sync_folder(target));
  return disk.remove_tree(staging);
}

}  // namespace

std::string aside_of(const std::string& target) {
  return join_path(parent_of(target), fmt::format(".{}.shardwright-replaced", last_of(target)));
}

Status announce_moves(const Disk& disk, const std::string& staging,
                      std::span<const std::string> names) {
  std::string text;
  for (const std::string& name : names)
    (text += name) += '\0';
  SW_TRY_OK(write_text(disk, join_path(staging, kMovesName), text));
  return disk.sync_folder(staging);
}

std::set<std::string> moved_in_part(const std::string& target) {
  std::set<std::string> moved;
  const auto remains = find_remains(target, last_of(target));
  if (!remains) return moved;
  for (const StagingFolder& staging : *remains) {
    for (std::string& name : moved_from(target, staging.path))
      moved.insert(std::move(name));
  }
  return moved;
}

Status settle(const Disk& disk, const std::string& target) {
  SW_TRY_OK(bring_back(disk, target));
  const auto remains = find_remains(target, last_of(target));
  if (!remains) return ok();
  for (const StagingFolder& staging : *remains) {
    if (!moves_from(staging.path).empty()) {
      SW_TRY_OK(take_out(disk, target, staging.path));
    } else {
      // It may have been killed when all was moved, and only its empty folder was left.
      static_cast<void>(disk.remove_folder(staging.path));
    }
  }
  return ok();
}

}  // namespace shardwright
