#include "merge/relay.h"

#include <algorithm>
#include <memory>
#include <set>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "base/try.h"
#include "base/utf8.h"

namespace shardwright {
namespace {

class Relay {
 public:
  Relay(View& view, const LayoutMap& map, OwnedSources& sources)
      : from_(std::exchange(view, {})), view_(view), map_(map), sources_(sources) {}

  Status run() {
    for (const MappedTensor& target : map_.tensors)
      SW_TRY_OK(place(target));
    for (const auto& [name, tensor] : from_.tensors) {
      if (!used_.contains(name)) add_to_view(view_, tensor, map_.to.find(name));
    }
    finish_view(view_);
    return ok();
  }

 private:
  Status place(const MappedTensor& target) {
    std::vector<const ViewTensor*> parts;
    for (const LayoutPart& part : target.parts) {
      const auto found = from_.tensors.find(part.source);
      if (found != from_.tensors.end()) parts.push_back(&found->second);
    }
    if (parts.empty()) return ok();  // optional and not stored, or without elements
    if (parts.size() < target.parts.size()) {
      return Error{
          ErrorCode::kInvalidArgument,
          fmt::format("{} cannot be made: parts of it are not stored", quoted(target.name))};
    }
    for (const ViewTensor* part : parts)
      used_.insert(part->tensor.name);
    ViewTensor made = *parts.front();
    if (is_renamed(target, *parts.front())) {
      made.stored_names = {made.tensor.name};
      made.tensor.name = target.name;
      made.tensor.shape = target.shape;
    } else {
      std::vector<ViewPart> pieces;
      for (std::size_t i = 0; i < parts.size(); ++i) {
        const LayoutPart& part = target.parts[i];
        pieces.push_back({.tensor = parts[i],
                          .from = part.source_begin,
                          .to = part.target_begin,
                          .length = part.length,
                          .rows = part.rows,
                          .stride = part.target_stride,
                          .transposed = part.transposed});
      }
      SW_TRY(made, assemble(target.name, target.shape, pieces, sources_));
    }
    add_to_view(view_, made, map_.to.find(target.name));
    return ok();
  }

  static bool is_renamed(const MappedTensor& target, const ViewTensor& source) {
    const LayoutPart& part = target.parts.front();
    return target.parts.size() == 1 && !part.transposed && part.rows == 1 &&
           part.source_begin == 0 && element_count(source.tensor.shape) == part.length;
  }

  View from_;
  View& view_;
  const LayoutMap& map_;
  OwnedSources& sources_;
  std::set<std::string_view> used_;
};

}  // namespace

Status relay(View& view, const LayoutMap& map, OwnedSources& sources) {
  return Relay(view, map, sources).run();
}

Status bring_to_layout(MergeInput& input, View& view, std::string_view layout, MergePlan& plan) {
  const Expansion& expected = *input.expected;
  SW_TRY(LayoutMap made, map_layouts(*expected.schema, *input.checkpoint->config_value(),
                                     expected.class_name, expected.layout, layout));
  const auto map = std::make_shared<const LayoutMap>(std::move(made));
  SW_TRY_OK(relay(view, *map, plan.sources));
  input.expected = &map->to;
  plan.layouts.push_back(map);
  return ok();
}

void bring_to_one_layout(const LayoutTask& task, MergePlan& plan, std::vector<Mistake>& mistakes) {
  const MergeInput& donor = task.inputs[task.donor];
  if (donor.expected == nullptr) {
    if (task.layout.empty()) return;
    mistakes.push_back({task.at, fmt::format("no rule describes {}, so its layouts are not known",
                                             quoted(donor.model.text))});
    return;
  }
  const Schema* schema = donor.expected->schema;
  if (const Status fit = is_for_files(*schema, task.layout); !fit) {
    mistakes.push_back({task.at, fit.error().message});
    return;
  }
  const std::string layout = task.layout.empty() ? donor.expected->layout : task.layout;
  for (std::size_t i = 0; i < task.inputs.size(); ++i) {
    MergeInput& input = task.inputs[i];
    if (input.expected == nullptr || input.expected->schema != schema) continue;
    if (input.expected->layout == layout) continue;
    const std::string from = input.expected->layout;
    if (const Status status = bring_to_layout(input, task.views[i], layout, plan); !status) {
      mistakes.push_back({input.model.at, fmt::format("{} cannot be brought to the layout {}: {}",
                                                      quoted(input.model.text), quoted(layout),
                                                      status.error().message)});
      continue;
    }
    plan.notes.push_back(fmt::format("{} is stored in the layout {}, and brought to {}",
                                     quoted(input.model.text), quoted(from), quoted(layout)));
  }
}

}  // namespace shardwright
