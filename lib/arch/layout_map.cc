// Maps between layouts go over the hub's form: how each of its tensors is made of one layout, and
// how each tensor of the other is made of them.
#include <algorithm>
#include <array>
#include <cstddef>
#include <utility>

#include <fmt/format.h>

#include "arch/form.h"
#include "arch/layout.h"
#include "base/try.h"
#include "base/utf8.h"

namespace shardwright {
namespace {

// A tensor of the hub's form by its position there before scales were added, and what it is of
// that: the weight itself, its block scale, its activation scale.
constexpr std::size_t kKinds = 3;

struct Place {
  std::size_t owner{};  // position in the expansion of the weight it belongs to
  std::size_t kind{};
};

std::vector<Place> places(const std::vector<ExpectedTensor>& tensors) {
  std::vector<Place> all(tensors.size());
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    const bool beside =
        i > 0 && tensors[i].role == Role::kBlockScale && all[i - 1].kind + 1 < kKinds;
    all[i] = beside ? Place{all[i - 1].owner, all[i - 1].kind + 1} : Place{i, 0};
  }
  return all;
}

// One part of a tensor of a layout, and the hub tensor that it is.
struct Relation {
  std::size_t hub{};  // kKinds * position + kind
  LayoutPart part{};  // from the hub's tensor to the layout's
};

std::uint64_t size_of(ShapeView shape) {
  return element_count(shape).value_or(0);
}

// The layout of one expansion as relations to the hub's form.
class Side {
 public:
  Side(const TracedExpansion& traced, const std::vector<ShapeView>& hub_shapes)
      : traced_(traced), hub_shapes_(hub_shapes), places_(places(traced.expansion.tensors)) {}

  // The parts of a tensor; none where it has no origin, or sizes of blocks do not agree.
  [[nodiscard]] std::vector<Relation> relations(std::size_t at) const {
    const Place place = places_[at];
    const Origin& origin = traced_.origins[place.owner];
    const ShapeView shape = traced_.expansion.tensors[at].shape;
    const auto hub = [&](std::size_t source) { return kKinds * source + place.kind; };
    std::vector<Relation> all;
    std::uint64_t covered = 0;
    switch (origin.kind) {
      case Origin::Kind::kAdded:
        break;
      case Origin::Kind::kWhole: {
        const std::size_t id = hub(origin.sources.front());
        covered = size_of(hub_shapes_[id]);
        all.push_back({id, {.length = covered, .transposed = origin.transposed}});
        break;
      }
      case Origin::Kind::kPart: {
        const ShapeView weight = traced_.expansion.tensors[place.owner].shape;
        if (place.kind != 0 && (weight[0] == 0 || shape.empty())) return {};
        // In rows of blocks where this is the scale.
        const std::uint64_t rows =
            place.kind == 0 ? 1 : weight[0] / std::max<std::uint64_t>(1, shape[0]);
        if (rows == 0 || origin.begin % rows != 0) return {};
        const std::size_t id = hub(origin.sources.front());
        covered = size_of(shape);
        const std::uint64_t row =
            shape.empty() ? 1 : covered / std::max<std::uint64_t>(1, shape[0]);
        const std::uint64_t begin = origin.begin / rows * row;
        if (begin + covered > size_of(hub_shapes_[id])) return {};
        all.push_back({id, {.source_begin = begin, .length = covered}});
        break;
      }
      case Origin::Kind::kJoined:
        covered = join(origin, shape, hub, all);
        break;
    }
    if (covered != size_of(shape)) return {};
    return all;
  }

  [[nodiscard]] const std::vector<ExpectedTensor>& tensors() const {
    return traced_.expansion.tensors;
  }

 private:
  template <typename Hub>
  std::uint64_t join(const Origin& origin, ShapeView shape, const Hub& hub,
                     std::vector<Relation>& all) const {
    std::uint64_t covered = 0;
    std::uint64_t column = 0;
    for (const std::uint32_t source : origin.sources) {
      const std::size_t id = hub(source);
      const ShapeView part = hub_shapes_[id];
      const std::uint64_t length = size_of(part);
      LayoutPart piece{.target_begin = covered, .length = length};
      if (origin.transposed) {
        if (part.size() != 2 || shape.size() != 3) return 0;
        const std::uint64_t width = shape[2];
        const std::uint64_t matrix = covered / std::max<std::uint64_t>(1, shape[1] * width);
        if (column == width) column = 0;
        piece = {.target_begin = matrix * shape[1] * width + column,
                 .rows = part[1],
                 .length = part[0],
                 .target_stride = width,
                 .transposed = true};
        column += part[0];
      }
      all.push_back({id, piece});
      covered += length;
    }
    return covered;
  }

  const TracedExpansion& traced_;
  const std::vector<ShapeView>& hub_shapes_;
  std::vector<Place> places_;
};

// A part of a hub tensor that comes from a tensor of a layout: the relation the other way round.
LayoutPart inverse(const LayoutPart& part, std::string_view name, ShapeView shape) {
  LayoutPart back{.source = name,
                  .source_begin = part.target_begin,
                  .target_begin = part.source_begin,
                  .length = part.length,
                  .transposed = part.transposed};
  if (part.transposed && part.rows > 1 && part.target_stride != 0) {
    // Columns of a matrix are rows of its transpose: one range there.
    const std::uint64_t height = shape[shape.size() - 2];
    const std::uint64_t matrix = height * part.target_stride;
    back.source_begin = part.target_begin / matrix * matrix + part.target_begin % matrix * height;
    back.length = part.rows * part.length;
  }
  return back;
}

struct Source {
  LayoutPart part{};
  std::uint64_t size{};  // of the tensor that it is taken from
};

// The hub's part of a target, made of what the hub's tensor is made of. False where the ranges
// would need a stride at both ends: a transposed layout from another that is stacked.
bool compose(const LayoutPart& part, const std::vector<Source>& sources, std::uint64_t hub_size,
             std::vector<LayoutPart>& parts) {
  if (part.transposed) {
    const Source& source = sources.front();
    if (sources.size() != 1 || source.part.length != hub_size || source.size != hub_size) {
      return false;
    }
    LayoutPart whole = part;
    whole.source = source.part.source;
    whole.transposed = !source.part.transposed;
    parts.push_back(whole);
    return true;
  }
  const std::uint64_t end = part.source_begin + part.length;
  for (const auto& [source, size] : sources) {
    const std::uint64_t from = std::max(part.source_begin, source.target_begin);
    const std::uint64_t to = std::min(end, source.target_begin + source.length);
    if (from >= to) continue;
    LayoutPart piece = source;
    piece.source_begin += from - source.target_begin;
    piece.target_begin = part.target_begin + (from - part.source_begin);
    piece.length = to - from;
    parts.push_back(piece);
  }
  return true;
}

Result<TracedExpansion> traced(const Schema& schema, const json::Value& config,
                               std::string_view class_name, std::string_view layout) {
  SW_TRY(TracedExpansion result,
         expand_traced(schema, config, {.class_name = class_name, .layout = layout}, true));
  if (!result.expansion.usable) {
    const auto& problems = result.expansion.problems;
    return Error{ErrorCode::kUnsupported,
                 problems.empty() ? "the config cannot be expanded" : problems.front().message};
  }
  return result;
}

}  // namespace

Status is_for_files(const Schema& schema, std::string_view layout) {
  SW_TRY_OK(is_layout_of(schema, layout));
  const auto found = std::ranges::find(schema.layouts, layout, &SchemaLayout::name);
  if (found == schema.layouts.end() || !found->internal) return ok();
  return Error{ErrorCode::kInvalidArgument,
               fmt::format("no loader reads the layout {} of {}", quoted(layout), schema.name)};
}

Result<LayoutMap> map_layouts(const Schema& schema, const json::Value& config,
                              std::string_view class_name, std::string_view from,
                              std::string_view to) {
  SW_TRY(TracedExpansion hub, traced(schema, config, class_name, "hub"));
  SW_TRY(TracedExpansion from_traced, traced(schema, config, class_name, from));
  SW_TRY(TracedExpansion to_traced, traced(schema, config, class_name, to));

  std::vector<ShapeView> hub_shapes;
  const std::vector<Place> hub_places = places(hub.expansion.tensors);
  for (std::size_t i = 0; i < hub_places.size(); ++i) {
    const Origin& origin = hub.origins[hub_places[i].owner];
    if (origin.sources.empty()) continue;
    const std::size_t id = kKinds * origin.sources.front() + hub_places[i].kind;
    if (hub_shapes.size() <= id) hub_shapes.resize(id + kKinds);
    hub_shapes[id] = hub.expansion.tensors[i].shape;
  }
  hub_shapes.resize(std::max(hub_shapes.size(), kKinds * hub.expansion.tensors.size()));

  const Side source_side(from_traced, hub_shapes);
  std::vector<std::vector<Source>> sources(hub_shapes.size());
  for (std::size_t i = 0; i < source_side.tensors().size(); ++i) {
    const ExpectedTensor& tensor = source_side.tensors()[i];
    for (const Relation& relation : source_side.relations(i)) {
      sources[relation.hub].push_back(
          {inverse(relation.part, tensor.name, tensor.shape), size_of(tensor.shape)});
    }
  }

  LayoutMap map;
  const Side target_side(to_traced, hub_shapes);
  for (std::size_t i = 0; i < target_side.tensors().size(); ++i) {
    const ExpectedTensor& tensor = target_side.tensors()[i];
    const std::vector<Relation> relations = target_side.relations(i);
    const bool known = !relations.empty() && std::ranges::none_of(relations, [&](const auto& r) {
      return sources[r.hub].empty();
    });
    if (!known) continue;
    MappedTensor mapped{.name = tensor.name, .shape = tensor.shape};
    for (const Relation& relation : relations) {
      if (compose(relation.part, sources[relation.hub], size_of(hub_shapes[relation.hub]),
                  mapped.parts)) {
        continue;
      }
      return Error{
          ErrorCode::kUnsupported,
          fmt::format("no map from layout {} to {}: go over 'hub'", quoted(from), quoted(to))};
    }
    map.tensors.push_back(std::move(mapped));
  }
  map.from = std::move(from_traced.expansion);
  map.to = std::move(to_traced.expansion);
  return map;
}

}  // namespace shardwright
