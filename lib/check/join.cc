#include "check/join.h"

#include <algorithm>
#include <array>
#include <unordered_set>

namespace shardwright {
namespace {

// Segments that wrappers of a module put into parameter names, at any depth (F10).
constexpr std::array<std::string_view, 4> kWrappers = {
    "_fsdp_wrapped_module.", "_checkpoint_wrapped_module.", "_orig_mod.", "module."};

// A defect after which nobody can list what the file holds.
bool hides_tensors(safetensors::DefectKind kind) {
  switch (kind) {
    case safetensors::DefectKind::kTooShort:
    case safetensors::DefectKind::kLengthZero:
    case safetensors::DefectKind::kLengthTooLarge:
    case safetensors::DefectKind::kLengthBeyondFile:
    case safetensors::DefectKind::kNotUtf8:
    case safetensors::DefectKind::kNotJson:
    case safetensors::DefectKind::kNotObject:
    case safetensors::DefectKind::kTooDeep:
      return true;
    default:
      return false;
  }
}

// Names that the index places in a shard that is absent or unreadable.
void add_out_of_reach(const Checkpoint& checkpoint, std::unordered_set<std::string_view>& names) {
  if (!checkpoint.index || !checkpoint.index_decides) return;
  std::unordered_set<std::string_view> broken(checkpoint.outside.begin(), checkpoint.outside.end());
  for (const Shard& shard : checkpoint.shards) {
    if (shard.use == ShardUse::kLoaded && !is_sound(shard)) broken.insert(shard.file);
  }
  const Index& index = checkpoint.index->index;
  for (const auto& entry : index.entries) {
    if (broken.contains(index.files[entry.file])) names.insert(entry.name);
  }
}

// Entries of a header that are there and make no tensor: the checks of the file speak of them.
void add_malformed(const Checkpoint& checkpoint, std::unordered_set<std::string_view>& names) {
  for (const Shard& shard : checkpoint.shards) {
    if (shard.use != ShardUse::kLoaded || !shard.header) continue;
    for (const safetensors::Defect& defect : shard.header->defects) {
      if (!defect.tensor.empty()) names.insert(defect.tensor);
    }
  }
}

std::string without_wrappers(std::string_view name, std::span<const std::string_view> wrappers,
                             std::vector<bool>& used) {
  std::string bare(name);
  for (std::size_t w = 0; w < wrappers.size(); ++w) {
    for (std::size_t at = bare.find(wrappers[w]); at != std::string::npos;
         at = bare.find(wrappers[w], at)) {
      // A segment begins the name or follows a dot: "submodule." is none.
      if (at != 0 && bare[at - 1] != '.') {
        ++at;
        continue;
      }
      bare.erase(at, wrappers[w].size());
      used[w] = true;
    }
  }
  return bare;
}

// The wrappers that explain every name, where taking them out gives exactly the expected tensors.
std::vector<std::string> explaining_wrappers(const Checkpoint& checkpoint,
                                             const Expansion& expected) {
  std::vector<bool> used(kWrappers.size());
  std::unordered_set<std::string> seen;
  std::uint64_t required = 0;
  for (const Tensor& tensor : checkpoint.tensors) {
    std::string bare = without_wrappers(tensor.name, kWrappers, used);
    const ExpectedTensor* wanted = expected.find(bare);
    if (wanted == nullptr) {
      if (!expected.is_ignored(bare)) return {};
    } else {
      if (!same_shape(wanted->shape, tensor.shape)) return {};
      if (!wanted->optional) ++required;
    }
    if (!seen.insert(std::move(bare)).second) return {};
  }
  const auto all =
      std::ranges::count_if(expected.tensors, [](const ExpectedTensor& t) { return !t.optional; });
  if (required != static_cast<std::uint64_t>(all)) return {};
  std::vector<std::string> wrappers;
  for (std::size_t w = 0; w < kWrappers.size(); ++w) {
    if (used[w]) wrappers.emplace_back(kWrappers[w]);
  }
  return wrappers;
}

}  // namespace

std::string without_wrappers(std::string_view name, std::span<const std::string> wrappers) {
  const std::vector<std::string_view> views(wrappers.begin(), wrappers.end());
  std::vector<bool> used(views.size());
  return without_wrappers(name, views, used);
}

bool is_sound(const Shard& shard) {
  return shard.header &&
         std::ranges::none_of(shard.header->defects, [](const safetensors::Defect& defect) {
           return hides_tensors(defect.kind);
         });
}

Join join(const Checkpoint& checkpoint, const Expansion& expected) {
  Join result;
  if (!expected.usable) return result;
  for (const Tensor& tensor : checkpoint.tensors) {
    if (checkpoint.find(tensor.name) != &tensor)
      continue;  // another shard's tensor of that name counts
    const ExpectedTensor* wanted = expected.find(tensor.name);
    if (wanted == nullptr) {
      (expected.is_ignored(tensor.name) ? result.ignored : result.unexpected).push_back(&tensor);
    } else if (!same_shape(wanted->shape, tensor.shape)) {
      result.mismatched.push_back({wanted, &tensor});
    } else {
      ++result.matched;
    }
  }
  std::unordered_set<std::string_view> out_of_reach;
  add_out_of_reach(checkpoint, out_of_reach);
  add_malformed(checkpoint, out_of_reach);
  // Without an index nobody knows what a broken shard held, so nothing can be called missing.
  const bool unknown_loss =
      !checkpoint.index_decides && std::ranges::any_of(checkpoint.shards, [](const Shard& shard) {
        return shard.use == ShardUse::kLoaded && !is_sound(shard);
      });
  for (const ExpectedTensor& wanted : expected.tensors) {
    if (wanted.optional || checkpoint.find(wanted.name) != nullptr) continue;
    (unknown_loss || out_of_reach.contains(wanted.name) ? result.lost : result.missing)
        .push_back(&wanted);
  }
  if (!result.unexpected.empty()) result.wrappers = explaining_wrappers(checkpoint, expected);
  return result;
}

}  // namespace shardwright
