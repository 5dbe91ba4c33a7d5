// `shardwright merge` as a library call.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "shardwright/check_job.h"
#include "shardwright/dtype.h"
#include "shardwright/finding.h"
#include "shardwright/mixture_gate.h"
#include "shardwright/progress.h"
#include "shardwright/result.h"

namespace shardwright {

struct MergeOptions {
  std::string output{};       // a new or empty folder
  bool overwrite{};           // or one with a model, which goes when the result is there
  bool card{true};            // write a README.md that says how the model was made
  bool copy_tokenizer{true};  // of the donor, where the recipe asks for none
  bool resume{};              // go on with what a killed run of the same merge left
  bool dry_run{};             // plan and check, and write nothing
  bool compat{};              // the peer's arithmetic: rounding after each operation
  std::uint64_t max_shard_size{5'000'000'000};  // bytes of tensors
  std::uint64_t seed{};
  std::string layout{};  // of the result's names; empty: that of the model whose config it gets
  std::vector<std::string> allow{};  // codes of findings that stop nothing
  std::string rules_dir{};
  int threads{};  // 0: all available. The bytes do not depend on it.
  // Bytes of memory for the whole process: fewer threads where it is little.
  std::optional<std::uint64_t> memory_limit{};
  Monitor monitor{};
};

// Something wrong with a recipe, with its place; line 0: nowhere in particular.
struct RecipeProblem {
  int line{}, column{};
  std::string message{};
};

// A tensor of the result, in the order in which they are written.
struct MergedTensor {
  std::string name{};
  DType dtype{};
  std::vector<std::uint64_t> shape{};
  std::uint64_t bytes{};
  std::string file{};
  std::string action{};                // "merge", "cast", "copy"
  std::vector<std::string> sources{};  // "model: tensor" where the name differs, else the model
  std::string why{};
};

// An adapter of an input. With a problem, nothing is merged.
struct AppliedAdapter {
  std::string model{}, adapter{};       // the base, as the recipe has it, and the adapter's path
  std::uint64_t modules{};              // pairs that the adapter holds
  std::uint64_t applied{};              // of them, those that have a target
  std::uint64_t saved{};                // parameters that it holds whole, and sets of tokens' rows
  std::vector<std::string> problems{};  // pairs without a target, shapes that do not fit...
};

struct MergeDrop {
  std::string model{}, tensor{}, why{};
};

struct MergeReport {
  std::string recipe{};    // the path as given
  std::string document{};  // the name that the recipe gives it; empty: the result
  std::string method{};
  std::vector<RecipeProblem> problems{};  // the recipe cannot be used: nothing else is set
  std::vector<RecipeProblem> remarks{};   // keys that mean nothing here
  std::uint64_t models{};                 // that the recipe names
  // The models, and their adapters, in the order of their first mention; but for those that other
  // documents make.
  std::vector<ModelReport> inputs{};
  std::vector<Finding> findings{};  // what the inputs are to each other: MG7xx
  std::vector<AppliedAdapter> adapters{};
  std::vector<MergedTensor> tensors{};
  std::vector<MergeDrop> dropped{};
  std::vector<std::string> notes{};
  std::vector<MixtureGate> gates{};  // of a mixture whose gates are made from prompts
  std::uint64_t shards{};
  std::uint64_t tensor_bytes{};
  std::uint64_t read_bytes{};                 // over all passes
  std::uint64_t write_bytes{};                // of all files of the result
  std::uint64_t resumed_bytes{};              // of them, those that a killed run had written
  std::string digest{};                       // of the plan, in hexadecimal digits
  int threads{};                              // that compute
  std::uint64_t peak_memory{};                // of the whole process, at most: an estimate
  std::optional<double> estimated_seconds{};  // of a dry run: reading and computing, by a sample
  std::uint64_t passes{};                     // over the inputs of a tensor, the last one included
  std::optional<ModelReport> result{};        // what a check of the result says
  std::string refused{};                      // why nothing was written; empty where all is well
  bool output_refused{};                      // of a dry run: a note says why
  bool published{};
  double seconds{};              // that the writing took
  std::uint64_t memory_taken{};  // by the process, at most until the end of it
  // The documents of the recipe that the result is made of, in the order in which they are merged.
  // Their results are computed as they are read, and written nowhere. Where one has problems or is
  // refused, nothing after it was looked at: it is the report itself.
  std::vector<MergeReport> documents{};
};

// Reads the recipe, checks its inputs, plans, checks what would come of it, and writes it. Nothing
// is there under `output` before all of it is written and checked. An Error where the recipe cannot
// be read, an input cannot be opened, or the output cannot be written; with `resume` what was
// written is then kept beside it for the next run.
Result<MergeReport> merge(const std::string& recipe_path, const MergeOptions& options);

}  // namespace shardwright
