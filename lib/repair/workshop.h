// A round of a plan at work: drafts of the shards and texts that change, edited step by step.
//
// Edits name tensors as they are now, so that their order does not matter: a tensor can be renamed
// and given another shape, and what is dropped is dropped under any name.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "check/check.h"
#include "repair/draft.h"
#include "repair/index_edit.h"
#include "repair/plan.h"
#include "shardwright/finding.h"
#include "shardwright/result.h"

namespace shardwright {

// Why a step is made: the check, the grade, and where its value comes from.
struct Reason {
  std::string code{};
  Safety safety{};
  std::string why{};
};

class Workshop {
 public:
  // The model must outlive it. Unsafe: metadata that is no text may be lost.
  explicit Workshop(const Model& model, bool unsafe = false) : model_(model), unsafe_(unsafe) {}

  // The draft of a loaded shard, made when it is first asked for. kNotFound where no loaded shard
  // has the name, kMalformed where writing it anew would lose something.
  Result<DraftShard*> shard(const std::string& file);

  Status drop(const std::string& file, const std::string& tensor, const Reason& reason);
  Status rename(const std::string& file, const std::string& from, const std::string& to,
                const Reason& reason);
  // The elements in the same order; kInvalidArgument where their number is another.
  Status reshape(const std::string& file, const std::string& tensor, const Shape& shape,
                 const Reason& reason);
  // A matrix of the shard, with rows and columns exchanged.
  Status transpose(const std::string& file, const Tensor& tensor, const Reason& reason);
  Status relay(const std::string& file, bool relabel, const Reason& reason);
  // A tensor made of others, before the stored one in whose shard it belongs; those that it is made
  // of go with consume().
  Status compose(std::string op, const Tensor& at, DraftTensor tensor, const Reason& reason);
  Status consume(const Tensor& tensor);
  // A second copy of a stored tensor, at the end of the last loaded shard.
  Status add_copy(const Tensor& of, const std::string& name, const Reason& reason);
  Status set_json(const std::string& file, const std::string& pointer, const std::string& value,
                  const Reason& reason);
  // Of a shard that is not loaded.
  void remove_file(const std::string& file, const Reason& reason);
  void rebuild_index(const Reason& reason) { rebuild_ = reason; }
  // The loaded shards that say a number say how many there are, from 1 on.
  void number_shards(const Reason& reason) { number_ = reason; }

  void step(std::string op, std::string file, std::string tensor, const Reason& reason);

  // Removes shards that were left empty and renumbers the others, brings the index up to date, and
  // lays everything out. Steps are sorted by file.
  Result<Plan> finish();

 private:
  // To edit: its shard will be rewritten.
  Result<DraftTensor*> tensor_in(const std::string& file, std::string_view tensor);
  [[nodiscard]] const std::string& file_of(const Tensor& tensor) const;
  void remove_empty_shards();
  [[nodiscard]] bool is_set_to_number() const;
  void renumber();
  [[nodiscard]] Result<std::optional<IndexText>> next_index() const;
  Status update_index();
  [[nodiscard]] std::string note_of_index(const std::vector<FileChange>& changes) const;
  [[nodiscard]] Result<std::string> text_of(const std::string& file) const;

  const Model& model_;
  const bool unsafe_;
  Drafts shards_;
  std::set<std::pair<std::string, std::string>> dropped_;  // file and tensor
  std::map<std::string, std::string> texts_;               // files to come, by name
  std::set<std::string> removed_;                          // files that are not loaded
  std::optional<Reason> rebuild_;                          // of the index, from the headers
  bool emptied_{};                                         // a shard was left empty
  std::optional<Reason> number_;                           // of the shards, although none goes
  std::vector<PlanStep> steps_;
};

}  // namespace shardwright
