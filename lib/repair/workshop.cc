#include "repair/workshop.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "base/text.h"
#include "base/try.h"
#include "base/utf8.h"
#include "check/relay.h"
#include "check/shard_names.h"
#include "checkpoint/index.h"
#include "json/edit.h"

namespace shardwright {
namespace {

constexpr std::uint64_t kMaxTextBytes = 256ULL << 20U;
bool is_known_format(std::string_view format) {
  return format == "pt" || format == "tf" || format == "flax" || format == "mlx";
}

// "format" of the metadata as loaders want it.
void label(DraftShard& shard, bool relabel) {
  const auto found =
      std::ranges::find(shard.metadata, "format", [](const auto& member) { return member.first; });
  if (found == shard.metadata.end()) {
    shard.metadata.emplace_back("format", "pt");
  } else if (relabel && !is_known_format(found->second)) {
    found->second = "pt";
  }
}

bool is_same(const PlanStep& a, const PlanStep& b) {
  return a.op == b.op && a.file == b.file && a.tensor == b.tensor && a.code == b.code &&
         a.why == b.why;
}

// A defect is no more to be seen in a shard that was written anew, and neither is what it hid.
Status can_be_drafted(const Model& model, const Shard& shard, bool unsafe) {
  const Relay relay = relay_of(model, shard);
  if (relay.safety == Safety::kSafe || (relay.safety == Safety::kUnsafe && unsafe)) return ok();
  return Error{ErrorCode::kMalformed,
               relay.safety == Safety::kNever
                   ? fmt::format("{} cannot be written anew: {}", quoted(shard.file), relay.why)
                   : fmt::format("{} would be written anew {}, which '--unsafe' allows",
                                 quoted(shard.file), relay.why)};
}

std::shared_ptr<const PlannedFile> literal(std::string text) {
  return std::make_shared<const PlannedFile>(std::move(text));
}

}  // namespace

Result<DraftShard*> Workshop::shard(const std::string& file) {
  if (const auto found = shards_.find(file); found != shards_.end()) return &found->second;
  const auto& all = model_.checkpoint.shards;
  const auto named = std::ranges::find_if(all, [&](const Shard& shard) {
    return shard.file == file && shard.use == ShardUse::kLoaded && shard.present;
  });
  if (named == all.end()) {
    return Error{ErrorCode::kNotFound, fmt::format("no loaded shard is named {}", quoted(file))};
  }
  SW_TRY_OK(can_be_drafted(model_, *named, unsafe_));
  DraftShard draft = draft_of(model_.checkpoint, static_cast<std::size_t>(named - all.begin()));
  return &shards_.emplace(file, std::move(draft)).first->second;
}

const std::string& Workshop::file_of(const Tensor& tensor) const {
  return model_.checkpoint.shards[tensor.shard].file;
}

Result<DraftTensor*> Workshop::tensor_in(const std::string& file, std::string_view tensor) {
  SW_TRY(DraftShard* const draft, shard(file));
  const auto found = std::ranges::find_if(draft->tensors, [&](const DraftTensor& candidate) {
    return candidate.stored != nullptr && candidate.stored->name == tensor;
  });
  if (found == draft->tensors.end()) {
    return Error{ErrorCode::kNotFound,
                 fmt::format("{} is not in {}", quoted(tensor), quoted(file))};
  }
  draft->rewritten = true;
  return &*found;
}

void Workshop::step(std::string op, std::string file, std::string tensor, const Reason& reason) {
  PlanStep step{.op = std::move(op),
                .file = std::move(file),
                .tensor = std::move(tensor),
                .why = reason.why,
                .code = reason.code,
                .safety = reason.safety};
  // Two findings may want the same.
  if (!steps_.empty() && is_same(steps_.back(), step)) return;
  steps_.push_back(std::move(step));
}

Status Workshop::drop(const std::string& file, const std::string& tensor, const Reason& reason) {
  if (!dropped_.emplace(file, tensor).second) return ok();
  SW_TRY(const DraftTensor* const found, tensor_in(file, tensor));
  auto& tensors = shards_.find(file)->second.tensors;
  tensors.erase(tensors.begin() + (found - tensors.data()));
  step("drop", file, tensor, reason);
  return ok();
}

Status Workshop::rename(const std::string& file, const std::string& from, const std::string& to,
                        const Reason& reason) {
  SW_TRY(DraftTensor* const found, tensor_in(file, from));
  if (found->name == to) return ok();
  found->name = to;
  step("rename", file, from, reason);
  return ok();
}

Status Workshop::reshape(const std::string& file, const std::string& tensor, const Shape& shape,
                         const Reason& reason) {
  SW_TRY(DraftTensor* const found, tensor_in(file, tensor));
  if (element_count(shape) != element_count(found->shape)) {
    return Error{ErrorCode::kInvalidArgument,
                 fmt::format("{} has shape {}, which is another number of elements than {}",
                             quoted(tensor), shape_text(found->shape), shape_text(shape))};
  }
  found->shape = shape;
  step("reshape", file, tensor, reason);
  return ok();
}

Status Workshop::transpose(const std::string& file, const Tensor& tensor, const Reason& reason) {
  SW_TRY(DraftTensor* const found, tensor_in(file, tensor.name));
  SW_TRY(const TensorPart part, in_bytes({.source = &tensor,
                                          .bytes = element_count(tensor.shape).value_or(0),
                                          .transposed = true}));
  found->shape = {tensor.shape[1], tensor.shape[0]};
  found->parts = {part};
  step("transpose", file, std::string(tensor.name), reason);
  return ok();
}

Status Workshop::relay(const std::string& file, bool relabel, const Reason& reason) {
  SW_TRY(DraftShard* const draft, shard(file));
  draft->rewritten = true;
  label(*draft, relabel);
  step("relay", file, "", reason);
  return ok();
}

Status Workshop::compose(std::string op, const Tensor& at, DraftTensor tensor,
                         const Reason& reason) {
  const std::string file = file_of(at);
  SW_TRY(const DraftTensor* const before, tensor_in(file, at.name));
  auto& tensors = shards_.find(file)->second.tensors;
  step(std::move(op), file, tensor.name, reason);
  tensors.insert(tensors.begin() + (before - tensors.data()), std::move(tensor));
  return ok();
}

Status Workshop::consume(const Tensor& tensor) {
  const std::string file = file_of(tensor);
  SW_TRY(const DraftTensor* const found, tensor_in(file, tensor.name));
  auto& tensors = shards_.find(file)->second.tensors;
  tensors.erase(tensors.begin() + (found - tensors.data()));
  return ok();
}

Status Workshop::add_copy(const Tensor& of, const std::string& name, const Reason& reason) {
  if (!of.readable)
    return Error{ErrorCode::kMalformed, fmt::format("{} cannot be read", quoted(of.name))};
  const Shard* last = nullptr;
  for (const Shard& candidate : model_.checkpoint.shards) {
    if (candidate.use == ShardUse::kLoaded && candidate.present) last = &candidate;
  }
  if (last == nullptr) return Error{ErrorCode::kNotFound, "there is no loaded shard"};
  const std::string file = last->file;
  SW_TRY(DraftShard* const draft, shard(file));
  draft->rewritten = true;
  DraftTensor copy = draft_of(of, name);
  copy.stored = nullptr;
  draft->tensors.push_back(std::move(copy));
  step("add", file, name, reason);
  return ok();
}

Result<std::string> Workshop::text_of(const std::string& file) const {
  if (const auto found = texts_.find(file); found != texts_.end()) return found->second;
  if (!is_inside(file)) {
    return Error{ErrorCode::kInvalidArgument,
                 fmt::format("{} is not in the checkpoint's folder", quoted(file))};
  }
  SW_TRY(const auto source, model_.checkpoint.folder->open(file));
  return read_all(*source, kMaxTextBytes);
}

Status Workshop::set_json(const std::string& file, const std::string& pointer,
                          const std::string& value, const Reason& reason) {
  SW_TRY(const std::string text, text_of(file));
  SW_TRY(texts_[file], json::set_value(text, pointer, value));
  step("set", file, "",
       {reason.code, reason.safety, fmt::format("{} to {}: {}", pointer, value, reason.why)});
  return ok();
}

void Workshop::remove_file(const std::string& file, const Reason& reason) {
  if (removed_.insert(file).second) step("remove", file, "", reason);
}

void Workshop::remove_empty_shards() {
  std::size_t left = 0;
  for (const Shard& now : model_.checkpoint.shards) {
    const auto draft = shards_.find(now.file);
    const bool empty = draft != shards_.end() && draft->second.tensors.empty();
    if (now.use == ShardUse::kLoaded && !empty) ++left;
  }
  for (auto& [file, draft] : shards_) {
    const bool held = std::ranges::any_of(model_.checkpoint.tensors, [&](const Tensor& tensor) {
      return model_.checkpoint.shards[tensor.shard].file == file;
    });
    if (!draft.rewritten || !draft.tensors.empty() || !held || left == 0) continue;
    draft.file.clear();
    step("remove", file, "", {"", Safety::kSafe, "every tensor in it goes"});
    emptied_ = true;
  }
}

// Where a shard goes, those that were a whole set are one again; of another set the numbers show
// what is lost.
bool Workshop::is_set_to_number() const {
  if (number_) return true;
  const auto families = shard_families(model_.checkpoint, ShardUse::kLoaded);
  const auto loaded = std::ranges::count(model_.checkpoint.shards, ShardUse::kLoaded, &Shard::use);
  return emptied_ && families.size() == 1 &&
         families.front().count == static_cast<std::uint64_t>(loaded) &&
         families.front().absent(1).empty() &&
         std::ranges::all_of(model_.checkpoint.shards, [&](const Shard& shard) {
           return shard.use != ShardUse::kLoaded || families.front().has(shard.file);
         });
}

void Workshop::renumber() {
  if (!is_set_to_number()) return;
  std::vector<std::string> left;
  std::size_t were = 0;
  for (const std::string& file : numbered_shards(model_.checkpoint)) {
    ++were;
    const auto draft = shards_.find(file);
    if (draft == shards_.end() || !draft->second.file.empty()) left.push_back(file);
  }
  const std::vector<std::string> names = set_names(left);
  for (std::size_t i = 0; i < left.size(); ++i) {
    const std::string& file = left[i];
    if (file == names[i]) continue;
    shards_.try_emplace(file, DraftShard{.from = file}).first->second.file = names[i];
    Reason reason = number_.value_or(Reason{.safety = Safety::kSafe});
    reason.why =
        fmt::format("to {}: {} of {} shards are left", quoted(names[i]), left.size(), were);
    if (!emptied_) {
      reason.why = fmt::format("to {}: number {} of {}", quoted(names[i]), i + 1, left.size());
    }
    step("move", file, "", reason);
  }
}

Result<std::optional<IndexText>> Workshop::next_index() const {
  if (!rebuild_) return followed_index(model_.checkpoint, shards_);
  Drafts drafts = shards_;
  for (const std::string& file : removed_)
    drafts[file] = DraftShard{.from = file, .rewritten = true};  // and holds nothing
  return rebuilt_index(model_.checkpoint, drafts);
}

Status Workshop::update_index() {
  const Checkpoint& checkpoint = model_.checkpoint;
  const std::string name = checkpoint.index ? checkpoint.index->name : std::string(kIndexName);
  Reason reason = rebuild_.value_or(
      Reason{"", Safety::kSafe, "the entries of tensors that change follow them, by the headers"});
  SW_TRY(auto next, next_index());
  if (!next) return ok();
  texts_[name] = std::move(next->text);
  if (next->total) {
    reason.why = fmt::format("/metadata/total_size to {}: the bytes of all tensors, by the headers",
                             *next->total);
  }
  step(next->total ? "set" : "index", name, "", reason);
  return ok();
}

// What stays in the index although it may speak of bytes that do not.
std::string Workshop::note_of_index(const std::vector<FileChange>& changes) const {
  const std::string keys = members_carried(model_.checkpoint);
  const bool anew = std::ranges::any_of(
      changes, [&](const FileChange& change) { return shards_.contains(change.from); });
  if (keys.empty() || !anew) return "";
  return fmt::format(
      "{} of {}: carried along unchanged; what is said there of shards that change may not hold "
      "any "
      "more",
      keys, quoted(model_.checkpoint.index->name));
}

Result<Plan> Workshop::finish() {
  remove_empty_shards();
  renumber();
  SW_TRY_OK(update_index());
  Plan plan;
  for (auto& [file, draft] : shards_) {
    FileChange change{.from = file, .to = draft.file};
    if (draft.rewritten && !draft.file.empty()) {
      SW_TRY(change.content, lay_out(draft));
      for (const DraftTensor& tensor : draft.tensors) {
        if (const Tensor* source = whole_source(tensor)) {
          plan.heirs.push_back({draft.file, tensor.name, source});
        }
      }
    } else if (draft.file == file) {
      continue;  // it was only looked at
    }
    plan.changes.push_back(std::move(change));
  }
  for (const std::string& file : removed_)
    plan.changes.push_back({.from = file});
  for (auto& [file, text] : texts_) {
    const bool is_there = model_.checkpoint.folder->describe(file).kind != EntryKind::kAbsent;
    plan.changes.push_back(
        {.from = is_there ? file : "", .to = file, .content = literal(std::move(text))});
  }
  if (std::string note = note_of_index(plan.changes); !note.empty()) {
    plan.notes.push_back(std::move(note));
  }
  std::ranges::stable_sort(
      steps_, [](const PlanStep& a, const PlanStep& b) { return natural_less(a.file, b.file); });
  plan.steps = std::move(steps_);
  return plan;
}

}  // namespace shardwright
