#include "repair/ties.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/try.h"
#include "base/utf8.h"
#include "check/config_edit.h"
#include "repair/plan.h"
#include "repair/stored.h"
#include "repair/workshop.h"

namespace shardwright {
namespace {

constexpr std::string_view kFlag = "tie_word_embeddings";

Reason asked(std::string why) {
  return {.safety = Safety::kSafe, .why = std::move(why)};
}

Status set_flags(Workshop& work, const Model& model, std::string_view value) {
  // The places are the same, whichever way the flag is turned.
  for (const Edit& edit : untie_edits(model)) {
    const auto* set = std::get_if<edit::SetJson>(&edit);
    if (set == nullptr) continue;
    SW_TRY_OK(work.set_json(set->file, set->pointer, std::string(value), asked("asked for")));
  }
  return ok();
}

// What is asked for cannot be had, where shards are damaged.
Error cannot_be(std::string_view done, const ExpectedTie& tie, const Error& why) {
  return {ErrorCode::kInvalidArgument,
          fmt::format("{} cannot be {}: {}", quoted(tie.target), done, why.message)};
}

Status drop(Workshop& work, const Stored& stored) {
  const Expansion& expected = *stored.model().expected;
  bool dropped = false;
  for (const ExpectedTie& tie : expected.ties) {
    const Tensor* target = stored.model().checkpoint.find(tie.target);
    const Tensor* source = stored.model().checkpoint.find(tie.source);
    if (target == nullptr) continue;
    if (source == nullptr || source == target) {
      return Error{ErrorCode::kInvalidArgument,
                   fmt::format("{} cannot be dropped: {}, which it would be tied to, is not stored",
                               quoted(tie.target), quoted(tie.source))};
    }
    if (!stored.repeats(*target, *source)) {
      return Error{
          ErrorCode::kInvalidArgument,
          fmt::format("{} cannot be dropped: its bytes are not those of {}{}", quoted(tie.target),
                      quoted(tie.source), expected.tie.tied ? "; '--untie' keeps both" : "")};
    }
    const Status done =
        work.drop(stored.file_of(*target), std::string(tie.target),
                  asked(fmt::format("{} in {}, which stays", every_part_of(*target, *source),
                                    quoted(tie.source))));
    if (!done) return cannot_be("dropped", tie, done.error());
    dropped = true;
  }
  return dropped && !expected.tie.tied ? set_flags(work, stored.model(), "true") : ok();
}

Status materialize(Workshop& work, const Stored& stored) {
  for (const ExpectedTie& tie : stored.model().expected->ties) {
    const Tensor* source = stored.model().checkpoint.find(tie.source);
    if (source == nullptr || stored.model().checkpoint.find(tie.target) != nullptr) continue;
    const Status done = work.add_copy(
        *source, std::string(tie.target),
        asked(fmt::format("the bytes of {}, which the config ties it to", quoted(tie.source))));
    if (!done) return cannot_be("stored", tie, done.error());
  }
  return ok();
}

}  // namespace

bool is_about_ties(const Model& model, const Finding& finding) {
  if (!model.expected || !finding.fix) return false;
  const auto is_target = [&](std::string_view name) {
    return std::ranges::any_of(model.expected->ties,
                               [&](const ExpectedTie& tie) { return tie.target == name; });
  };
  return std::ranges::any_of(finding.fix->edits, [&](const Edit& edit) {
    if (const auto* drop = std::get_if<edit::DropTensor>(&edit)) return is_target(drop->tensor);
    const auto* set = std::get_if<edit::SetJson>(&edit);
    return set != nullptr &&
           (set->pointer.ends_with(kFlag) || set->pointer == model.expected->tie.pointer);
  });
}

Result<Plan> plan_form(const Model& model, TieForm form) {
  if (form == TieForm::kAsFound) return Plan{};
  if (!model.expected || !model.expected->usable) {
    return Error{ErrorCode::kInvalidArgument,
                 "no rule describes this model, so nobody knows what it ties"};
  }
  const Stored stored(model);
  Workshop work(model);
  if (form == TieForm::kDrop) {
    SW_TRY_OK(drop(work, stored));
  } else if (model.expected->tie.tied) {
    SW_TRY_OK(materialize(work, stored));
    if (form == TieForm::kUntie) SW_TRY_OK(set_flags(work, model, "false"));
  }
  return work.finish();
}

}  // namespace shardwright
