#include "job/check_model.h"

#include <algorithm>
#include <iterator>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "base/checked.h"
#include "base/parallel.h"
#include "base/try.h"
#include "check/explain_model_type.h"
#include "check/unruled.h"
#include "check/unwrapped.h"

namespace shardwright {
namespace {

ModelFacts facts_of(const Model& model) {
  ModelFacts facts{.tensors = model.checkpoint.tensors.size()};
  for (const Shard& shard : model.checkpoint.shards) {
    if (shard.use == ShardUse::kLoaded) ++facts.shards;
  }
  for (const Tensor& tensor : model.checkpoint.tensors) {
    const ExpectedTensor* expected = model.expected_of(tensor);
    if (expected == nullptr || expected->role != Role::kBlockScale) {
      facts.parameters =
          checked_add(facts.parameters, element_count(tensor.shape).value_or(0)).value_or(0);
    }
    facts.tensor_bytes = checked_add(facts.tensor_bytes, tensor.bytes).value_or(0);
  }
  if (model.expected && model.expected->usable) facts.tied = model.expected->tie.tied;
  return facts;
}

std::vector<std::string_view> known_names(const Checkpoint& checkpoint) {
  std::vector<std::string_view> names = names_of(checkpoint);
  if (names.empty() &&
      checkpoint.index) {  // all shards are away: the index still says what was there
    for (const auto& entry : checkpoint.index->index.entries)
      names.push_back(entry.name);
  }
  return names;
}

// A config need not name a class: each Auto class loads its own. Then it is the one that fits.
Status take_class_of_tensors(Model& model, std::span<const std::string_view> names) {
  const json::Value& config = *model.checkpoint.config_value();
  const std::string class_name = model.join.other_class.front();
  const bool leaves_out = model.join.class_leaves_out;
  const std::string first = model.expected->class_name;
  SW_TRY(model.expected,
         expand(*model.detection.schema, config, {.class_name = class_name, .names = names}));
  model.join = join(model.checkpoint, *model.expected);
  if (leaves_out) model.join.unnamed_class_of = first;
  return ok();
}

// Which tensors the rule asks for, and how the stored ones agree.
Status compare(Model& model, const Catalogue& catalogue) {
  const std::vector<std::string_view> names = known_names(model.checkpoint);
  const json::Value& config = *model.checkpoint.config_value();
  SW_TRY(model.expected, expand(*model.detection.schema, config, {.names = names}));
  model.join = join(model.checkpoint, *model.expected);
  if (!model.join.other_class.empty() && model.detection.class_name.empty())
    SW_TRY_OK(take_class_of_tensors(model, names));
  explain_model_type(catalogue, model.detection, model.checkpoint, *model.expected, model.join);
  return ok();
}

// Of weights alone: the wrappers of their names, and the architecture whose names stand behind.
void understand_names(Model& model, const Catalogue& catalogue, const std::string& arch) {
  std::vector<std::string> wrappers = outer_wrappers(model.checkpoint);
  if (wrappers.empty()) return;
  std::vector<std::string_view> names = known_names(model.checkpoint);
  std::size_t length = 0;
  for (const std::string& wrapper : wrappers)
    length += wrapper.size();
  for (std::string_view& name : names)
    name.remove_prefix(std::min(length, name.size()));
  Detection behind = detect(catalogue, nullptr, names, arch);
  if (behind.schema != nullptr) model.detection = std::move(behind);
  model.join = join_without_config(std::move(wrappers), model.detection.schema != nullptr);
}

// Which architecture it is, which tensors that takes, and how the stored ones agree.
Status understand(Model& model, const Catalogue& catalogue, const std::string& arch) {
  const Checkpoint& checkpoint = model.checkpoint;
  const json::Value* config = checkpoint.config_value();
  model.detection = detect(catalogue, config, known_names(checkpoint), arch);
  if (config == nullptr) {
    understand_names(model, catalogue, arch);
    return ok();
  }
  if (model.detection.schema == nullptr) {
    model.join = join_without_rule(checkpoint, model.detection);
    return ok();
  }
  return compare(model, catalogue);
}

// What else is wrong where a wrapper hides it. For a while the names are others: nothing may read
// them beside this.
Status look_under_wrapping(Model& model, const Catalogue& catalogue) {
  if (!model.expected) return ok();
  Checkpoint& checkpoint = model.checkpoint;
  auto wrapping = wrapping_of(checkpoint, *model.expected, model.join);
  if (!wrapping) return ok();
  {
    const BareNames bare(checkpoint, *wrapping);
    SW_TRY_OK(compare(model, catalogue));
  }
  note_wrapping(std::move(*wrapping), checkpoint, *model.expected, model.join);
  return ok();
}

// The largest rule file that is read.
constexpr std::uint64_t kMaxRuleBytes = 16U << 20U;

Status add_rules(Catalogue& catalogue, const std::string& path) {
  SW_TRY(const auto folder, open_folder(path));
  for (const FolderEntry& entry : folder->entries()) {
    if (!entry.name.ends_with(".json")) continue;
    SW_TRY(const auto source, folder->open(entry.name));
    SW_TRY(const std::string text, read_all(*source, kMaxRuleBytes));
    SW_TRY_OK(catalogue.add(entry.name, text));
  }
  return ok();
}

}  // namespace

Result<std::shared_ptr<const Catalogue>> load_catalogue(const std::string& rules_dir) {
  auto catalogue = std::make_shared<Catalogue>(Catalogue::builtin());
  if (!rules_dir.empty()) SW_TRY_OK(add_rules(*catalogue, rules_dir));
  return std::shared_ptr<const Catalogue>(std::move(catalogue));
}

CheckSelection selection_of(const CheckOptions& options) {
  CheckSelection selection{options.select, options.ignore, options.severity};
  if (!options.settings) return selection;
  const CheckSettings& settings = *options.settings;
  for (const Check* check : check_table()) {
    const auto severity = settings.severity.find(std::string(check->code));
    if (severity == settings.severity.end()) continue;
    if (!selection.severity.contains(std::string(check->name)))
      selection.severity.insert(*severity);
  }
  selection.ignores = settings.ignores;
  selection.ignores_errors = !settings.beside;
  return selection;
}

OpenOptions open_options(const CheckOptions& options) {
  return {.threads = options.threads, .tokenizer = true};
}

Result<CheckedModel> check_model(const std::string& path,
                                 std::shared_ptr<const Catalogue> catalogue,
                                 const CheckOptions& options) {
  SW_TRY(Checkpoint checkpoint, open_checkpoint(path, open_options(options)));
  return check_checkpoint(std::move(checkpoint), path, std::move(catalogue), options);
}

Result<CheckedModel> check_checkpoint(Checkpoint checkpoint, const std::string& path,
                                      std::shared_ptr<const Catalogue> catalogue,
                                      const CheckOptions& options, DataRequest data) {
  CheckedModel checked{.catalogue = std::move(catalogue)};
  Model& model = checked.model;
  model.checkpoint = std::move(checkpoint);

  // Against the rule and against the index: neither waits for the other.
  Status understood = ok();
  parallel_for(2, options.threads, [&](std::size_t part) {
    if (part == 0) {
      understood = understand(model, *checked.catalogue, options.arch);
    } else {
      model.index_join = join_index(model.checkpoint);
    }
  });
  SW_TRY_OK(understood);
  SW_TRY_OK(look_under_wrapping(model, *checked.catalogue));
  data.all = options.data;
  data.threads = options.threads;
  data.monitor = options.monitor;
  if (const auto& unruled = model.join.unruled; unruled && unruled->tied_head != nullptr) {
    const Tensor* first = model.checkpoint.tensors.data();
    data.tie = {static_cast<std::uint32_t>(unruled->tied_head - first),
                static_cast<std::uint32_t>(unruled->tied_to - first)};
  }
  SW_TRY(model.data,
         read_data(model.checkpoint, model.expected ? &*model.expected : nullptr, data));
  // A file that cannot be opened is a finding; one that fails while it is read leaves no ground for
  // a verdict.
  if (!model.data.error.empty()) return Error{ErrorCode::kIo, model.data.error};

  ModelReport& report = checked.report;
  report.path = path;
  report.facts = facts_of(model);
  if (model.detection.schema != nullptr) {
    report.architecture =
        ArchitectureFacts{.schema = model.detection.schema->name,
                          .model_type = model.detection.model_type,
                          .layout = model.expected ? model.expected->layout : "",
                          .why = model.detection.why,
                          .requested = model.detection.by == DetectedBy::kRequest};
  }
  report.findings = run_checks(model, selection_of(options));
  const auto counted = std::ranges::stable_partition(
      report.findings, [](const Finding& finding) { return !finding.ignored; });
  std::ranges::move(counted, std::back_inserter(report.ignored));
  report.findings.erase(counted.begin(), counted.end());
  return checked;
}

}  // namespace shardwright
