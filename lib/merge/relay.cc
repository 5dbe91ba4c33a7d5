#include "merge/relay.h"

#include <algorithm>
#include <memory>
#include <set>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "arch/layout.h"
#include "base/try.h"
#include "base/utf8.h"
#include "checkpoint/assembled.h"
#include "io/source.h"
#include "merge/computed.h"
#include "merge/kernels.h"
#include "merge/read_floats.h"

namespace shardwright {
namespace {

// A tensor as F32.
class FloatSource final : public ByteSource {
 public:
  explicit FloatSource(const Tensor& tensor)
      : tensor_(tensor), elements_(element_count(tensor.shape).value_or(0)) {}

  [[nodiscard]] std::uint64_t size() const override { return elements_ * sizeof(float); }
  [[nodiscard]] Status read(std::uint64_t offset, MutableBytes into) const override {
    return read_computed(elements_, offset, into,
                         [this](std::uint64_t first, std::size_t count, float* to) {
                           std::vector<std::byte> raw;
                           return read_floats(tensor_, first, {to, count}, raw);
                         });
  }

 private:
  Tensor tensor_;
  std::uint64_t elements_{};
};

// Owns the tensors that its parts point to.
class RelaidSource final : public ByteSource {
 public:
  RelaidSource(std::vector<Tensor> stored, std::vector<TensorPart> parts, std::uint64_t bytes)
      : stored_(std::move(stored)), source_(pointed(std::move(parts)), bytes) {}

  [[nodiscard]] std::uint64_t size() const override { return source_.size(); }
  [[nodiscard]] Status read(std::uint64_t offset, MutableBytes into) const override {
    return source_.read(offset, into);
  }

 private:
  // Part i is of stored tensor i.
  [[nodiscard]] std::vector<TensorPart> pointed(std::vector<TensorPart> parts) const {
    for (std::size_t i = 0; i < parts.size(); ++i)
      parts[i].source = &stored_[i];
    return parts;
  }

  std::vector<Tensor> stored_;
  AssembledSource source_;
};

class Relay {
 public:
  Relay(View& view, const LayoutMap& map, std::vector<std::shared_ptr<const ByteSource>>& sources)
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
    ViewTensor made = *parts.front();
    made.tensor.name = target.name;
    made.tensor.shape = target.shape;
    made.stored_names.clear();
    for (const ViewTensor* part : parts) {
      made.stored_names.push_back(part->tensor.name);
      used_.insert(part->tensor.name);
    }
    if (!is_renamed(target, *parts.front())) SW_TRY_OK(assemble(target, parts, made));
    add_to_view(view_, made, map_.to.find(target.name));
    return ok();
  }

  static bool is_renamed(const MappedTensor& target, const ViewTensor& source) {
    const LayoutPart& part = target.parts.front();
    return target.parts.size() == 1 && !part.transposed && part.rows == 1 &&
           part.source_begin == 0 && element_count(source.tensor.shape) == part.length;
  }

  Status assemble(const MappedTensor& target, const std::vector<const ViewTensor*>& parts,
                  ViewTensor& made) {
    // Where an adapter changed some of them, these are F32 and the others are not.
    const bool mixed = std::ranges::any_of(parts, [&](const ViewTensor* part) {
      return part->tensor.dtype != parts.front()->tensor.dtype;
    });
    std::vector<Tensor> stored;
    std::vector<TensorPart> pieces;
    double read = 0;
    for (std::size_t i = 0; i < parts.size(); ++i) {
      const LayoutPart& part = target.parts[i];
      Tensor tensor = parts[i]->tensor;
      if (mixed) {
        SW_TRY(tensor, widened(tensor));
      }
      SW_TRY(TensorPart piece, in_bytes({.source = &tensor,
                                         .from = part.source_begin,
                                         .to = part.target_begin,
                                         .bytes = part.length,
                                         .rows = part.rows,
                                         .stride = part.target_stride,
                                         .transposed = part.transposed}));
      const double share = static_cast<double>(piece.rows * piece.bytes) /
                           static_cast<double>(std::max<std::uint64_t>(1, tensor.bytes));
      read += share * static_cast<double>(parts[i]->read_bytes);
      pieces.push_back(piece);
      stored.push_back(tensor);
      made.adapted = made.adapted || parts[i]->adapted;
    }
    made.tensor.dtype = stored.front().dtype;
    made.tensor.bytes = size_in_bytes(made.tensor.dtype, target.shape).value_or(0);
    auto source =
        std::make_shared<RelaidSource>(std::move(stored), std::move(pieces), made.tensor.bytes);
    made.tensor.source = source.get();
    made.tensor.offset = 0;
    made.tensor.readable = true;
    made.read_bytes = static_cast<std::uint64_t>(read);
    sources_.push_back(std::move(source));
    return ok();
  }

  Result<Tensor> widened(Tensor tensor) {
    if (!kernel::is_float(tensor.dtype)) {
      return Error{ErrorCode::kInvalidArgument,
                   fmt::format("{} is {}, and other parts of one tensor are not",
                               quoted(tensor.name), dtype_name(tensor.dtype))};
    }
    if (tensor.dtype == DType::kF32) return tensor;
    auto source = std::make_shared<FloatSource>(tensor);
    tensor.dtype = DType::kF32;
    tensor.source = source.get();
    tensor.offset = 0;
    tensor.bytes = source->size();
    sources_.push_back(std::move(source));
    return tensor;
  }

  View from_;
  View& view_;
  const LayoutMap& map_;
  std::vector<std::shared_ptr<const ByteSource>>& sources_;
  std::set<std::string_view> used_;
};

Status bring(MergeInput& input, View& view, std::string_view layout, MergePlan& plan) {
  const Expansion& expected = *input.expected;
  SW_TRY(LayoutMap made, map_layouts(*expected.schema, *input.checkpoint->config_value(),
                                     expected.class_name, expected.layout, layout));
  const auto map = std::make_shared<const LayoutMap>(std::move(made));
  SW_TRY_OK(Relay(view, *map, plan.sources).run());
  input.expected = &map->to;
  plan.layouts.push_back(map);
  return ok();
}

}  // namespace

void bring_to_one_layout(const LayoutTask& task, MergePlan& plan, std::vector<Mistake>& mistakes) {
  const MergeInput& donor = task.inputs[task.donor];
  if (donor.expected == nullptr) {
    if (task.layout.empty()) return;
    mistakes.push_back({task.at, fmt::format("no rule describes {}, so its layouts are not known",
                                             quoted(donor.model.text))});
    return;
  }
  const Schema* schema = donor.expected->schema;
  const std::string layout = task.layout.empty() ? donor.expected->layout : task.layout;
  for (std::size_t i = 0; i < task.inputs.size(); ++i) {
    MergeInput& input = task.inputs[i];
    if (input.expected == nullptr || input.expected->schema != schema) continue;
    if (input.expected->layout == layout) continue;
    const std::string from = input.expected->layout;
    if (const Status status = bring(input, task.views[i], layout, plan); !status) {
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
