#include "check/coverage.h"

#include <algorithm>
#include <string_view>
#include <unordered_set>

#include <fmt/format.h>

#include "base/utf8.h"
#include "check/causes.h"
#include "check/check.h"
#include "check/fixes.h"
#include "check/quant_name.h"
#include "check/shard_names.h"
#include "check/wording.h"

namespace shardwright {
namespace {

// What the shards of the set hold that the index leaves out. That it is the model's is another
// question: trouble_with_unindexed.
std::unordered_set<std::string_view> unindexed_names(const Checkpoint& checkpoint) {
  std::unordered_set<std::string_view> names;
  for (const Shard* shard : unindexed_shards(checkpoint)) {
    if (!shard->header) continue;
    for (const safetensors::TensorEntry& entry : shard->header->tensors)
      names.insert(entry.name);
  }
  return names;
}

std::string trouble_with_shards(const Model& model) {
  const Checkpoint& checkpoint = model.checkpoint;
  if (!checkpoint.outside.empty()) return "the index names files outside the folder";
  std::unordered_set<std::string_view> unindexed;
  if (!model.index_join.absent.empty()) unindexed = unindexed_names(checkpoint);
  for (const AbsentShard& absent : model.index_join.absent) {
    const bool is_lost = std::ranges::any_of(
        absent.lost, [&](const IndexEntry* entry) { return !unindexed.contains(entry->name); });
    if (is_lost) return fmt::format("{} is absent", quoted(absent.shard->file));
  }
  if (!model.index_join.replaced.empty()) {
    const Shard& shard = checkpoint.shards[model.index_join.replaced.front().shard];
    return fmt::format("another shard lies in the place of {}", quoted(shard.file));
  }
  bool any = false;
  for (const Shard& shard : checkpoint.shards) {
    if (shard.use != ShardUse::kLoaded || !shard.present) continue;
    any = true;
    if (!is_sound(shard)) return fmt::format("{} cannot be read", quoted(shard.file));
    using safetensors::DefectKind;
    if (shard.header->count(DefectKind::kEntryMalformed) > 0 ||
        shard.header->count(DefectKind::kUnknownDType) > 0) {
      return fmt::format("not all entries of {} can be read", quoted(shard.file));
    }
  }
  return any ? "" : "no shard is there";
}

// What a shard that is absent may have held although the rule can do without it.
std::string what_may_be_lost(const Expansion& expected, const Checkpoint& checkpoint) {
  for (const ExpectedTensor& wanted : expected.tensors) {
    const bool tied =
        std::ranges::find(expected.ties, wanted.name, &ExpectedTie::target) != expected.ties.end();
    if (wanted.optional && !tied && checkpoint.find(wanted.name) == nullptr) {
      return std::string(wanted.name);
    }
  }
  const auto more = std::ranges::find_if_not(expected.ignored(), is_buffer_name);
  return more != expected.ignored().end() ? *more : "";
}

// The rule says that the shards are one set, and all of it: what they hold is there once, and it is
// all that a checkpoint of this config can hold.
bool is_whole_by_rule(const Model& model) {
  return model.join.compared && !lacks_tensors(model.join) && model.join.mismatched.empty() &&
         model.join.unexpected.empty() && model.index_join.twice.empty() &&
         what_may_be_lost(*model.expected, model.checkpoint).empty();
}

std::string trouble_with_numbers(const Model& model) {
  const Checkpoint& checkpoint = model.checkpoint;
  if (is_whole_by_rule(model)) return "";
  const auto families = shard_families(checkpoint, ShardUse::kLoaded);
  if (families.size() > 1) {
    return fmt::format("the shards are of {} sets, {} and {}", families.size(),
                       quoted(families[0].text()), quoted(families[1].text()));
  }
  for (const ShardFamily& family : families) {
    for (const std::string& absent : family.absent(1)) {
      const bool is_there =
          std::ranges::find(checkpoint.shards, absent, &Shard::file) != checkpoint.shards.end();
      if (!is_there) return fmt::format("{} is absent", quoted(absent));
    }
  }
  return "";
}

// A scale, say, of a weight that the index names.
bool is_quant_companion(const Model& model, std::string_view name) {
  const auto part = quant_part(name);
  if (!part || part->whole || !model.checkpoint.index) return false;
  const auto is_indexed = [&](std::string_view whole) {
    const std::string weight = fmt::format("{}.{}", part->module, whole);
    const Tensor* stored = model.checkpoint.find(weight);
    return stored != nullptr && stored->readable;
  };
  return is_indexed("weight") || is_indexed("qweight") || is_indexed("weight_packed");
}

// Shards of the set that the index leaves out: they are of the model where the rule wants each of
// their tensors, or it belongs to a quantised weight, and no other shard holds it.
std::string trouble_with_unindexed(const Model& model) {
  std::unordered_set<std::string_view> found;
  for (const Shard* shard : unindexed_shards(model.checkpoint)) {
    if (!is_sound(*shard)) return fmt::format("{} cannot be read", quoted(shard->file));
    for (const safetensors::TensorEntry& entry : shard->header->tensors) {
      const ExpectedTensor* wanted =
          model.join.compared ? model.expected->find(entry.name) : nullptr;
      const bool belongs = wanted != nullptr ? same_shape(wanted->shape, entry.shape)
                                             : is_quant_companion(model, entry.name);
      if (!belongs || !entry.readable || model.checkpoint.find(entry.name) != nullptr ||
          !found.insert(entry.name).second) {
        return fmt::format(
            "whether {} of {}, which the index does not name, is part of the model cannot be "
            "proven",
            quoted(entry.name), quoted(shard->file));
      }
    }
  }
  const auto lost = std::ranges::find_if(
      model.join.lost, [&](const ExpectedTensor* wanted) { return !found.contains(wanted->name); });
  return lost == model.join.lost.end() ? ""
                                       : fmt::format("{} cannot be read", quoted((*lost)->name));
}

std::string trouble_without_rule(const Model& model) {
  const Checkpoint& checkpoint = model.checkpoint;
  if (checkpoint.index && !checkpoint.index->index.entries.empty()) {
    if (model.index_join.phantoms.empty()) return "";
    return fmt::format("{} is nowhere stored, and no rule says whether it should be",
                       quoted(model.index_join.phantoms.front()->name));
  }
  return shard_families(checkpoint, ShardUse::kLoaded).empty()
             ? "nobody can tell which shards there should be"
             : "";
}

bool misses_tensors(const Join& join) {
  return !join.missing.empty() || !join.input_scales.empty() || !join.renamed.empty() ||
         !join.adapter.empty() || join.unexplained ||
         (!join.other_class.empty() && !join.lacks_nothing_of_class) ||
         (join.implied_model_type && !join.implied_model_type->missing.empty()) ||
         (join.implied_setting && !join.implied_setting->missing.empty()) ||
         join.missing_head != nullptr || !join.absent_layers.empty() ||
         !join.other_division.empty() ||
         (join.experts && join.experts->stored < join.experts->config);
}

std::string gap(const Model& model) {
  if (auto found = trouble_with_shards(model); !found.empty()) return found;
  if (auto found = trouble_with_numbers(model); !found.empty()) return found;
  if (!model.data.duplicates_differ.empty()) {
    return fmt::format("two shards hold {} with different bytes",
                       quoted(model.data.duplicates_differ.front()));
  }
  if (auto found = trouble_with_unindexed(model); !found.empty()) return found;
  if (!model.join.compared) return trouble_without_rule(model);
  return misses_tensors(model.join) ? "tensors that the architecture needs are not stored" : "";
}

}  // namespace

bool lacks_tensors(const Join& join) {
  return join.compared && (!join.lost.empty() || misses_tensors(join));
}

Coverage coverage(const Model& model) {
  std::string found = gap(model);
  return {.complete = found.empty(), .gap = std::move(found)};
}

Fix number_fix(const Model& model) {
  Fix fix = rebuild_fix(model, "write the index from the headers of the shards");
  if (fix.safety == Safety::kSafe && can_be_numbered(model.checkpoint)) {
    fix.summary = "number the shards anew, and write the index from their headers";
    fix.edits.emplace_back(edit::NumberShards{});
  }
  return fix;
}

Fix rebuild_fix(const Model& model, std::string summary) {
  const Coverage found = coverage(model);
  if (found.complete) return safe_fix(std::move(summary), {edit::RebuildIndex{}});
  return no_fix(fmt::format("an index made from what is here would hide a loss: {}", found.gap));
}

}  // namespace shardwright
