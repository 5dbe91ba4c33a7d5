// Values of expressions: checked arithmetic, and an answer where there is no value.
#include <algorithm>
#include <cstddef>
#include <limits>
#include <optional>
#include <utility>

#include <fmt/format.h>

#include "arch/expr.h"
#include "base/utf8.h"

namespace shardwright {
namespace {

std::string shown(const ExprValue& value) {
  switch (value.kind) {
    case ExprKind::kBool:
      return value.boolean ? "true" : "false";
    case ExprKind::kInt:
      return fmt::format("{}", value.integer);
    case ExprKind::kText:
      return quoted(value.text, 60);
    default:
      return std::string(kind_name(value.kind));
  }
}

}  // namespace

std::string_view kind_name(ExprKind kind) {
  switch (kind) {
    case ExprKind::kUnknown:
      return "unknown";
    case ExprKind::kNull:
      return "null";
    case ExprKind::kBool:
      return "true or false";
    case ExprKind::kInt:
      return "a whole number";
    case ExprKind::kText:
      return "a text";
    case ExprKind::kList:
      return "a list";
    case ExprKind::kOther:
      return "a fraction or an object";
  }
  return {};
}

bool ExprEvaluator::evaluate(const Expr& expr, ExprValue& out) {
  error_ = {};
  expr_ = &expr;
  return eval(expr.root(), out);
}

bool ExprEvaluator::spend(std::uint64_t steps) {
  steps_ = steps > kMaxSteps - std::min(steps_, kMaxSteps) ? kMaxSteps + 1 : steps_ + steps;
  if (steps_ <= kMaxSteps) return true;
  error_ = {.kind = ExprError::Kind::kTooMuch, .message = "the rule asks for too much work"};
  return false;
}

const ExprNode& ExprEvaluator::operand(const ExprNode& node, std::size_t i) const {
  return expr_->nodes[expr_->operands[node.operands + i]];
}

std::string ExprEvaluator::text_of(const ExprNode& node) const {
  return described(*expr_, node, labels_);
}

bool ExprEvaluator::fail(const ExprNode& node, ExprError::Kind kind, std::string message) {
  if (error_.kind != ExprError::Kind::kNone) return false;
  error_ = {.kind = kind, .message = std::move(message)};
  for (const ExprNode& inner : expr_->nodes) {
    if (inner.op == ExprOp::kSlot && inner.begin >= node.begin && inner.end <= node.end) {
      error_.slots.push_back(inner.slot);
    }
  }
  return false;
}

bool ExprEvaluator::room(const ExprNode& node, std::size_t bytes) {
  if (bytes <= kMaxMemory &&
      texts_.taken() + values_.taken() * sizeof(ExprValue) + bytes <= kMaxMemory)
    return spend(bytes / 4);
  return fail(node, ExprError::Kind::kTooMuch, "the rule asks for too much memory");
}

bool ExprEvaluator::eval_operand(const ExprNode& node, std::size_t i, ExprValue& out) {
  return eval(operand(node, i), out);
}

bool ExprEvaluator::eval_condition(const ExprNode& node, std::size_t i, bool& out) {
  ExprValue value;
  if (!eval_operand(node, i, value)) return false;
  if (value.kind == ExprKind::kBool || value.kind == ExprKind::kNull) {
    out = value.kind == ExprKind::kBool && value.boolean;
    return true;
  }
  return fail(operand(node, i), ExprError::Kind::kType,
              fmt::format("{} is {}, expected true or false", text_of(operand(node, i)),
                          kind_name(value.kind)));
}

bool ExprEvaluator::eval_integer(const ExprNode& node, std::size_t i, std::int64_t& out) {
  ExprValue value;
  if (!eval_operand(node, i, value)) return false;
  if (value.kind == ExprKind::kInt) {
    out = value.integer;
    return true;
  }
  const bool null = value.kind == ExprKind::kNull;
  return fail(operand(node, i), null ? ExprError::Kind::kNull : ExprError::Kind::kType,
              fmt::format("{} is {}, expected a whole number", text_of(operand(node, i)),
                          kind_name(value.kind)));
}

bool ExprEvaluator::eval(const ExprNode& node, ExprValue& out) {
  if (!spend(1)) return false;
  bool a = false;
  switch (node.op) {
    case ExprOp::kConstant:
      out = node.constant;
      return true;
    case ExprOp::kText: {
      const std::string_view source = expr_->source;
      out = ExprValue::of(source.substr(node.begin + 1, node.end - node.begin - 2));
      return true;
    }
    case ExprOp::kSlot:
      out = slots_[node.slot];
      return out.kind != ExprKind::kUnknown || fail(node, ExprError::Kind::kUnknown, {});
    case ExprOp::kIndex:
      return index(node, out);
    case ExprOp::kList:
      return make_list(node, out);
    case ExprOp::kNegate:
    case ExprOp::kAdd:
    case ExprOp::kSubtract:
    case ExprOp::kMultiply:
    case ExprOp::kDivide:
    case ExprOp::kFloor:
    case ExprOp::kModulo:
    case ExprOp::kCeil:
      return arithmetic(node, out);
    case ExprOp::kEqual:
    case ExprOp::kUnequal:
    case ExprOp::kLess:
    case ExprOp::kLessEqual:
    case ExprOp::kGreater:
    case ExprOp::kGreaterEqual:
      return compare(node, out);
    case ExprOp::kIn:
    case ExprOp::kNotIn:
      return membership(node, out);
    case ExprOp::kIsNull:
    case ExprOp::kIsNotNull:
      if (!eval_operand(node, 0, out)) return false;
      out = ExprValue::of((out.kind == ExprKind::kNull) == (node.op == ExprOp::kIsNull));
      return true;
    case ExprOp::kAnd:
    case ExprOp::kOr:
      if (!eval_condition(node, 0, a)) return false;
      if (a == (node.op == ExprOp::kAnd) && !eval_condition(node, 1, a)) return false;
      out = ExprValue::of(a);
      return true;
    case ExprOp::kNot:
      if (!eval_condition(node, 0, a)) return false;
      out = ExprValue::of(!a);
      return true;
    case ExprOp::kIf:
      return eval_condition(node, 0, a) && eval_operand(node, a ? 1 : 2, out);
    case ExprOp::kLen: {
      if (!eval_operand(node, 0, out)) return false;
      if (out.kind != ExprKind::kList && out.kind != ExprKind::kText) {
        return fail(node, ExprError::Kind::kType,
                    fmt::format("{} is {}, expected a list or a text", text_of(operand(node, 0)),
                                kind_name(out.kind)));
      }
      const std::size_t length = out.kind == ExprKind::kList ? out.list.size() : out.text.size();
      out = ExprValue::of(static_cast<std::int64_t>(length));
      return true;
    }
    case ExprOp::kMin:
    case ExprOp::kMax:
      return extreme(node, out);
    case ExprOp::kReplace:
      return replace(node, out);
  }
  return false;
}

bool ExprEvaluator::arithmetic(const ExprNode& node, ExprValue& out) {
  std::int64_t a = 0;
  std::int64_t b = 0;
  std::int64_t result = 0;
  if (!eval_integer(node, 0, a)) return false;
  if (node.op != ExprOp::kNegate && !eval_integer(node, 1, b)) return false;
  bool overflow = false;
  switch (node.op) {
    case ExprOp::kNegate:
      overflow = __builtin_sub_overflow(std::int64_t{0}, a, &result);
      break;
    case ExprOp::kAdd:
      overflow = __builtin_add_overflow(a, b, &result);
      break;
    case ExprOp::kSubtract:
      overflow = __builtin_sub_overflow(a, b, &result);
      break;
    case ExprOp::kMultiply:
      overflow = __builtin_mul_overflow(a, b, &result);
      break;
    default:
      return divide(node, a, b, out);
  }
  if (overflow) {
    return fail(node, ExprError::Kind::kRange, fmt::format("{} is too large", text_of(node)));
  }
  out = ExprValue::of(result);
  return true;
}

bool ExprEvaluator::divide(const ExprNode& node, std::int64_t a, std::int64_t b, ExprValue& out) {
  if (b == 0) {
    return fail(node, ExprError::Kind::kRange, fmt::format("{} divides by zero", text_of(node)));
  }
  if (b == -1) {  // the one division that overflows, and no remainder
    if (a == std::numeric_limits<std::int64_t>::min()) {
      return fail(node, ExprError::Kind::kRange, fmt::format("{} is too large", text_of(node)));
    }
    out = ExprValue::of(node.op == ExprOp::kModulo ? std::int64_t{0} : -a);
    return true;
  }
  const std::int64_t quotient = a / b;
  const std::int64_t remainder = a % b;
  const bool below = remainder != 0 && (remainder < 0) != (b < 0);  // the true quotient is smaller
  switch (node.op) {
    case ExprOp::kDivide:
      if (remainder != 0) {
        return fail(node, ExprError::Kind::kNotExact,
                    fmt::format("{} is no whole number: {} / {}", text_of(node), a, b));
      }
      out = ExprValue::of(quotient);
      return true;
    case ExprOp::kFloor:
      out = ExprValue::of(below ? quotient - 1 : quotient);
      return true;
    case ExprOp::kCeil:
      out = ExprValue::of(remainder != 0 && !below ? quotient + 1 : quotient);
      return true;
    default:  // the remainder has the sign of the divisor, as in Python
      out = ExprValue::of(below ? remainder + b : remainder);
      return true;
  }
}

bool ExprEvaluator::equal(const ExprValue& a, const ExprValue& b) {
  if (a.kind != b.kind || !spend(1)) return false;
  switch (a.kind) {
    case ExprKind::kNull:
      return true;
    case ExprKind::kBool:
      return a.boolean == b.boolean;
    case ExprKind::kInt:
      return a.integer == b.integer;
    case ExprKind::kText:
      return spend(a.text.size() / 16) && a.text == b.text;
    case ExprKind::kList:
      return std::equal(a.list.begin(), a.list.end(), b.list.begin(), b.list.end(),
                        [&](const ExprValue& x, const ExprValue& y) { return equal(x, y); });
    default:
      return false;
  }
}

bool ExprEvaluator::compare(const ExprNode& node, ExprValue& out) {
  if (node.op == ExprOp::kEqual || node.op == ExprOp::kUnequal) {
    ExprValue left;
    ExprValue right;
    if (!eval_operand(node, 0, left) || !eval_operand(node, 1, right)) return false;
    const bool same = equal(left, right);
    out = ExprValue::of(same == (node.op == ExprOp::kEqual));
    return error_.kind == ExprError::Kind::kNone;
  }
  std::int64_t a = 0;
  std::int64_t b = 0;
  if (!eval_integer(node, 0, a) || !eval_integer(node, 1, b)) return false;
  switch (node.op) {
    case ExprOp::kLess:
      out = ExprValue::of(a < b);
      return true;
    case ExprOp::kLessEqual:
      out = ExprValue::of(a <= b);
      return true;
    case ExprOp::kGreater:
      out = ExprValue::of(a > b);
      return true;
    default:
      out = ExprValue::of(a >= b);
      return true;
  }
}

bool ExprEvaluator::membership(const ExprNode& node, ExprValue& out) {
  ExprValue element;
  ExprValue whole;
  if (!eval_operand(node, 0, element) || !eval_operand(node, 1, whole)) return false;
  bool found = false;
  if (whole.kind == ExprKind::kText && element.kind == ExprKind::kText) {
    if (!spend(whole.text.size())) return false;
    found = whole.text.find(element.text) != std::string_view::npos;
  } else if (whole.kind == ExprKind::kList) {
    for (const ExprValue& candidate : whole.list) {
      found = equal(element, candidate);
      if (error_.kind != ExprError::Kind::kNone) return false;
      if (found) break;
    }
  } else {
    return fail(
        operand(node, 1), ExprError::Kind::kType,
        fmt::format("{} is {}, expected a list", text_of(operand(node, 1)), kind_name(whole.kind)));
  }
  out = ExprValue::of(found == (node.op == ExprOp::kIn));
  return true;
}

bool ExprEvaluator::index(const ExprNode& node, ExprValue& out) {
  ExprValue whole;
  std::int64_t position = 0;
  if (!eval_operand(node, 0, whole) || !eval_integer(node, 1, position)) return false;
  const bool list = whole.kind == ExprKind::kList;
  if (!list && whole.kind != ExprKind::kText) {
    const bool null = whole.kind == ExprKind::kNull;
    return fail(
        operand(node, 0), null ? ExprError::Kind::kNull : ExprError::Kind::kType,
        fmt::format("{} is {}, expected a list", text_of(operand(node, 0)), kind_name(whole.kind)));
  }
  const std::size_t length = list ? whole.list.size() : whole.text.size();
  if (position < 0 || static_cast<std::uint64_t>(position) >= length) {
    return fail(operand(node, 0), ExprError::Kind::kRange,
                fmt::format("{} has {} element{}, and element {} is needed (counted from 0)",
                            text_of(operand(node, 0)), length, length == 1 ? "" : "s", position));
  }
  const auto at = static_cast<std::size_t>(position);
  out = list ? whole.list[at] : ExprValue::of(whole.text.substr(at, 1));
  return true;
}

bool ExprEvaluator::make_list(const ExprNode& node, ExprValue& out) {
  if (!room(node, node.operand_count * sizeof(ExprValue))) return false;
  const std::span<ExprValue> elements = values_.take(node.operand_count);
  for (std::size_t i = 0; i < elements.size(); ++i) {
    elements[i] = {};
    if (!eval_operand(node, i, elements[i])) return false;
  }
  out = ExprValue::of(std::span<const ExprValue>(elements));
  return true;
}

bool ExprEvaluator::extreme(const ExprNode& node, ExprValue& out) {
  std::int64_t best = 0;
  for (std::size_t i = 0; i < node.operand_count; ++i) {
    std::int64_t value = 0;
    if (!eval_integer(node, i, value)) return false;
    const bool better = node.op == ExprOp::kMin ? value < best : value > best;
    if (i == 0 || better) best = value;
  }
  out = ExprValue::of(best);
  return true;
}

bool ExprEvaluator::replace(const ExprNode& node, ExprValue& out) {
  if (!eval_operand(node, 0, out)) return false;
  if (out.kind == ExprKind::kNull) return true;
  if (out.kind == ExprKind::kList) {
    if (!room(node, out.list.size() * sizeof(ExprValue))) return false;
    const std::span<ExprValue> elements = values_.copy(out.list);
    for (std::size_t i = 1; i < node.operand_count; i += 2) {
      ExprValue old_value;
      ExprValue new_value;
      if (!eval_operand(node, i, old_value) || !eval_operand(node, i + 1, new_value)) return false;
      for (ExprValue& element : elements) {
        if (equal(element, old_value)) element = new_value;
        if (error_.kind != ExprError::Kind::kNone) return false;
      }
    }
    out = ExprValue::of(std::span<const ExprValue>(elements));
    return true;
  }
  if (out.kind != ExprKind::kText) {
    return fail(operand(node, 0), ExprError::Kind::kType,
                fmt::format("{} is {}, expected a list or a text", text_of(operand(node, 0)),
                            kind_name(out.kind)));
  }
  for (std::size_t i = 1; i < node.operand_count; i += 2) {
    ExprValue old_value;
    ExprValue new_value;
    if (!eval_operand(node, i, old_value) || !eval_operand(node, i + 1, new_value)) return false;
    if (old_value.kind != ExprKind::kText || new_value.kind != ExprKind::kText ||
        old_value.text.empty()) {
      return fail(node, ExprError::Kind::kType,
                  fmt::format("'replace' in a text needs texts, not {} and {}", shown(old_value),
                              shown(new_value)));
    }
    if (!replace_in_text(node, old_value.text, new_value.text, out)) return false;
  }
  return true;
}

bool ExprEvaluator::replace_in_text(const ExprNode& node, std::string_view old_text,
                                    std::string_view new_text, ExprValue& out) {
  std::size_t count = 0;
  for (std::size_t at = out.text.find(old_text); at != std::string_view::npos;
       at = out.text.find(old_text, at + old_text.size())) {
    ++count;
  }
  const std::size_t size = out.text.size() - count * old_text.size() + count * new_text.size();
  if (!room(node, size + out.text.size())) return false;
  const std::span<char> text = texts_.take(size);
  auto to = text.begin();
  std::size_t from = 0;
  for (std::size_t i = 0; i < count; ++i) {
    const std::size_t at = out.text.find(old_text, from);
    to = std::ranges::copy(out.text.substr(from, at - from), to).out;
    to = std::ranges::copy(new_text, to).out;
    from = at + old_text.size();
  }
  std::ranges::copy(out.text.substr(from), to);
  out = ExprValue::of(std::string_view(text.data(), text.size()));
  return true;
}

}  // namespace shardwright
