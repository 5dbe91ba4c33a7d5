// A made checkpoint is planned whole and written as any other result: staged, then published.
#include "shardwright/synth_job.h"

#include <algorithm>
#include <array>
#include <memory>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "base/meter.h"
#include "base/try.h"
#include "base/utf8.h"
#include "checkpoint/index.h"
#include "job/check_model.h"
#include "job/find_rule.h"
#include "job/synth_config.h"
#include "job/synth_plan.h"
#include "write/planned_file.h"
#include "write/staged_dir.h"
#include "write/write_file.h"

namespace shardwright {
namespace {

Error invalid(std::string message) {
  return {ErrorCode::kInvalidArgument, std::move(message)};
}

Status check_model_type(const Schema& schema, const json::Value& config) {
  const json::Value* value = config.find("model_type");
  const std::string* type = value == nullptr ? nullptr : value->string();
  if (type == nullptr) return invalid("the config's model_type is no string");
  const bool known =
      std::ranges::find(schema.model_types, *type) != schema.model_types.end() ||
      std::ranges::find(schema.aliases, *type, &SchemaAlias::name) != schema.aliases.end();
  if (known) return ok();
  return invalid(fmt::format("the config is of model_type {}, which the rule {} does not describe",
                             quoted(*type), quoted(schema.name)));
}

Result<Expansion> expand_config(const Schema& schema, const SynthConfig& config,
                                std::string_view layout) {
  SW_TRY_OK(check_model_type(schema, config.root));
  SW_TRY(auto expansion, expand(schema, config.root, {.layout = layout.empty() ? "hub" : layout}));
  if (!expansion.problems.empty()) {
    const ConfigProblem& first = expansion.problems.front();
    return invalid(fmt::format("the config cannot be used: {}", first.message));
  }
  return expansion;
}

Result<std::unique_ptr<PlannedFile>> plan_shard(const SynthPlan& plan, std::size_t shard) {
  std::vector<safetensors::TensorSpec> specs;
  for (const std::size_t i : plan.shards[shard])
    specs.push_back(plan.tensors[i].spec);
  const std::array<std::pair<std::string, std::string>, 1> metadata = {{{"format", "pt"}}};
  SW_TRY(auto image, safetensors::layout_header(specs, metadata, safetensors::Order::kCanonical));
  auto file = std::make_unique<PlannedFile>(std::move(image.bytes));
  for (const safetensors::PlacedTensor& placed : image.tensors) {
    const ValueStream values = plan.tensors[plan.shards[shard][placed.spec]].values;
    file->append(
        [values](std::uint64_t from, MutableBytes into) {
          fill_values(values, from, into);
          return ok();
        },
        placed.end - placed.begin);
  }
  return file;
}

std::string index_of(const SynthPlan& plan, std::uint64_t tensor_bytes) {
  std::vector<std::string> files;
  for (std::size_t i = 0; i < plan.shards.size(); ++i)
    files.push_back(shard_name(i, plan.shards.size()));
  std::vector<std::pair<std::string_view, std::string_view>> entries;
  for (std::size_t i = 0; i < plan.shards.size(); ++i) {
    for (const std::size_t tensor : plan.shards[i])
      entries.emplace_back(plan.tensors[tensor].spec.name, files[i]);
  }
  return write_index(entries, tensor_bytes, {});
}

SynthReport report_of(const Schema& schema, const SynthPlan& plan) {
  SynthReport report{
      .schema = schema.name, .shards = plan.shards.size(), .tensors = plan.tensors.size()};
  for (const MadeTensor& tensor : plan.tensors) {
    report.tensor_bytes += tensor.bytes;
    if (tensor.values.kind != ValueKind::kScale)
      report.parameters += element_count(tensor.spec.shape).value_or(0);
  }
  return report;
}

Status write_all(const SynthPlan& plan, const SynthConfig& config, const SynthReport& report,
                 const SynthOptions& options) {
  const Disk disk;
  SW_TRY(StagedDir staged, StagedDir::create(disk, options.output));
  Meter meter(options.monitor, "writing", options.sparse ? 0 : report.tensor_bytes);
  for (std::size_t i = 0; i < plan.shards.size(); ++i) {
    SW_TRY(const auto file, plan_shard(plan, i));
    const std::string path = join_path(staged.path(), shard_name(i, plan.shards.size()));
    SW_TRY_OK(write_file(disk, path, *file,
                         {.threads = options.threads, .sparse = options.sparse, .meter = &meter}));
  }
  std::vector<std::string> last;
  if (plan.shards.size() > 1) {
    last.emplace_back(kIndexName);
    SW_TRY_OK(write_text(disk, join_path(staged.path(), kIndexName),
                         index_of(plan, report.tensor_bytes)));
  }
  last.emplace_back("config.json");
  SW_TRY_OK(write_text(disk, join_path(staged.path(), "config.json"), config.text));
  return staged.publish(last);
}

}  // namespace

Result<SynthReport> synth(const SynthOptions& options) {
  SW_TRY(const auto catalogue, load_catalogue(options.rules_dir));
  SW_TRY(const Schema* schema, find_rule(*catalogue, options.schema));
  SW_TRY(const SynthConfig config, make_config(*schema, options));
  SW_TRY(const Expansion expansion, expand_config(*schema, config, options.layout));
  SW_TRY(const SynthPlan plan, plan_synth(expansion, config.dtype, options));
  const SynthReport report = report_of(*schema, plan);
  SW_TRY_OK(write_all(plan, config, report, options));
  return report;
}

}  // namespace shardwright
