// plan_layout of plan.h: a checkpoint in another layout of its architecture, by the map that the
// schema gives.
#include <set>
#include <utility>

#include <fmt/format.h>

#include "arch/layout.h"
#include "base/try.h"
#include "base/utf8.h"
#include "repair/plan.h"
#include "repair/workshop.h"

namespace shardwright {
namespace {

Error refused(std::string message) {
  return {ErrorCode::kInvalidArgument, std::move(message)};
}

class LayoutPlan {
 public:
  LayoutPlan(const Model& model, const LayoutMap& map, std::string_view layout)
      : model_(model), map_(map), work_(model) {
    reason_ = {.safety = Safety::kSafe,
               .why = fmt::format("the same elements, by the map of layout {} in the schema {}",
                                  quoted(layout), quoted(map.to.schema->name))};
  }

  Result<Plan> run() {
    for (const MappedTensor& target : map_.tensors)
      SW_TRY_OK(place(target));
    for (const Tensor* tensor : consumed_) {
      if (!kept_.contains(tensor)) SW_TRY_OK(work_.consume(*tensor));
    }
    return work_.finish();
  }

 private:
  Status place(const MappedTensor& target) {
    std::vector<const Tensor*> sources;
    std::size_t absent = 0;
    for (const LayoutPart& part : target.parts) {
      sources.push_back(model_.checkpoint.find(part.source));
      if (sources.back() == nullptr) {
        ++absent;
      } else {
        SW_TRY_OK(is_as_mapped(*sources.back()));
      }
    }
    if (absent == sources.size()) return ok();  // optional and not stored, or without elements
    if (absent > 0) {
      return refused(
          fmt::format("{} cannot be made: parts of it are not stored", quoted(target.name)));
    }
    if (target.parts.size() == 1 && is_whole(target.parts.front(), *sources.front())) {
      return rename(target, *sources.front());
    }
    return compose(target, sources);
  }

  // The map counts elements by the shapes that the schema expects: in another shape others would be
  // meant, and some would belong to nothing.
  Status is_as_mapped(const Tensor& source) {
    const ExpectedTensor* expected = map_.from.find(source.name);
    if (expected != nullptr && same_shape(expected->shape, source.shape)) return ok();
    return refused(fmt::format("{} has shape {}, and the layout is that of {}", quoted(source.name),
                               shape_text(source.shape),
                               expected == nullptr ? "none" : shape_text(expected->shape)));
  }

  static bool is_whole(const LayoutPart& part, const Tensor& source) {
    return !part.transposed && part.rows == 1 && part.source_begin == 0 &&
           element_count(source.shape) == part.length;
  }

  Status rename(const MappedTensor& target, const Tensor& source) {
    const std::string& file = model_.checkpoint.shards[source.shard].file;
    kept_.insert(&source);
    if (target.name != source.name) {
      SW_TRY_OK(work_.rename(file, std::string(source.name), std::string(target.name), reason_));
    }
    if (same_shape(target.shape, source.shape)) return ok();
    return work_.reshape(file, std::string(source.name),
                         Shape(target.shape.begin(), target.shape.end()), reason_);
  }

  Status compose(const MappedTensor& target, const std::vector<const Tensor*>& sources) {
    DraftTensor made{.name = std::string(target.name),
                     .dtype = sources.front()->dtype,
                     .shape = Shape(target.shape.begin(), target.shape.end())};
    // transformers 5.23 leaves the scales of stacked experts out.
    if (sources.size() > 1 && !map_.from.quantization.empty()) {
      return refused(
          fmt::format("{} would be made of {} weights ({}), each with a scale of its own, and no "
                      "loader is known to read such",
                      quoted(target.name), sources.size(), map_.from.quantization));
    }
    bool transposed = false;
    for (std::size_t i = 0; i < sources.size(); ++i) {
      const LayoutPart& part = target.parts[i];
      const Tensor& source = *sources[i];
      if (source.dtype != made.dtype) {
        return refused(fmt::format("{} cannot be made: {} is {}, and {} is {}", quoted(target.name),
                                   quoted(sources.front()->name), dtype_name(made.dtype),
                                   quoted(source.name), dtype_name(source.dtype)));
      }
      SW_TRY(const TensorPart made_of, in_bytes({.source = &source,
                                                 .from = part.source_begin,
                                                 .to = part.target_begin,
                                                 .bytes = part.length,
                                                 .rows = part.rows,
                                                 .stride = part.target_stride,
                                                 .transposed = part.transposed}));
      made.parts.push_back(made_of);
      transposed = transposed || part.transposed;
      consumed_.insert(&source);
    }
    const std::string op = transposed ? "transpose" : sources.size() > 1 ? "stack" : "split";
    return work_.compose(op, *sources.front(), std::move(made), reason_);
  }

  const Model& model_;
  const LayoutMap& map_;
  Workshop work_;
  Reason reason_;
  std::set<const Tensor*> consumed_;
  std::set<const Tensor*> kept_;
};

}  // namespace

Result<Plan> plan_layout(const Model& model, const std::string& layout) {
  const json::Value* config = model.checkpoint.config_value();
  if (!model.expected || !model.expected->usable || config == nullptr) {
    return refused("no rule describes this model, so its layouts are not known");
  }
  const Expansion& expected = *model.expected;
  if (expected.layout == layout) return Plan{};
  if (!model.join.quantization.empty()) {
    return refused(fmt::format("the weights are quantised ({}), and of such no layout is known",
                               model.join.quantization));
  }
  SW_TRY_OK(is_for_files(*expected.schema, layout));
  SW_TRY(const LayoutMap map,
         map_layouts(*expected.schema, *config, expected.class_name, expected.layout, layout));
  return LayoutPlan(model, map, layout).run();
}

}  // namespace shardwright
