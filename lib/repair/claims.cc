#include "repair/claims.h"

#include <algorithm>
#include <string_view>
#include <unordered_map>
#include <utility>

#include <fmt/format.h>

#include "base/utf8.h"
#include "check/causes.h"
#include "check/needless.h"
#include "check/whole_set.h"
#include "tensor/shape.h"

namespace shardwright {
namespace {

// What an edit wants of a place. Two claims on one place with different wants contradict each
// other.
struct Claim {
  std::string place{};
  std::string want{};
  std::string shown{};  // the place in words
};

std::vector<Claim> claims_of(const Edit& edit) {
  struct Visitor {
    std::vector<Claim> operator()(const edit::RenameTensor& e) const {
      const std::string from = fmt::format("{}\n{}", e.file, e.from);
      return {{"name of\n" + from, e.to, quoted(e.from)}, {"name\n" + e.to, from, quoted(e.to)}};
    }
    std::vector<Claim> operator()(const edit::ReshapeTensor& e) const {
      return {{fmt::format("shape of\n{}\n{}", e.file, e.tensor), shape_text(e.shape),
               quoted(e.tensor)}};
    }
    std::vector<Claim> operator()(const edit::TransposeTensor& e) const {
      return {{fmt::format("shape of\n{}\n{}", e.file, e.tensor), "transposed", quoted(e.tensor)}};
    }
    std::vector<Claim> operator()(const edit::SetJson& e) const {
      return {{fmt::format("value\n{}\n{}", e.file, e.pointer), e.value,
               fmt::format("{} of {}", quoted(e.pointer), quoted(e.file))}};
    }
    // To drop, to lay out anew and to write the index go together with anything.
    std::vector<Claim> operator()(const edit::DropTensor&) const { return {}; }
    std::vector<Claim> operator()(const edit::RelayShard&) const { return {}; }
    std::vector<Claim> operator()(const edit::DropFile&) const { return {}; }
    std::vector<Claim> operator()(const edit::RebuildIndex&) const { return {}; }
    std::vector<Claim> operator()(const edit::NumberShards&) const { return {}; }
  };
  return std::visit(Visitor{}, edit);
}

using Reasons = std::unordered_map<const Finding*, std::string>;

Reasons contradictions(const std::vector<const Finding*>& findings) {
  struct Holder {
    std::string want{};
    const Finding* finding{};
  };
  std::unordered_map<std::string, Holder> held;
  Reasons reasons;
  const auto blame = [&](const Finding* finding, const Finding* other, const Claim& claim) {
    reasons.emplace(finding, fmt::format("{} ({}) wants something else of {}",
                                         quoted(other->fix->summary), other->code, claim.shown));
  };
  for (const Finding* finding : findings) {
    for (const Edit& edit : finding->fix->edits) {
      for (Claim& claim : claims_of(edit)) {
        const auto [found, added] = held.try_emplace(claim.place, Holder{claim.want, finding});
        if (added || found->second.want == claim.want) continue;
        blame(finding, found->second.finding, claim);
        blame(found->second.finding, finding, claim);
      }
    }
  }
  return reasons;
}

// Tensors that will not have their name any more.
std::set<const Tensor*> moved_tensors(const Stored& stored,
                                      const std::vector<const Finding*>& findings) {
  std::set<const Tensor*> moved = dropped_tensors(stored, findings);
  for (const Finding* finding : findings) {
    for (const Edit& edit : finding->fix->edits) {
      if (const auto* rename = std::get_if<edit::RenameTensor>(&edit)) {
        moved.insert(stored.at(rename->file, rename->from));
      }
    }
  }
  return moved;
}

// Why an edit cannot be, given all that are to be applied; empty where it can.
struct Objection {
  const Stored& stored;
  const std::set<const Tensor*>& dropped;
  const std::set<const Tensor*>& moved;
  const std::vector<const Tensor*>& needless;

  std::string operator()(const edit::DropTensor& e) const {
    const Tensor* tensor = stored.at(e.file, e.tensor);
    if (tensor == nullptr) return absent(e.file, e.tensor);
    if (stored.twin(*tensor, dropped) != nullptr) return "";
    if (is_computed_buffer(stored.model().join, *tensor)) return "";
    if (std::ranges::find(needless, tensor) != needless.end()) return "";
    return fmt::format("no tensor that stays is proven to have the bytes of {}", quoted(e.tensor));
  }
  std::string operator()(const edit::RenameTensor& e) const {
    if (stored.at(e.file, e.from) == nullptr) return absent(e.file, e.from);
    const Tensor* there = stored.model().checkpoint.find(e.to);
    if (there == nullptr || moved.contains(there)) return "";
    return fmt::format("{} is the name of another tensor, in {}", quoted(e.to),
                       quoted(stored.file_of(*there)));
  }
  std::string operator()(const edit::ReshapeTensor& e) const {
    const Tensor* tensor = stored.at(e.file, e.tensor);
    if (tensor == nullptr) return absent(e.file, e.tensor);
    if (is_same_order(tensor->shape, e.shape)) return "";
    return fmt::format("the elements of {} may stand in another order, {} against {}",
                       quoted(e.tensor), shape_text(tensor->shape), shape_text(e.shape));
  }
  std::string operator()(const edit::TransposeTensor& e) const {
    const Tensor* tensor = stored.at(e.file, e.tensor);
    if (tensor == nullptr) return absent(e.file, e.tensor);
    return tensor->shape.size() == 2 ? "" : fmt::format("{} is no matrix", quoted(e.tensor));
  }
  std::string operator()(const edit::RelayShard&) const { return ""; }
  std::string operator()(const edit::DropFile& e) const {
    const auto& shards = stored.model().checkpoint.shards;
    const auto shard = std::ranges::find(shards, e.file, &Shard::file);
    if (shard != shards.end() && shard->use == ShardUse::kStray) return "";
    const auto whole = one_whole_set(stored.model());
    if (whole && std::ranges::find(whole->others, e.file) != whole->others.end()) return "";
    return fmt::format("{} is no file beside the model", quoted(e.file));
  }
  std::string operator()(const edit::RebuildIndex&) const { return ""; }
  std::string operator()(const edit::NumberShards&) const { return ""; }
  std::string operator()(const edit::SetJson&) const { return ""; }

  static std::string absent(const std::string& file, const std::string& tensor) {
    return fmt::format("{} is not in {}", quoted(tensor), quoted(file));
  }
};

Reasons objections(const Stored& stored, const std::vector<const Tensor*>& needless,
                   const std::vector<const Finding*>& findings) {
  const std::set<const Tensor*> dropped = dropped_tensors(stored, findings);
  const std::set<const Tensor*> moved = moved_tensors(stored, findings);
  const Objection objection{stored, dropped, moved, needless};
  Reasons reasons;
  for (const Finding* finding : findings) {
    for (const Edit& edit : finding->fix->edits) {
      std::string why = std::visit(objection, edit);
      if (!why.empty()) reasons.emplace(finding, std::move(why));
    }
  }
  return reasons;
}

void take_out(const Reasons& reasons, std::vector<const Finding*>& findings,
              std::vector<std::string>& notes) {
  std::erase_if(findings, [&](const Finding* finding) {
    const auto found = reasons.find(finding);
    if (found == reasons.end()) return false;
    notes.push_back(fmt::format("{} ({}) is left: {}", quoted(finding->fix->summary), finding->code,
                                found->second));
    return true;
  });
}

}  // namespace

std::vector<std::string> take_out_contradictions(const Stored& stored,
                                                 std::vector<const Finding*>& findings) {
  std::vector<std::string> notes;
  take_out(contradictions(findings), findings, notes);
  // Each that goes may take the ground from under another.
  const std::vector<const Tensor*> needless = needless_tensors(stored.model());
  for (Reasons reasons = objections(stored, needless, findings); !reasons.empty();
       reasons = objections(stored, needless, findings)) {
    take_out(reasons, findings, notes);
  }
  return notes;
}

std::set<const Tensor*> dropped_tensors(const Stored& stored,
                                        const std::vector<const Finding*>& findings) {
  std::set<const Tensor*> dropped;
  for (const Finding* finding : findings) {
    for (const Edit& edit : finding->fix->edits) {
      if (const auto* drop = std::get_if<edit::DropTensor>(&edit)) {
        dropped.insert(stored.at(drop->file, drop->tensor));
      }
    }
  }
  return dropped;
}

}  // namespace shardwright
