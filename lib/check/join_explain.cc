#include "check/join_explain.h"

#include <algorithm>
#include <array>
#include <unordered_map>

#include <fmt/format.h>

#include "arch/layout.h"
#include "check/quant_name.h"

namespace shardwright {
namespace {

// Segments that wrappers of a module put into parameter names, at any depth: of torch, of NeMo, and
// of PEFT.
constexpr std::array<std::string_view, 7> kWrappers = {
    "_fsdp_wrapped_module.", "_checkpoint_wrapped_module.", "_orig_mod.", "module.",
    "_fp32_params.",         "base_model.model.",           "base_layer."};

// Whether `segment` stands at `at` as a whole: "submodule." holds no "module.".
bool segment_at(std::string_view name, std::size_t at) {
  return at == 0 || name[at - 1] == '.';
}

std::string strip(std::string_view name, std::string_view segment, bool& found) {
  std::string bare(name);
  for (std::size_t at = bare.find(segment); at != std::string::npos; at = bare.find(segment, at)) {
    if (!segment_at(bare, at)) {
      ++at;
      continue;
    }
    bare.erase(at, segment.size());
    found = true;
  }
  return bare;
}

}  // namespace

std::string without_wrappers(std::string_view name, std::span<const std::string> wrappers) {
  std::string bare(name);
  bool found = false;
  for (const std::string& wrapper : wrappers)
    bare = strip(bare, wrapper, found);
  return bare;
}

std::vector<std::string> wrappers_in(const Checkpoint& checkpoint) {
  std::array<bool, kWrappers.size()> used{};
  for (const Tensor& tensor : checkpoint.tensors) {
    std::string bare(tensor.name);
    for (std::size_t w = 0; w < kWrappers.size(); ++w) {
      bool found = false;
      bare = strip(bare, kWrappers.at(w), found);
      used.at(w) = used.at(w) || found;
    }
  }
  std::vector<std::string> wrappers;
  for (std::size_t w = 0; w < kWrappers.size(); ++w) {
    if (used.at(w)) wrappers.emplace_back(kWrappers.at(w));
  }
  return wrappers;
}

std::vector<std::string> text_segment_in(const Checkpoint& checkpoint, const Expansion& expected) {
  if (expected.base_prefix.empty()) return {};
  const std::string start = fmt::format("{}{}", expected.base_prefix, kTextSegment);
  if (std::ranges::none_of(checkpoint.tensors,
                           [&](const Tensor& tensor) { return tensor.name.starts_with(start); })) {
    return {};
  }
  return {std::string(kTextSegment)};
}

std::string bare_name(std::string_view name, std::string_view outer_prefix,
                      std::span<const std::string> wrappers) {
  if (outer_prefix.empty()) return without_wrappers(name, wrappers);
  return std::string(name.starts_with(outer_prefix) ? name.substr(outer_prefix.size()) : name);
}

namespace {

// A source of a tie that is there under another name needs nothing to stand in for it.
template <typename IsThere>
void drop_stand_ins(Join& join, const IsThere& is_there) {
  std::erase_if(join.stand_ins, [&](const Tolerated& tie) { return is_there(tie.expected); });
}

// Takes wrappers out of all names, or else what a model that sees puts before its text, where each
// is then known.
template <typename IsKnown>
void unwrap(const Checkpoint& checkpoint, const Expansion& expected, Join& join,
            const IsKnown& is_known) {
  std::vector<std::string> wrappers = wrappers_in(checkpoint);
  if (wrappers.empty()) wrappers = text_segment_in(checkpoint, expected);
  if (wrappers.empty()) return;
  std::unordered_set<std::string> seen;
  bool shapes_agree = true;
  for (const Tensor& tensor : checkpoint.tensors) {
    std::string bare = without_wrappers(tensor.name, wrappers);
    const ExpectedTensor* wanted = expected.find(bare);
    if (!is_known(bare)) return;
    if (wanted != nullptr && !same_shape(wanted->shape, tensor.shape)) shapes_agree = false;
    if (!seen.insert(std::move(bare)).second) return;
  }
  join.wrappers = std::move(wrappers);
  join.unexpected.clear();
  const auto is_there = [&](const ExpectedTensor* wanted) {
    return seen.contains(std::string(wanted->name));
  };
  std::erase_if(join.missing, is_there);
  drop_stand_ins(join, is_there);
  join.wrappers_exact = shapes_agree && join.missing.empty() && join.lost.empty();
}

}  // namespace

void explain_wrappers(const Checkpoint& checkpoint, const Expansion& expected, Join& join) {
  unwrap(checkpoint, expected, join, [&](std::string_view bare) {
    return expected.find(bare) != nullptr || expected.is_ignored(bare);
  });
}

void explain_wrapped_parts(const Checkpoint& checkpoint, const Expansion& expected, Join& join) {
  const auto is_known = [&](std::string_view bare) {
    const auto part = quant_part(bare);
    return expected.find(bare) != nullptr || expected.is_ignored(bare) || is_cache_scale(bare) ||
           (part && expected.find(weight_of_part(*part)) != nullptr);
  };
  unwrap(checkpoint, expected, join, is_known);
  if (join.wrappers.empty()) return;
  std::unordered_set<std::string> modules;
  for (const Tensor& tensor : checkpoint.tensors) {
    const std::string bare = without_wrappers(tensor.name, join.wrappers);
    const auto part = quant_part(bare);
    modules.emplace(part ? part->module : module_name(bare));
  }
  std::erase_if(join.missing, [&](const ExpectedTensor* wanted) {
    return modules.contains(std::string(module_name(wanted->name)));
  });
  // Parts have shapes of their own.
  join.wrappers_exact = join.missing.empty() && join.lost.empty();
}

void explain_outer_prefix(const Checkpoint& checkpoint, const Expansion& expected, Join& join) {
  if (join.matched != 0 || !join.mismatched.empty() || !join.odd_prefix.empty()) return;
  const std::string_view first = checkpoint.tensors.front().name;
  constexpr int kMostSegments = 4;
  std::size_t length = 0;
  for (int i = 0; i < kMostSegments; ++i) {
    const std::size_t dot = first.find('.', length);
    if (dot == std::string_view::npos) return;
    length = dot + 1;
    const std::string_view prefix = first.substr(0, length);
    std::unordered_set<const ExpectedTensor*> found;
    const bool explains = std::ranges::all_of(checkpoint.tensors, [&](const Tensor& tensor) {
      if (!tensor.name.starts_with(prefix)) return false;
      const std::string_view bare = tensor.name.substr(length);
      const ExpectedTensor* wanted = expected.find(bare);
      if (wanted == nullptr) return expected.is_ignored(bare);
      return same_shape(wanted->shape, tensor.shape) && found.insert(wanted).second;
    });
    if (!explains || found.empty()) continue;
    join.outer_prefix = prefix;
    join.unexpected.clear();
    erase_explained(join.missing, found);
    join.wrappers_exact = join.missing.empty() && join.lost.empty();
    return;
  }
}

// Of a tied pair the loader takes whichever is stored: writers that keep the first of two names
// keep the head.
void explain_ties(const Checkpoint& checkpoint, const Expansion& expected, Join& join) {
  if (!expected.tie.tied) return;
  for (const ExpectedTie& tie : expected.ties) {
    const auto wanted = std::ranges::find(join.missing, tie.source, &ExpectedTensor::name);
    const Tensor* stored = checkpoint.find(tie.target);
    if (wanted == join.missing.end() || stored == nullptr ||
        !same_shape((*wanted)->shape, stored->shape)) {
      continue;
    }
    join.stand_ins.push_back({stored, *wanted});
    join.missing.erase(wanted);
  }
}

const ExpectedTensor* with_other_prefix(const Expansion& expected, const Tensor& tensor) {
  const std::string_view prefix = expected.base_prefix;
  if (prefix.empty()) return nullptr;
  std::string name(tensor.name);
  if (name.starts_with(prefix)) {
    name.erase(0, prefix.size());
  } else {
    name.insert(0, prefix);
  }
  const ExpectedTensor* wanted = expected.find(name);
  return wanted != nullptr && same_shape(wanted->shape, tensor.shape) ? wanted : nullptr;
}

void explain_prefixes(const Checkpoint& checkpoint, const Expansion& expected, Join& join) {
  std::unordered_set<const Tensor*> stored;
  std::unordered_set<const ExpectedTensor*> found;
  for (const Tensor* tensor : join.unexpected) {
    const ExpectedTensor* wanted = with_other_prefix(expected, *tensor);
    if (wanted == nullptr) continue;
    if (checkpoint.find(wanted->name) != nullptr) continue;
    join.odd_prefix.push_back({tensor, wanted});
    stored.insert(tensor);
    found.insert(wanted);
  }
  erase_explained(join.unexpected, stored);
  erase_explained(join.missing, found);
  drop_stand_ins(join, [&](const ExpectedTensor* wanted) { return found.contains(wanted); });
}

void explain_layouts(const Checkpoint& checkpoint, const Expansion& expected, Join& join) {
  const json::Value* config = checkpoint.config_value();
  if (join.unexpected.empty() || join.missing.empty() || config == nullptr) return;
  std::vector<std::string> others = {"hub"};
  for (const SchemaLayout& layout : expected.schema->layouts) {
    if (!layout.internal) others.push_back(layout.name);
  }
  for (const std::string& other : others) {
    if (other == expected.layout) continue;
    const auto map =
        map_layouts(*expected.schema, *config, expected.class_name, expected.layout, other);
    if (!map) continue;
    std::unordered_map<std::string_view, const MappedTensor*> targets;
    for (const MappedTensor& target : map->tensors)
      targets.emplace(target.name, &target);
    std::unordered_set<const Tensor*> stored;
    std::unordered_set<const ExpectedTensor*> found;
    for (const Tensor* tensor : join.unexpected) {
      const auto target = targets.find(tensor->name);
      if (target == targets.end() || !same_shape(target->second->shape, tensor->shape)) continue;
      // What is stored in this layout already is there twice, and loaders stop at it.
      const auto is_stored = [&](const LayoutPart& part) {
        return checkpoint.find(part.source) != nullptr;
      };
      if (std::ranges::any_of(target->second->parts, is_stored)) continue;
      stored.insert(tensor);
      for (const LayoutPart& part : target->second->parts) {
        if (const ExpectedTensor* wanted = expected.find(part.source)) found.insert(wanted);
      }
    }
    if (stored.empty()) continue;
    for (const Tensor* tensor : join.unexpected) {
      if (stored.contains(tensor)) join.other_layout.push_back(tensor);
    }
    join.other_layout_name = other;
    erase_explained(join.unexpected, stored);
    erase_explained(join.missing, found);
    return;
  }
}

}  // namespace shardwright
