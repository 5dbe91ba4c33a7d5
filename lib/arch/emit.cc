// The tensors of a rule's blocks, counted and then made. Names are built on what the blocks around
// them put before; shapes that no letter changes are computed once.
#include <algorithm>
#include <array>
#include <charconv>
#include <cstddef>
#include <limits>
#include <span>

#include "arch/form.h"
#include "base/checked.h"

namespace shardwright {
namespace {

// Names of a real checkpoint of kMaxExpected tensors take half of this.
constexpr std::size_t kMaxNames = std::size_t{1} << 28U;

class Counter {
 public:
  explicit Counter(FormContext& context) : context_(context) {}

  std::optional<std::uint64_t> count(const std::vector<TensorItem>& items) {
    std::uint64_t total = 0;
    for (const TensorItem& item : items) {
      std::uint64_t more = 1;
      if (!item.tensor) {
        const auto inner = count_block(*item.block);
        if (!inner) return std::nullopt;
        more = *inner;
      } else if (context_.quant.on && item.tensor->may_be_fp8) {
        more = context_.quant.static_activations ? 3 : 2;
      }
      total += more;  // each below 2^64 / 8 and checked at once: no overflow
      if (total > kMaxExpected) return too_many(nullptr, 0);
    }
    return total;
  }

 private:
  std::optional<std::uint64_t> too_many(const Expr* count, std::uint64_t value) {
    if (largest_ > 0 && count == nullptr) {
      context_.values.add_too_many(largest_count_, largest_);
    } else {
      context_.values.add_too_many(count, value);
    }
    return std::nullopt;
  }

  std::optional<std::uint64_t> count_block(const Block& block) {
    ConfigValues& values = context_.values;
    bool when = true;
    if (block.when && !values.condition(*block.when, when)) return std::nullopt;
    if (!when) return count(block.otherwise);
    if (!block.letter) return count(block.items);
    std::uint64_t repeats = 0;
    if (!values.extent(*block.count, repeats)) return std::nullopt;
    if (repeats > largest_) {
      largest_ = repeats;
      largest_count_ = &*block.count;
    }
    if (repeats > kMaxExpected) return too_many(&*block.count, repeats);
    if (repeats == 0) return 0;
    if (!block.varies) {
      values.set_letter(*block.letter, 0);
      const auto once = count(block.items);
      if (!once) return std::nullopt;
      const auto total = checked_mul(*once, repeats);
      if (!total || *total > kMaxExpected) return too_many(&*block.count, repeats);
      return total;
    }
    std::uint64_t total = 0;
    for (std::uint64_t i = 0; i < repeats; ++i) {
      if (!values.evaluator().spend(1)) return too_many(&*block.count, repeats);
      values.set_letter(*block.letter, i);
      const auto once = count(block.items);
      if (!once) return std::nullopt;
      total += *once;
      if (total > kMaxExpected) return too_many(nullptr, 0);
    }
    return total;
  }

  FormContext& context_;
  std::uint64_t largest_{};
  const Expr* largest_count_{};
};

class Emitter {
 public:
  Emitter(FormContext& context, std::span<const std::string> without,
          std::vector<ExpectedTensor>& into)
      : context_(context),
        without_(without),
        into_(into),
        shapes_(context.body.shape_caches),
        expert_(context.body.slot("expert")) {}

  bool items(const std::vector<TensorItem>& items) {
    return std::ranges::all_of(items, [&](const TensorItem& item) {
      return item.tensor ? tensor(*item.tensor) : block(*item.block);
    });
  }

 private:
  struct Cached {
    bool known{};
    ShapeView shape{};
  };

  bool block(const Block& block) {
    ConfigValues& values = context_.values;
    bool when = true;
    if (block.when && !values.condition(*block.when, when)) return false;
    if (!when) return inside(block, block.otherwise);
    if (!block.letter) return inside(block, block.items);
    std::uint64_t repeats = 0;
    if (!values.extent(*block.count, repeats)) return false;
    const std::int32_t expert = number_;
    for (std::uint64_t i = 0; i < repeats; ++i) {
      values.set_letter(*block.letter, i);
      if (block.letter == expert_) number_ = static_cast<std::int32_t>(i);
      if (!inside(block, block.items)) return false;
    }
    number_ = expert;
    return true;
  }

  bool inside(const Block& block, const std::vector<TensorItem>& inner) {
    const std::size_t length = prefix_.size();
    const std::int32_t layer = layer_;
    const bool optional = optional_;
    bool more_optional = false;
    if (block.optional && !context_.values.condition(*block.optional, more_optional)) return false;
    optional_ = optional_ || more_optional;
    const bool good = append(block.under, prefix_) && items(inner);
    prefix_.resize(length);
    layer_ = layer;
    optional_ = optional;
    return good;
  }

  // The filled template; the first number in a name is its layer's.
  bool append(const NameTemplate& name, std::string& to) {
    for (const NameTemplate::Piece& piece : name.pieces) {
      to += piece.text;
      if (piece.letter) {
        append_number(static_cast<std::int64_t>(context_.values.letter(*piece.letter)), to);
      } else if (piece.hole) {
        ExprValue value;
        if (!context_.values.evaluate(*piece.hole, value)) return false;
        if (value.kind == ExprKind::kText) {
          to += value.text;
        } else if (value.kind == ExprKind::kInt) {
          append_number(value.integer, to);
        } else {
          context_.values.add_problem(ConfigProblem::Kind::kWrongType, "",
                                      std::string("a name needs a number or a text, not ") +
                                          std::string(kind_name(value.kind)));
          return false;
        }
      }
    }
    return true;
  }

  void append_number(std::int64_t number, std::string& to) {
    std::array<char, 24> digits{};
    const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), number).ptr;
    to.append(digits.data(), end);
    if (layer_ < 0 && number <= std::numeric_limits<std::int32_t>::max()) {
      layer_ = static_cast<std::int32_t>(number);
    }
  }

  bool shape(const TensorRule& rule, ShapeView& out) {
    if (!rule.shape_varies && shapes_[rule.shape_cache].known) {
      out = shapes_[rule.shape_cache].shape;
      return true;
    }
    const std::span<std::uint64_t> extents = context_.storage.extents.take(rule.shape.size());
    for (std::size_t i = 0; i < extents.size(); ++i) {
      if (!context_.values.extent(rule.shape[i], extents[i])) return false;
    }
    out = extents;
    if (!rule.shape_varies) shapes_[rule.shape_cache] = {true, out};
    return true;
  }

  bool tensor(const TensorRule& rule) {
    const std::size_t length = prefix_.size();
    const std::int32_t layer = layer_;
    ExpectedTensor tensor{.role = rule.role, .dtype = rule.dtype, .optional = optional_};
    const bool good = append(rule.name, prefix_) && shape(rule, tensor.shape);
    tensor.layer = rule.in_layer ? layer_ : -1;
    tensor.expert = number_;
    layer_ = layer;
    if (good && context_.storage.names.taken() + prefix_.size() > kMaxNames) {
      context_.values.add_too_many(nullptr, 0);
      return false;
    }
    const bool removed = std::ranges::any_of(
        without_, [&](const std::string& pattern) { return fits(pattern, prefix_); });
    if (good && !removed) {
      tensor.name = keep(context_.storage.names, prefix_);
      const BlockQuant& quant = context_.quant;
      constexpr std::size_t kEnd = sizeof(".weight") - 1;
      if (quant.on && rule.may_be_fp8 &&
          !quant.skipped.contains(tensor.name.substr(0, tensor.name.size() - kEnd))) {
        tensor.dtype = ExpectedDType::kFp8;
      }
      into_.push_back(tensor);
    }
    prefix_.resize(length);
    return good;
  }

  FormContext& context_;
  std::span<const std::string> without_;
  std::vector<ExpectedTensor>& into_;
  std::vector<Cached> shapes_;
  std::optional<Slot> expert_;
  std::string prefix_;
  std::int32_t layer_{-1};
  std::int32_t number_{-1};
  bool optional_{};
};

}  // namespace

std::optional<std::uint64_t> count_tensors(FormContext& context,
                                           const std::vector<TensorItem>& items) {
  return Counter(context).count(items);
}

bool emit(FormContext& context, const std::vector<TensorItem>& items,
          std::span<const std::string> without, std::vector<ExpectedTensor>& into) {
  return Emitter(context, without, into).items(items);
}

}  // namespace shardwright
