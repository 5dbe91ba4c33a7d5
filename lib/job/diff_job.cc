#include "shardwright/diff_job.h"

#include <algorithm>
#include <array>
#include <memory>
#include <optional>
#include <utility>

#include <fmt/format.h>

#include "base/try.h"
#include "base/utf8.h"
#include "job/check_model.h"
#include "job/diff_bytes.h"
#include "job/diff_files.h"
#include "job/diff_tensors.h"

namespace shardwright {
namespace {

// What keeps tensors of a shard from being known; empty where all are.
std::string unknown_tensors(const Shard& shard) {
  if (!shard.open_error.empty()) return shard.open_error;
  if (shard.foreign != safetensors::ForeignKind::kNone)
    return std::string(safetensors::foreign_name(shard.foreign));
  if (!shard.header) return "it is not there";
  using enum safetensors::DefectKind;
  for (const auto kind : {kTooShort, kLengthZero, kLengthTooLarge, kLengthBeyondFile, kNotUtf8,
                          kNotJson, kNotObject, kTooDeep, kEntryMalformed, kUnknownDType}) {
    if (shard.header->count(kind) > 0) return "not all of its header can be read";
  }
  return {};
}

void note_problems(const std::string& path, const Checkpoint& model, DiffReport& report) {
  for (const Shard& shard : model.shards) {
    if (shard.use != ShardUse::kLoaded) continue;
    const std::string why = unknown_tensors(shard);
    if (why.empty()) continue;
    report.problems.push_back(fmt::format("{} of {} cannot be compared: {}", quoted(shard.file),
                                          quoted(path, kShownPath), why));
  }
  for (const std::string& name : model.outside) {
    report.problems.push_back(fmt::format("{} of {} is outside of the folder, and was not opened",
                                          quoted(name), quoted(path, kShownPath)));
  }
}

std::size_t loaded_shards(const Checkpoint& model) {
  return static_cast<std::size_t>(std::ranges::count(model.shards, ShardUse::kLoaded, &Shard::use));
}

bool has_state(const DiffReport& report, DiffState state) {
  return std::ranges::find(report.tensors, state, &TensorDiff::state) != report.tensors.end();
}

// The rule and the layout by which a model's names are read; none where no rule knows it.
std::optional<std::pair<std::string, std::string>> layout_of(
    Checkpoint checkpoint, const std::string& path,
    const std::shared_ptr<const Catalogue>& catalogue, const DiffOptions& options) {
  CheckOptions check{.rules_dir = options.rules_dir, .threads = options.threads};
  check.monitor.stop = options.monitor.stop;
  const auto checked = check_checkpoint(std::move(checkpoint), path, catalogue, check);
  if (!checked || !checked->report.architecture) return std::nullopt;
  const ArchitectureFacts& facts = *checked->report.architecture;
  return std::pair(facts.schema, facts.layout);
}

// Where names are on both sides alone, the two may be one model in two layouts.
Status note_layouts(Checkpoint a, Checkpoint b, const DiffOptions& options, DiffReport& report) {
  if (!has_state(report, DiffState::kOnlyA) || !has_state(report, DiffState::kOnlyB)) return ok();
  SW_TRY(const auto catalogue, load_catalogue(options.rules_dir));
  const auto in_a = layout_of(std::move(a), report.a, catalogue, options);
  const auto in_b = layout_of(std::move(b), report.b, catalogue, options);
  if (!in_a || !in_b || in_a->first != in_b->first || in_a->second == in_b->second) return ok();
  report.notes.push_back(fmt::format(
      "A has the names of layout '{}' of {}, B those of '{}': 'shardwright repair --layout {}' "
      "writes B under the names of A",
      in_a->second, in_a->first, in_b->second, in_a->second));
  return ok();
}

Tensor whole_file(const ByteSource& source) {
  Tensor whole{.name = {}, .shape = {}, .dtype = DType::kU8};
  whole.source = &source;
  whole.bytes = source.size();
  whole.readable = true;
  return whole;
}

// As far as both have any beside their weights.
Result<std::vector<OpenFile>> compare_files(const Checkpoint& a, const Checkpoint& b,
                                            DiffReport& report) {
  if (a.kind == CheckpointKind::kFile || b.kind == CheckpointKind::kFile) {
    report.notes.emplace_back("one of them is a single file: tensors alone were compared");
    return std::vector<OpenFile>{};
  }
  const auto compared = compare_json_files(a, b, report);
  if (a.kind == CheckpointKind::kFolder && b.kind == CheckpointKind::kFolder)
    return pair_files(a, b, compared, report);
  report.notes.emplace_back("one of them is an index: tensors and JSON files alone were compared");
  return std::vector<OpenFile>{};
}

// A row whose bytes were read, or that needs no reading.
void take_tensor(TensorPairing tensor, const PairDifference& found, DiffReport& report) {
  TensorDiff& row = tensor.row;
  if (tensor.pair.a.source != nullptr) {
    if (row.state == DiffState::kValues && found.same_bytes) {
      count_same(tensor.pair.a, report);
      return;
    }
    row.same_bytes = found.same_bytes;
    if (tensor.pair.values && !row.same_bytes)
      row.values = value_difference(found.sums, tensor.pair.a);
  }
  report.tensors.push_back(std::move(row));
}

}  // namespace

std::string_view diff_state_name(DiffState state) {
  constexpr std::array<std::string_view, 6> kNames = {"only_a", "only_b", "shape",
                                                      "dtype",  "values", "unread"};
  return kNames.at(static_cast<std::size_t>(state));
}

DiffSummary summarize(const DiffReport& report) {
  DiffSummary summary{.same = report.same};
  for (const TensorDiff& tensor : report.tensors) {
    switch (tensor.state) {
      case DiffState::kOnlyA:
        ++summary.only_a;
        break;
      case DiffState::kOnlyB:
        ++summary.only_b;
        break;
      case DiffState::kUnread:
        ++summary.unread;
        break;
      default:
        ++summary.different;
    }
  }
  return summary;
}

Result<DiffReport> diff(const std::string& path_a, const std::string& path_b,
                        const DiffOptions& options) {
  DiffReport report{.a = path_a, .b = path_b};
  const OpenOptions open{.threads = options.threads, .pickled = true};
  SW_TRY(Checkpoint a, open_checkpoint(path_a, open));
  SW_TRY(Checkpoint b, open_checkpoint(path_b, open));
  note_problems(path_a, a, report);
  note_problems(path_b, b, report);

  std::vector<OpenFile> files;
  if (!options.tensors_only) {
    SW_TRY(files, compare_files(a, b, report));
  }

  std::vector<TensorPairing> tensors = pair_up(a, b, report);
  std::vector<ComparedPair> pairs;
  for (const TensorPairing& tensor : tensors)
    pairs.push_back(tensor.pair);
  for (const OpenFile& file : files)
    pairs.push_back({.a = whole_file(*file.a), .b = whole_file(*file.b)});
  SW_TRY(const std::vector<PairDifference> found,
         compare_pairs(pairs, options.threads, options.monitor));
  for (std::size_t i = 0; i < tensors.size(); ++i)
    take_tensor(std::move(tensors[i]), found[i], report);
  for (std::size_t i = 0; i < files.size(); ++i) {
    if (!found[tensors.size() + i].same_bytes) report.files.push_back(files[i].row);
  }
  std::ranges::sort(report.files, {}, &FileDiff::name);

  if (has_state(report, DiffState::kUnread))
    report.problems.push_back("some tensors cannot be read: 'shardwright check' says why");
  if (loaded_shards(a) != loaded_shards(b)) {
    report.notes.push_back(
        fmt::format("A has {} and B {} files of weights", loaded_shards(a), loaded_shards(b)));
  }
  SW_TRY_OK(note_layouts(std::move(a), std::move(b), options, report));
  return report;
}

}  // namespace shardwright
