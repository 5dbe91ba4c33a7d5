// Results as text for people and as JSON for programs: what the command prints.
//
// Everything here is a pure function of its arguments: no times, no paths that the caller did not
// give, and the same bytes for the same results. Names from files are escaped. The JSON forms are
// described in docs/json-output.md.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "shardwright/check_job.h"
#include "shardwright/diff_job.h"
#include "shardwright/inspect_job.h"
#include "shardwright/lora_job.h"
#include "shardwright/merge_job.h"
#include "shardwright/repair_job.h"
#include "shardwright/schema_job.h"
#include "shardwright/synth_job.h"

namespace shardwright {

struct TextStyle {
  bool color{};  // ANSI colours
  int width{};   // columns to wrap at; 0: never
  bool quiet{};  // findings only: no facts, no summary, nothing of a clean model
};

// Findings grouped by file, with fixes and the command lines that apply them; a clean model in one
// line. Of a model that could not be opened only the total speaks: its error is no result.
std::string check_text(const std::vector<ModelReport>& models, const TextStyle& style = {});
// One document, indented.
std::string check_json(const std::vector<ModelReport>& models);
// One entry of `models`, on one line. `position` is its place among the models that were given.
std::string check_jsonl(const ModelReport& model, std::size_t position);

// SARIF 2.1.0, for code scanning: one run for all models.
std::string check_sarif(const std::vector<ModelReport>& models);
// Annotations of a GitHub workflow, a line each.
std::string check_github(const std::vector<ModelReport>& models);

// The plan by file, what was done, and what is left. `options` are those of the run.
std::string repair_text(const RepairReport& report, const RepairOptions& options,
                        const TextStyle& style = {});
std::string repair_json(const RepairReport& report);
// What `action`, "undo" or "forget", did to the model: the files that were put back, or would be.
std::string put_back_json(const std::string& model, std::string_view action,
                          const std::vector<std::string>& files, bool dry_run);

// What is wrong with the recipe or its inputs; else the plan, and what was done. `options` are
// those of the run.
std::string merge_text(const MergeReport& report, const MergeOptions& options,
                       const TextStyle& style = {});
std::string merge_json(const MergeReport& report);

// Which tensors lack what the adapter changes, and how much of it.
std::string verify_text(const VerifyReport& report, const TextStyle& style = {});
std::string verify_json(const VerifyReport& report);

// Files, dtypes and tensors, with one row for tensors that differ in their layer or expert alone.
std::string inspect_text(const InspectReport& report, const TextStyle& style = {});
std::string inspect_json(const InspectReport& report);

// What differs, with one row for tensors that differ in their layer or expert alone.
std::string diff_text(const DiffReport& report, const TextStyle& style = {});
std::string diff_json(const DiffReport& report);

std::string schema_list_text(const std::vector<SchemaRow>& rows);
std::string schema_list_json(const std::vector<SchemaRow>& rows);
// A line a tensor: name, shape, role.
std::string schema_expansion_text(const SchemaExpansion& expansion);
// [{"name", "shape", "role", "optional"}]
std::string schema_expansion_json(const SchemaExpansion& expansion);

// One line: what was written to `output`.
std::string synth_text(const SynthReport& report, std::string_view output);

}  // namespace shardwright
