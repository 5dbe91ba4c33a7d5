// A layout's changes, applied to the tensors of the hub's form.
#include <algorithm>
#include <array>
#include <cstddef>
#include <map>
#include <utility>

#include <fmt/format.h>

#include "arch/form.h"
#include "base/checked.h"
#include "base/try.h"
#include "base/utf8.h"

namespace shardwright {
namespace {

using Letters = std::array<std::uint64_t, kMaxLetters>;

// A tensor and its origin, in the order of the form that is being made.
struct Piece {
  ExpectedTensor tensor{};
  Origin origin{};
  bool gone{};  // became part of another
};

struct Member {
  std::uint64_t over{};
  std::size_t of{};
  std::size_t at{};  // position in the pieces
};

struct Group {
  Letters letters{};
  std::vector<Member> members{};
};

class Layouter {
 public:
  Layouter(FormContext& context, const LayoutChange& layout, const Form& hub)
      : context_(context), layout_(layout), hub_(hub) {}

  Result<Form> apply() {
    take_hub();
    for (const StackChange& stack : layout_.stacks)
      SW_TRY_OK(this->stack(stack));
    for (const SplitChange& split : layout_.splits)
      SW_TRY_OK(this->split(split));
    SW_TRY_OK(transpose());
    return collect();
  }

 private:
  [[nodiscard]] Error error(std::string_view what, std::string_view name) const {
    return Error{ErrorCode::kMalformed,
                 fmt::format("layout {} of rule {}: {} {}", quoted(layout_.name),
                             quoted(context_.schema.name), what, quoted(name))};
  }

  static bool any_fits(const std::vector<std::string>& patterns, std::string_view name) {
    return std::ranges::any_of(patterns,
                               [&](const std::string& pattern) { return fits(pattern, name); });
  }

  void take_hub() {
    pieces_.reserve(hub_.tensors.size());
    for (std::size_t i = 0; i < hub_.tensors.size(); ++i) {
      if (any_fits(layout_.without, hub_.tensors[i].name)) continue;
      pieces_.push_back(
          {.tensor = hub_.tensors[i],
           .origin = {.kind = Origin::Kind::kWhole, .sources = {static_cast<std::uint32_t>(i)}}});
    }
  }

  Status stack(const StackChange& change);
  Status join(const StackChange& change, Group& group);
  Status split(const SplitChange& change);
  Status transpose();
  Result<Form> collect();

  FormContext& context_;
  const LayoutChange& layout_;
  const Form& hub_;
  std::vector<Piece> pieces_;
};

Status Layouter::stack(const StackChange& change) {
  std::map<Letters, std::size_t> known;
  std::vector<Group> groups;
  std::size_t last = 0;  // experts of a layer stand together
  for (std::size_t at = 0; at < pieces_.size(); ++at) {
    if (pieces_[at].gone) continue;
    for (std::size_t of = 0; of < change.of.size(); ++of) {
      Letters letters{};
      if (!change.of[of].match(pieces_[at].tensor.name, letters)) continue;
      const std::uint64_t over = change.over ? std::exchange(letters[*change.over], 0) : 0;
      if (last >= groups.size() || groups[last].letters != letters) {
        const auto [entry, fresh] = known.emplace(letters, groups.size());
        if (fresh) groups.push_back({.letters = letters});
        last = entry->second;
      }
      groups[last].members.push_back({.over = over, .of = of, .at = at});
      break;
    }
  }
  for (Group& group : groups)
    SW_TRY_OK(join(change, group));
  return ok();
}

Status Layouter::join(const StackChange& change, Group& group) {
  std::vector<Member>& members = group.members;
  const std::size_t first_at = members.front().at;
  std::ranges::sort(members, [](const Member& a, const Member& b) {
    return std::pair(a.over, a.of) < std::pair(b.over, b.of);
  });
  const std::size_t each = change.of.size();
  const std::uint64_t count = members.size() / each;
  for (std::size_t i = 0; i < members.size(); ++i) {
    if (members.size() % each != 0 || members[i].of != i % each || members[i].over != i / each) {
      return error("not all parts of one tensor are there, beginning with",
                   pieces_[members[i].at].tensor.name);
    }
  }
  Piece joined{.tensor = pieces_[members.front().at].tensor};
  joined.origin = {.kind = Origin::Kind::kJoined, .transposed = change.transpose};
  joined.origin.groups = change.over ? count : 1;
  const ShapeView first = joined.tensor.shape;
  if (first.empty()) return error("a scalar cannot be joined:", joined.tensor.name);
  std::uint64_t rows = 0;
  for (std::size_t i = 0; i < members.size(); ++i) {
    const Piece& part = pieces_[members[i].at];
    const ShapeView shape = part.tensor.shape;
    const bool fit = shape.size() == first.size() &&
                     std::equal(shape.begin() + 1, shape.end(), first.begin() + 1) &&
                     shape[0] == pieces_[members[i % each].at].tensor.shape[0] &&
                     part.origin.kind == Origin::Kind::kWhole && !part.origin.transposed;
    if (!fit) return error("its shape does not fit those beside it:", part.tensor.name);
    const auto sum = i < each ? checked_add(rows, shape[0]) : rows;
    if (!sum) return error("too large:", part.tensor.name);
    rows = *sum;
    joined.tensor.optional = joined.tensor.optional && part.tensor.optional;
    if (part.tensor.dtype != joined.tensor.dtype) joined.tensor.dtype = ExpectedDType::kModel;
    joined.origin.sources.push_back(part.origin.sources.front());
  }
  for (const Member& member : members)
    pieces_[member.at].gone = true;

  std::vector<std::uint64_t> shape(first.begin(), first.end());
  shape[0] = rows;
  if (change.over) shape.insert(shape.begin(), count);
  if (change.transpose) {
    if (shape.size() != 3) return error("only matrices can be transposed:", joined.tensor.name);
    std::swap(shape[shape.size() - 1], shape[shape.size() - 2]);
  }
  joined.tensor.shape = context_.storage.extents.copy(shape);
  joined.tensor.name = keep(context_.storage.names, change.to.fill(group.letters));
  joined.tensor.expert = change.over ? -1 : joined.tensor.expert;
  pieces_[first_at] = std::move(joined);
  return ok();
}

Status Layouter::split(const SplitChange& change) {
  std::vector<std::uint64_t> sizes(change.sizes.size());
  std::vector<Piece> result;
  result.reserve(pieces_.size());
  for (Piece& piece : pieces_) {
    Letters letters{};
    if (piece.gone || !change.of.match(piece.tensor.name, letters)) {
      result.push_back(std::move(piece));
      continue;
    }
    if (piece.tensor.shape.empty() || piece.origin.kind != Origin::Kind::kWhole ||
        piece.origin.transposed) {
      return error("this cannot be split:", piece.tensor.name);
    }
    std::uint64_t begin = 0;
    for (std::size_t i = 0; i < sizes.size(); ++i) {
      if (!context_.values.extent(change.sizes[i], sizes[i])) {
        return error("no size for a part of", piece.tensor.name);
      }
      Piece part = piece;
      part.origin.kind = Origin::Kind::kPart;
      part.origin.begin = begin;
      const std::span<std::uint64_t> shape = context_.storage.extents.copy(piece.tensor.shape);
      shape[0] = sizes[i];
      part.tensor.shape = shape;
      part.tensor.name = keep(context_.storage.names, change.to[i].fill(letters));
      const auto end = checked_add(begin, sizes[i]);
      if (!end) return error("too large:", piece.tensor.name);
      begin = *end;
      result.push_back(std::move(part));
    }
    if (begin != piece.tensor.shape[0]) {
      return error("the sizes of the parts are not that of", piece.tensor.name);
    }
  }
  pieces_ = std::move(result);
  return ok();
}

Status Layouter::transpose() {
  if (layout_.transpose.empty()) return ok();
  for (Piece& piece : pieces_) {
    const ShapeView shape = piece.tensor.shape;
    if (piece.gone || !any_fits(layout_.transpose, piece.tensor.name)) continue;
    if (shape.size() < 2 || piece.origin.kind != Origin::Kind::kWhole) {
      return error("this cannot be transposed:", piece.tensor.name);
    }
    const std::span<std::uint64_t> swapped = context_.storage.extents.copy(shape);
    std::swap(swapped[shape.size() - 1], swapped[shape.size() - 2]);
    piece.tensor.shape = swapped;
    piece.origin.transposed = !piece.origin.transposed;
  }
  return ok();
}

Result<Form> Layouter::collect() {
  Form form;
  if (!layout_.with.empty()) {
    std::vector<ExpectedTensor> added;
    if (!count_tensors(context_, layout_.with) || !emit(context_, layout_.with, {}, added)) {
      return error("its own tensors have no shape", "with");
    }
    for (const ExpectedTensor& tensor : added)
      pieces_.push_back({.tensor = tensor});
  }
  std::vector<std::size_t> place(hub_.tensors.size(), hub_.tensors.size());
  form.tensors.reserve(pieces_.size());
  form.origins.reserve(pieces_.size());
  for (Piece& piece : pieces_) {
    if (piece.gone) continue;
    if (!layout_.rename.empty()) {
      const std::string name = renamed(piece.tensor.name, layout_.rename);
      if (name != piece.tensor.name) piece.tensor.name = keep(context_.storage.names, name);
    }
    if (piece.origin.kind == Origin::Kind::kWhole) {
      place[piece.origin.sources.front()] = form.tensors.size();
    }
    form.tensors.push_back(piece.tensor);
    form.origins.push_back(std::move(piece.origin));
  }
  for (const Form::Tie& tie : hub_.ties) {
    const std::size_t target = place[tie.target];
    const std::size_t source = place[tie.source];
    if (target == hub_.tensors.size() || source == hub_.tensors.size()) continue;
    form.ties.push_back({.target = target, .source = source});
  }
  return form;
}

}  // namespace

Result<Form> apply_layout(FormContext& context, const LayoutChange& layout, const Form& hub) {
  return Layouter(context, layout, hub).apply();
}

}  // namespace shardwright
