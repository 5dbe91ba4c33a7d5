#include "arch/form.h"

#include <algorithm>
#include <array>
#include <utility>

#include <fmt/format.h>

#include "base/large_pages.h"
#include "base/try.h"
#include "base/utf8.h"

namespace shardwright {
namespace {

std::optional<std::size_t> position(const std::vector<ExpectedTensor>& tensors,
                                    std::string_view name) {
  const auto found = std::ranges::find(tensors, name, &ExpectedTensor::name);
  if (found == tensors.end()) return std::nullopt;
  return static_cast<std::size_t>(found - tensors.begin());
}

std::uint64_t blocks(std::uint64_t extent, std::uint64_t block) {
  return extent / block + (extent % block != 0 ? 1 : 0);
}

// Makes the tensors that stand beside an fp8 weight, as FP8Linear and FP8Experts have them.
class ScaleMaker {
 public:
  explicit ScaleMaker(FormContext& context) : context_(context) {}

  // `joined`: how many weights of one expert the tensor holds.
  ExpectedTensor scale(const ExpectedTensor& weight, std::size_t joined) {
    ExpectedTensor scale = weight;
    scale.role = Role::kBlockScale;
    scale.dtype = ExpectedDType::kScale;
    scale.name = name(weight.name, kScaleEnd);
    for (const Known& known : known_) {  // weights of one kind share their extents
      if (known.weight.data() != weight.shape.data() || known.joined != joined) continue;
      scale.shape = known.scale;
      return scale;
    }
    scale.shape = shape(weight.shape, joined);
    known_[next_++ % known_.size()] = {weight.shape, scale.shape, joined};
    return scale;
  }

  // The scale of what goes in, where it is not measured at run time.
  ExpectedTensor activation_scale(const ExpectedTensor& weight) {
    ExpectedTensor scale = weight;
    scale.role = Role::kBlockScale;
    scale.dtype = ExpectedDType::kScale;
    const bool fused = weight.shape.size() > 2;
    scale.name = fused ? name(weight.name, "_activation_scale")
                       : name(weight.name.substr(0, weight.name.rfind('.')), ".activation_scale");
    scale.shape = fused ? weight.shape.first(1) : ShapeView{};
    scale.optional = true;  // one a module in memory, one an expert on the hub
    return scale;
  }

 private:
  struct Known {
    ShapeView weight{};
    ShapeView scale{};
    std::size_t joined{};
  };

  std::string_view name(std::string_view stem, std::string_view end) {
    const std::span<char> room = context_.storage.names.take(stem.size() + end.size());
    std::ranges::copy(end, std::ranges::copy(stem, room.begin()).out);
    return {room.data(), room.size()};
  }

  ShapeView shape(ShapeView weight, std::size_t joined) {
    const std::size_t dims = weight.size();
    const auto& block = context_.quant.block;
    if (!block && dims == 2) return {};
    const std::span<std::uint64_t> extents = context_.storage.extents.copy(weight);
    for (std::size_t i = 0; i < 2; ++i) {
      std::uint64_t& extent = extents[dims - 2 + i];
      if (extent != 0) extent = block ? blocks(extent, (*block)[i]) : 1;
    }
    // Gate and up of experts in one tensor never share a scale.
    if (dims > 2) extents[dims - 2] = std::max<std::uint64_t>(extents[dims - 2], joined);
    return extents;
  }

  FormContext& context_;
  std::array<Known, 8> known_{};
  std::size_t next_{};
};

void add_scales(FormContext& context, Form& form) {
  ScaleMaker maker(context);
  std::vector<ExpectedTensor> tensors;
  std::vector<Origin> origins;
  std::vector<std::size_t> moved(form.tensors.size());
  const auto fp8 = static_cast<std::size_t>(
      std::ranges::count(form.tensors, ExpectedDType::kFp8, &ExpectedTensor::dtype));
  const std::size_t each = context.quant.static_activations ? 3 : 2;
  reserve_large(tensors, form.tensors.size() + fp8 * (each - 1));
  for (std::size_t i = 0; i < form.tensors.size(); ++i) {
    const ExpectedTensor weight = form.tensors[i];
    moved[i] = tensors.size();
    tensors.push_back(weight);
    std::size_t joined = 1;
    if (!form.origins.empty()) {
      const Origin& origin = form.origins[i];
      joined = origin.sources.size() / std::max<std::uint64_t>(1, origin.groups);
      origins.push_back(origin);
    }
    if (weight.dtype != ExpectedDType::kFp8) continue;
    tensors.push_back(maker.scale(weight, joined));
    if (context.quant.static_activations) tensors.push_back(maker.activation_scale(weight));
    if (!form.origins.empty()) origins.resize(tensors.size());
  }
  for (Form::Tie& tie : form.ties)
    tie = {.target = moved[tie.target], .source = moved[tie.source]};
  form.tensors = std::move(tensors);
  form.origins = std::move(origins);
}

}  // namespace

std::string renamed(std::string_view name, const std::vector<RenameChange>& changes) {
  std::string result(name);
  for (const RenameChange& change : changes) {
    const std::size_t at = change.at_start
                               ? (result.starts_with(change.from) ? 0 : std::string::npos)
                               : result.find(change.from);
    if (at != std::string::npos) result.replace(at, change.from.size(), change.to);
  }
  return result;
}

bool make_hub(FormContext& context, Form& form) {
  const auto count = count_tensors(context, context.body.tensors);
  if (!count) return false;
  reserve_large(form.tensors, *count);
  if (!emit(context, context.body.tensors, context.change.without, form.tensors)) return false;
  if (!context.change.with.empty()) {
    const auto more = count_tensors(context, context.change.with);
    if (!more || !emit(context, context.change.with, {}, form.tensors)) return false;
  }
  for (const auto& [target, source] : context.body.tied.tensors) {
    const auto target_at = position(form.tensors, target);
    const auto source_at = position(form.tensors, source);
    if (target_at && source_at) form.ties.push_back({.target = *target_at, .source = *source_at});
  }
  return true;
}

Status finish(FormContext& context, Form& form) {
  const ClassChange& change = context.change;
  if (!change.strip.empty() || !change.rename.empty()) {
    for (ExpectedTensor& tensor : form.tensors) {
      if (tensor.name.starts_with(change.strip)) tensor.name.remove_prefix(change.strip.size());
      if (change.rename.empty()) continue;
      tensor.name = keep(context.storage.names, renamed(tensor.name, change.rename));
    }
  }
  if (context.quant.on) add_scales(context, form);
  if (const auto twice = form.table.index(form.tensors)) {
    return Error{ErrorCode::kMalformed,
                 fmt::format("rule '{}' has two tensors of the name {}",
                             printable(context.schema.name), quoted(form.tensors[*twice].name))};
  }
  return ok();
}

}  // namespace shardwright
