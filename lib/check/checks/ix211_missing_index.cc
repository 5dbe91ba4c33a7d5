// IX211: there are several shards and no index.
// docs/checks/IX211-missing-index.md
#include <algorithm>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "base/utf8.h"
#include "check/check.h"
#include "check/coverage.h"
#include "check/fixes.h"
#include "check/layers_text.h"
#include "check/purpose.h"
#include "check/shard_names.h"
#include "check/single_file.h"
#include "check/whole_set.h"
#include "check/wording.h"

namespace shardwright {
namespace {

struct Scene {
  std::vector<std::string> files{};
  std::vector<std::string> absent{};  // numbers of the sets that are not there
  bool numbered{};
  std::vector<std::string> sets{};  // "model-*-of-00003.safetensors", where there are several
  bool unfinished{};                // the names that mergekit uses until it has finished
};

Scene look(const Checkpoint& checkpoint) {
  Scene scene;
  for (const Shard& shard : checkpoint.shards) {
    if (shard.use == ShardUse::kLoaded) scene.files.push_back(shard.file);
  }
  const auto families = shard_families(checkpoint, ShardUse::kLoaded);
  scene.numbered = !families.empty();
  for (const ShardFamily& family : families) {
    std::ranges::move(family.absent(), std::back_inserter(scene.absent));
    if (families.size() > 1) scene.sets.push_back(family.text());
  }
  scene.unfinished = std::ranges::all_of(scene.files, is_unfinished_name);
  return scene;
}

// "; of 21 tensors that 'llama' needs, 9 are nowhere: layers 3 to 5 are missing"
std::string what_is_lost(const Model& model) {
  if (!model.join.compared || model.join.lost.empty()) return "";
  std::map<std::int32_t, std::size_t> needed;
  std::size_t all = 0;
  for (const ExpectedTensor& wanted : model.expected->tensors) {
    if (wanted.optional) continue;
    ++all;
    ++needed[wanted.layer];
  }
  ByLayer<ExpectedTensor> layers;
  for (const ExpectedTensor* wanted : model.join.lost)
    layers[wanted->layer].push_back(wanted);
  layers.erase(-1);
  std::erase_if(layers,
                [&](const auto& layer) { return layer.second.size() != needed[layer.first]; });
  std::string text = fmt::format("; of {} tensors that '{}' needs {} are not there", all,
                                 model.expected->schema->name, model.join.lost.size());
  if (!layers.empty()) text += fmt::format(", {} missing as a whole", layers_text(layers));
  return text;
}

std::string all_is_there(const Model& model) {
  return fmt::format("; all that '{}' needs is there", model.expected->schema->name);
}

bool nothing_is_lost(const Model& model) {
  return model.join.compared && !lacks_tensors(model.join);
}

std::string what(const Model& model, const Scene& scene) {
  const std::string start =
      fmt::format("there is no index for {}", counted(scene.files.size(), "shard"));
  if (scene.unfinished) {
    return fmt::format(
        "{}, {}: mergekit gives its shards such names until it has finished, so the "
        "merge was interrupted{}",
        start, some_of(scene.files),
        nothing_is_lost(model)
            ? fmt::format(", after all that '{}' needs was written", model.expected->schema->name)
            : what_is_lost(model));
  }
  const bool whole = coverage(model).complete;
  if (!scene.sets.empty()) {
    return fmt::format(
        "{}, and they are of {} sets, {}: transformers finds no weights without an index, and "
        "loaders that take all files mix the sets{}",
        start, scene.sets.size(), some_of(scene.sets), whole ? all_is_there(model) : "");
  }
  if (!scene.absent.empty()) {
    return fmt::format("{}, and {} {} absent: {}", start, some_of(scene.absent),
                       scene.absent.size() == 1 ? "is" : "are",
                       whole ? "the names count shards that there are not" + all_is_there(model)
                             : "the save or the download was interrupted" + what_is_lost(model));
  }
  return fmt::format(
      "{}, {}: transformers finds no weights without it; it prints 'Error no file "
      "named model.safetensors'",
      start, some_of(scene.files));
}

Fix fix_for(const Model& model, const Scene& scene) {
  if (scene.unfinished && !nothing_is_lost(model))
    return no_fix("what was not written is gone: run the merge again");
  Fix fix = number_fix(model);
  if (fix.safety == Safety::kSafe) return fix;
  if (!scene.sets.empty()) {
    if (const auto whole = one_whole_set(model)) {
      std::vector<Edit> edits;
      for (const std::string& file : whole->others)
        edits.emplace_back(edit::DropFile{file});
      edits.emplace_back(edit::RebuildIndex{});
      return unsafe_fix(
          fmt::format("leave out {}, and write the index of {}, which alone has all that '{}' "
                      "needs",
                      some_of(whole->others), whole->text, model.expected->schema->name),
          std::move(edits));
    }
    return no_fix("remove the files of the set that is not meant, and check again");
  }
  if (!scene.absent.empty()) {
    return no_fix(
        fmt::format("{} of {} shards are absent: fetch them again, or write the "
                    "checkpoint again",
                    scene.absent.size(), scene.absent.size() + scene.files.size()));
  }
  return fix;
}

void missing_index(const Model& model, const Reporter& report) {
  const Checkpoint& checkpoint = model.checkpoint;
  if (checkpoint.kind != CheckpointKind::kFolder || checkpoint.index ||
      single_file(checkpoint) != nullptr) {
    return;
  }
  const Scene scene = look(checkpoint);
  if (scene.files.empty() || (scene.files.size() == 1 && !scene.numbered && !scene.unfinished)) {
    return;
  }
  Report finding{
      .message = what(model, scene), .fix = fix_for(model, scene), .places = scene.files};
  if (scene.files.size() == 1) finding.file = scene.files.front();
  if (is_collection(checkpoint)) {
    // A collection of files is no broken model.
    finding.message =
        fmt::format("there is no index and no config.json of a model: {} were checked one by one",
                    some_of(scene.files));
    finding.severity = Severity::kInfo;
    finding.fix.reset();
  } else if (has_pickled_weights(checkpoint)) {
    finding.message += "; transformers loads pytorch_model.bin instead";
    finding.severity = Severity::kWarning;
  }
  report(std::move(finding));
}

}  // namespace

extern const Check kMissingIndex;
constinit const Check kMissingIndex{
    .code = "IX211",
    .name = "missing-index",
    .summary = "there are several shards and no index",
    .severity = Severity::kError,
    .repair = Repair::kSafe,
    .since = "0.1",
    .run = missing_index,
};

}  // namespace shardwright
