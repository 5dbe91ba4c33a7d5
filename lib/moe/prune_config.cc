#include "moe/prune_config.h"

#include <algorithm>
#include <limits>
#include <optional>
#include <utility>

#include <fmt/format.h>

#include "arch/expand.h"
#include "arch/query.h"
#include "base/try.h"
#include "base/utf8.h"
#include "moe/config_draft.h"

namespace shardwright {
namespace {

class PruneConfigMaker {
 public:
  PruneConfigMaker(const MergeInput& model, std::span<const std::uint64_t> kept)
      : model_(model),
        kept_(kept),
        config_(*model.checkpoint->config_value()),
        query_(*model.expected->schema, config_, model.expected->class_name),
        draft_(model.checkpoint->config->text) {}

  Result<PrunedConfig> run() && {
    SW_TRY_OK(spread_over_groups());
    SW_TRY_OK(set_count());
    SW_TRY_OK(lower_top());
    tell_of_scale();
    SW_TRY(out_.document, draft_.parse_for(model_));
    SW_TRY_OK(does_not_contradict());
    out_.values = draft_.take();
    return std::move(out_);
  }

 private:
  // A router that first chooses groups has as many experts in each, one group after the other.
  Status spread_over_groups() {
    most_ = kept_.size();
    const auto groups = number("groups");
    const std::uint64_t experts = model_.expected->experts.value_or(0);
    if (!groups || *groups < 2 || experts % *groups != 0) return ok();
    if (*groups > kept_.size()) {
      return Error{ErrorCode::kInvalidArgument,
                   fmt::format("the router chooses among {} groups of experts, and each must keep "
                               "as many as the others: --keep names {}",
                               *groups, kept_.size())};
    }
    const std::uint64_t size = experts / *groups;
    std::vector<std::uint64_t> counts(*groups);
    for (const std::uint64_t expert : kept_)
      ++counts[expert / size];
    const auto [least, most] = std::ranges::minmax_element(counts);
    if (*least == *most) {
      most_ = *least * std::clamp<std::uint64_t>(number("top_groups").value_or(1), 1, *groups);
      return ok();
    }
    const auto words = [&](std::uint64_t group) {
      return fmt::format("{} of experts {} to {}", counts[group], group * size,
                         (group + 1) * size - 1);
    };
    return Error{
        ErrorCode::kInvalidArgument,
        fmt::format("the router chooses among {} groups of {} experts, one after the "
                    "other, and each must keep as many as the others: --keep names {} and "
                    "{}",
                    *groups, size, words(position(counts, least)), words(position(counts, most)))};
  }

  static std::uint64_t position(const std::vector<std::uint64_t>& counts,
                                std::vector<std::uint64_t>::const_iterator at) {
    return static_cast<std::uint64_t>(at - counts.begin());
  }

  [[nodiscard]] std::optional<std::uint64_t> number(std::string_view name) const {
    const auto value = query_.value(name);
    const auto found = value ? value->whole_number() : std::nullopt;
    if (!found || *found < 0) return std::nullopt;
    return static_cast<std::uint64_t>(*found);
  }

  Status set_count() {
    const json::Value count{static_cast<std::int64_t>(kept_.size())};
    const std::vector<std::string> keys = keys_of(*model_.expected->schema, "experts");
    bool stands = false;
    for (const std::string& key : keys) {
      if (config_.find_path(key) == nullptr) continue;
      SW_TRY_OK(draft_.set(key, count));
      stands = true;
    }
    if (stands) return ok();
    if (keys.empty()) {
      return Error{ErrorCode::kUnsupported, "no key of its config counts the experts"};
    }
    return draft_.set(keys.back(), count);
  }

  // How many experts a token goes to, in the model or in each layer.
  Status lower_top() {
    const std::vector<std::string> keys = keys_of(*model_.expected->schema, "top");
    bool stands = false;
    for (const std::string& key : keys) {
      const json::Value* value = config_.find_path(key);
      if (value == nullptr) continue;
      stands = true;
      SW_TRY_OK(lower(key, *value));
    }
    const auto value = query_.value("top");
    if (stands || keys.empty() || !value) return ok();
    return lower(keys.back(), *value);
  }

  Status lower(const std::string& key, const json::Value& value) {
    json::Value lowered = value;
    std::int64_t highest = 0;
    const auto cut = [&](json::Value& one) {
      const auto number = one.whole_number();
      if (!number || *number <= 0 || static_cast<std::uint64_t>(*number) <= most_) return;
      highest = std::max(highest, *number);
      one = json::Value{static_cast<std::int64_t>(most_)};
    };
    cut(lowered);
    if (auto* list = std::get_if<json::Value::Array>(&lowered.data)) {
      for (json::Value& one : *list)
        cut(one);
    }
    if (highest == 0) return ok();
    out_.notes.push_back(fmt::format("{} is {} where it was {}: a token can go to no more experts",
                                     quoted(key), most_, highest));
    return draft_.set(key, lowered);
  }

  // A softmax over fewer gives each a greater part.
  void tell_of_scale() {
    const auto flag = query_.value(kSoftmaxOverAll);
    if (!flag || flag->boolean() == nullptr || !*flag->boolean()) return;
    out_.notes.emplace_back(
        "the weights of a token's experts are those of a softmax over all experts, and are not "
        "divided by their sum (norm_topk_prob): over fewer experts they are greater, and so is "
        "what the experts add");
  }

  // The rule's own conditions: those that the config as it was fulfils.
  Status does_not_contradict() {
    const Expansion& before = *model_.expected;
    SW_TRY(const Expansion after,
           expand(*before.schema, out_.document.root, {.class_name = before.class_name}));
    for (const ConfigProblem& problem : after.problems) {
      const bool is_old = std::ranges::find(before.problems, problem.message,
                                            &ConfigProblem::message) != before.problems.end();
      if (is_old) continue;
      return Error{ErrorCode::kInvalidArgument,
                   fmt::format("with {} of {} experts the config would not do: {}", kept_.size(),
                               before.experts.value_or(0), problem.message)};
    }
    return ok();
  }

  const MergeInput& model_;
  std::span<const std::uint64_t> kept_;
  const json::Value& config_;
  ConfigQuery query_;
  ConfigDraft draft_;
  std::uint64_t most_{};  // that a token can go to
  PrunedConfig out_;
};

}  // namespace

Result<PrunedConfig> pruned_config(const MergeInput& model, std::span<const std::uint64_t> kept) {
  return PruneConfigMaker(model, kept).run();
}

}  // namespace shardwright
