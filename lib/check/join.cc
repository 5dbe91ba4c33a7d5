#include "check/join.h"

#include <algorithm>
#include <string>
#include <unordered_set>
#include <utility>

#include "check/causes.h"
#include "check/join_explain.h"
#include "check/later_layers.h"
#include "check/purpose.h"
#include "check/quant_name.h"
#include "check/quantization.h"
#include "check/replaced_shards.h"
#include "check/shard_names.h"
#include "check/strangers.h"

namespace shardwright {
namespace {

using NameViews = std::unordered_set<std::string_view>;

// Names that the index places in a shard that is absent or unreadable or another one, and those
// in a shard that it does not name.
void add_out_of_reach(const Checkpoint& checkpoint, NameViews& names) {
  if (!checkpoint.index) return;
  if (!checkpoint.index_decides) {
    // What a single file beside an index lacks is in the other set: the check of two sets says so.
    for (const IndexEntry& entry : checkpoint.index->index.entries)
      names.insert(entry.name);
    return;
  }
  NameViews broken(checkpoint.outside.begin(), checkpoint.outside.end());
  for (const Shard& shard : checkpoint.shards) {
    if (shard.use == ShardUse::kLoaded && !is_sound(shard)) broken.insert(shard.file);
  }
  for (const Shard* shard : unindexed_shards(checkpoint)) {
    if (!shard->header) continue;
    for (const safetensors::TensorEntry& entry : shard->header->tensors)
      names.insert(entry.name);
  }
  for (const ReplacedShard& replaced : replaced_shards(checkpoint))
    names.insert(replaced.lost.begin(), replaced.lost.end());
  const Index& index = checkpoint.index->index;
  for (const auto& entry : index.entries) {
    if (broken.contains(index.files[entry.file])) names.insert(entry.name);
  }
}

// Entries of a header that are there and make no tensor: the checks of the file speak of them.
void add_malformed(const Checkpoint& checkpoint, NameViews& names) {
  for (const Shard& shard : checkpoint.shards) {
    if (shard.use != ShardUse::kLoaded || !shard.header) continue;
    for (const safetensors::Defect& defect : shard.header->defects) {
      if (!defect.tensor.empty()) names.insert(defect.tensor);
    }
  }
}

// Tensors of which dtype and shape do not fit the range: which of them is wrong, the check of the
// file asks, and a shape that may be wrong is compared with nothing.
NameViews misdescribed(const Checkpoint& checkpoint) {
  NameViews names;
  for (const Shard& shard : checkpoint.shards) {
    if (shard.use != ShardUse::kLoaded || !shard.header) continue;
    for (const safetensors::Defect& defect : shard.header->defects) {
      if (defect.kind == safetensors::DefectKind::kRangeSize ||
          defect.kind == safetensors::DefectKind::kShapeOverflow) {
        names.insert(defect.tensor);
      }
    }
  }
  return names;
}

// Whether the config's tie flag is itself in doubt: then nobody knows whether a head is missing.
bool tie_is_unknown(const Expansion& expected) {
  return std::ranges::any_of(expected.problems, [&](const ConfigProblem& problem) {
    return !problem.pointer.empty() && problem.pointer == expected.tie.pointer;
  });
}

bool is_tied_target(const Expansion& expected, std::string_view name) {
  return std::ranges::find(expected.ties, name, &ExpectedTie::target) != expected.ties.end();
}

// Without an index nobody knows what a broken shard held, so nothing can be called missing.
bool loss_is_unknown(const Checkpoint& checkpoint) {
  return is_visibly_incomplete(checkpoint) ||
         (!checkpoint.index_decides &&
          std::ranges::any_of(checkpoint.shards, [](const Shard& shard) {
            return shard.use == ShardUse::kLoaded && !is_sound(shard);
          }));
}

// The weights, by the names of the rule, of which parts have such names.
std::unordered_set<std::string> weights_in_parts(const NameViews& names) {
  std::unordered_set<std::string> weights;
  for (const std::string_view name : names) {
    if (const auto part = quant_part(name)) weights.insert(weight_of_part(*part));
  }
  return weights;
}

// By names alone nobody knows all that a method stores: what is called unexpected is certain.
void find_strangers(const Checkpoint& checkpoint, const Expansion& expected, Join& join) {
  join.unexpected = adapter_tensors(checkpoint, expected, join);
  explain_adapter(checkpoint, expected, join);
  join.unexpected.clear();
  // One that is missing may be the same under another name.
  const bool sure = join.modules_compared && join.missing.empty() && join.absent_layers.empty();
  if (!sure) return;
  const std::unordered_set<const Tensor*> told(join.adapter.begin(), join.adapter.end());
  join.unexpected = strangers(checkpoint, expected, join);
  erase_explained(join.unexpected, told);
}

void join_hidden(const Checkpoint& checkpoint, const Expansion& expected, Join& join) {
  if (loss_is_unknown(checkpoint)) return;
  compare_modules(checkpoint, expected, join);
  NameViews out_of_reach;
  add_out_of_reach(checkpoint, out_of_reach);
  add_malformed(checkpoint, out_of_reach);
  const std::unordered_set<std::string> in_parts = weights_in_parts(out_of_reach);
  std::erase_if(join.missing, [&](const ExpectedTensor* wanted) {
    return out_of_reach.contains(wanted->name) || in_parts.contains(std::string(wanted->name));
  });
  if (join.missing.empty() || !has_foreign_names(join)) {
    explain_experts(checkpoint, expected, join);
    explain_layers(checkpoint, expected, join);
    find_strangers(checkpoint, expected, join);
  } else {
    explain_wrapped_parts(checkpoint, expected, join);
  }
}

}  // namespace

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

bool is_sound(const Shard& shard) {
  return shard.header &&
         std::ranges::none_of(shard.header->defects, [](const safetensors::Defect& defect) {
           return hides_tensors(defect.kind);
         });
}

bool is_all_readable(const Checkpoint& checkpoint) {
  return std::ranges::all_of(checkpoint.shards, [](const Shard& shard) {
    return shard.use != ShardUse::kLoaded || is_sound(shard);
  });
}

bool is_all_there(const Checkpoint& checkpoint) {
  return !checkpoint.tensors.empty() && is_all_readable(checkpoint);
}

Join join(const Checkpoint& checkpoint, const Expansion& expected) {
  Join result;
  result.expected_of = expected.find_all(names_of(checkpoint));
  read_quantization(checkpoint, result);
  result.compared = expected.usable && result.quantization.empty() && !is_adapter(checkpoint);
  if (!result.compared) {
    if (expected.usable && !result.quantization.empty()) join_hidden(checkpoint, expected, result);
    return result;
  }

  const NameViews doubtful = misdescribed(checkpoint);
  const LaterLayers later = later_layers(checkpoint, expected);
  std::vector<bool> is_stored(expected.tensors.size());
  auto superseded = checkpoint.superseded.begin();
  for (std::size_t i = 0; i < checkpoint.tensors.size(); ++i) {
    if (superseded != checkpoint.superseded.end() && superseded->earlier == i) {
      ++superseded;  // another shard's tensor of that name counts
      continue;
    }
    const Tensor& tensor = checkpoint.tensors[i];
    const bool surplus = is_surplus(later, expected, tensor.name);
    if (surplus) result.expected_of[i] = nullptr;
    const ExpectedTensor* wanted = result.expected_of[i];
    if (wanted != nullptr)
      is_stored[static_cast<std::size_t>(wanted - expected.tensors.data())] = true;
    if (wanted == nullptr) {
      const bool ignored = !surplus && expected.is_ignored(tensor.name);
      (ignored ? result.ignored : result.unexpected).push_back(&tensor);
    } else if (!same_shape(wanted->shape, tensor.shape) &&
               !is_whole_scale(checkpoint, expected, *wanted, tensor)) {
      if (!doubtful.contains(tensor.name)) result.mismatched.push_back({wanted, &tensor});
    } else {
      ++result.matched;
    }
  }

  NameViews out_of_reach;
  add_out_of_reach(checkpoint, out_of_reach);
  add_malformed(checkpoint, out_of_reach);
  const bool unknown_loss = loss_is_unknown(checkpoint);
  const bool tie_unknown = tie_is_unknown(expected);
  for (std::size_t i = 0; i < expected.tensors.size(); ++i) {
    const ExpectedTensor& wanted = expected.tensors[i];
    if (is_stored[i]) continue;
    if (wanted.optional) {
      if (!unknown_loss && needs_input_scale(checkpoint, wanted) &&
          !out_of_reach.contains(wanted.name))
        result.input_scales.push_back(&wanted);
      continue;
    }
    if (wanted.role == Role::kBlockScale && !result.leftover_quantization.empty()) continue;
    if (tie_unknown && is_tied_target(expected, wanted.name)) continue;
    (unknown_loss || out_of_reach.contains(wanted.name) ? result.lost : result.missing)
        .push_back(&wanted);
  }

  if (!result.missing.empty()) explain_ties(checkpoint, expected, result);
  if (!result.unexpected.empty()) {
    explain_quantization(checkpoint, expected, result);
    explain_wrappers(checkpoint, expected, result);
    explain_adapter(checkpoint, expected, result);
    explain_prefixes(checkpoint, expected, result);
  }
  explain_class(checkpoint, expected, result);
  if (!result.unexpected.empty()) {
    explain_outer_prefix(checkpoint, expected, result);
    explain_layouts(checkpoint, expected, result);
    explain_division(result);
  }
  explain_experts(checkpoint, expected, result);
  explain_settings(checkpoint, expected, result);
  if (!result.unexpected.empty() || !result.missing.empty()) {
    explain_renames(checkpoint, expected, result);
    explain_layers(checkpoint, expected, result);
    explain_numbering(checkpoint, expected, result);
    explain_depth(checkpoint, expected, result);
  }
  if (!result.mismatched.empty()) explain_shapes(checkpoint, expected, result);
  const auto head = std::ranges::find(result.missing, Role::kHead, &ExpectedTensor::role);
  if (head != result.missing.end() && result.matched > 0) {
    result.missing_head = *head;
    result.missing.erase(head);
  }
  return result;
}

}  // namespace shardwright
