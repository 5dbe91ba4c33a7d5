#include "check/shard_names.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/text.h"

namespace shardwright {
namespace {

constexpr std::string_view kEnd = ".safetensors";
constexpr std::size_t kDigits = 5;

// The number of exactly five digits at `at`.
std::optional<std::uint64_t> five_digits(std::string_view file, std::size_t at) {
  if (at > file.size() || file.size() - at < kDigits) return std::nullopt;
  return parse_u64(file.substr(at, kDigits));
}

}  // namespace

std::optional<ShardNumber> shard_number(std::string_view file) {
  constexpr std::string_view kOf = "-of-";
  const std::size_t of = file.rfind(kOf);
  if (of == std::string_view::npos || of < kDigits + 1 || file[of - kDigits - 1] != '-' ||
      !file.ends_with(kEnd)) {
    return std::nullopt;
  }
  const auto number = five_digits(file, of - kDigits);
  const auto count = five_digits(file, of + kOf.size());
  const std::size_t rest = of + kOf.size() + kDigits;
  if (!number || !count || rest >= file.size() || file[rest] != '.') return std::nullopt;
  return ShardNumber{.before = file.substr(0, of - kDigits - 1),
                     .after = file.substr(rest),
                     .number = *number,
                     .count = *count};
}

bool is_unfinished_name(std::string_view file) {
  constexpr std::string_view kStart = "model-";
  if (!file.starts_with(kStart) || !file.ends_with(kEnd)) return false;
  file.remove_prefix(kStart.size());
  file.remove_suffix(kEnd.size());
  return parse_u64(file).has_value();
}

bool is_variant_name(std::string_view file) {
  std::string_view stem = file;
  if (const auto number = shard_number(file)) {
    if (number->after != kEnd) return true;
    stem = number->before;
  } else if (stem.ends_with(kEnd)) {
    stem.remove_suffix(kEnd.size());
  }
  const std::size_t slash = stem.rfind('/');
  if (slash != std::string_view::npos) stem.remove_prefix(slash + 1);
  return (stem.starts_with("model.") || stem.starts_with("diffusion_pytorch_model."));
}

bool ShardFamily::has(std::string_view file) const {
  const auto known = shard_number(file);
  return known && known->before == before && known->after == after && known->count == count;
}

std::string ShardFamily::name(std::uint64_t number) const {
  return fmt::format("{}-{:05}-of-{:05}{}", before, number, count, after);
}

std::string ShardFamily::text() const {
  return fmt::format("{}-*-of-{:05}{}", before, count, after);
}

std::vector<std::string> ShardFamily::absent(std::size_t limit) const {
  std::vector<std::string> names;
  // Some writers count from 0.
  const std::uint64_t first = std::ranges::binary_search(numbers, std::uint64_t{0}) ? 0 : 1;
  for (std::uint64_t i = first; i < first + count && names.size() < limit; ++i) {
    if (!std::ranges::binary_search(numbers, i)) names.push_back(name(i));
  }
  return names;
}

std::vector<ShardFamily> shard_families(const Checkpoint& checkpoint, ShardUse use) {
  std::vector<ShardFamily> families;
  for (const Shard& shard : checkpoint.shards) {
    if (shard.use != use || !shard.present) continue;
    const auto number = shard_number(shard.file);
    if (!number) continue;
    auto family = std::ranges::find_if(
        families, [&](const ShardFamily& known) { return known.has(shard.file); });
    if (family == families.end()) {
      families.push_back({.before = std::string(number->before),
                          .after = std::string(number->after),
                          .count = number->count});
      family = families.end() - 1;
    }
    family->numbers.push_back(number->number);
  }
  for (ShardFamily& family : families)
    std::ranges::sort(family.numbers);
  return families;
}

std::vector<std::string> numbered_shards(const Checkpoint& checkpoint) {
  std::vector<std::string> files;
  for (const Shard& shard : checkpoint.shards) {
    if (shard.use != ShardUse::kLoaded || !shard.present) continue;
    if (shard_number(shard.file) || is_unfinished_name(shard.file)) files.push_back(shard.file);
  }
  std::ranges::sort(files, natural_less);
  return files;
}

std::vector<std::string> set_names(std::span<const std::string> files) {
  std::vector<std::string> names;
  if (files.empty()) return names;
  const auto number = shard_number(files.front());
  const ShardFamily set{.before = number ? std::string(number->before) : "model",
                        .after = number ? std::string(number->after) : std::string(kEnd),
                        .count = files.size()};
  for (std::size_t i = 1; i <= files.size(); ++i)
    names.push_back(set.name(i));
  return names;
}

bool can_be_numbered(const Checkpoint& checkpoint) {
  // A new index would name those, too, and only the loaded ones are numbered.
  if (!unindexed_shards(checkpoint).empty()) return false;
  const std::vector<std::string> files = numbered_shards(checkpoint);
  const std::vector<std::string> names = set_names(files);
  const auto is_free = [&](const std::string& name) {
    return std::ranges::find(files, name) != files.end() ||
           checkpoint.folder->describe(name).kind == EntryKind::kAbsent;
  };
  // A variant is kept beside something else, and so is what bears another stem.
  const auto is_of_model = [](const std::string& file) {
    const auto number = shard_number(file);
    return !number || (number->before == "model" && number->after == kEnd);
  };
  return files != names && std::ranges::all_of(files, is_of_model) &&
         std::ranges::all_of(names, is_free);
}

std::vector<const Shard*> unindexed_shards(const Checkpoint& checkpoint) {
  std::vector<const Shard*> shards;
  if (!checkpoint.index_decides) return shards;
  const auto families = shard_families(checkpoint, ShardUse::kLoaded);
  for (const Shard& shard : checkpoint.shards) {
    if (shard.use == ShardUse::kStray &&
        std::ranges::any_of(families,
                            [&](const ShardFamily& family) { return family.has(shard.file); })) {
      shards.push_back(&shard);
    }
  }
  return shards;
}

bool is_visibly_incomplete(const Checkpoint& checkpoint) {
  if (checkpoint.index_decides) return false;
  bool unfinished = false;
  for (const Shard& shard : checkpoint.shards) {
    if (shard.use == ShardUse::kLoaded && is_unfinished_name(shard.file)) unfinished = true;
  }
  const auto families = shard_families(checkpoint, ShardUse::kLoaded);
  return unfinished || std::ranges::any_of(families, [](const ShardFamily& family) {
           return !family.absent(1).empty();
         });
}

}  // namespace shardwright
