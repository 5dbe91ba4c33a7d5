// The expressions of rules (docs/rules.md): compiled once, when the rule is loaded, then evaluated
// many times. Names are slots of an array; nothing is looked up by its name later.
//
// An expression that has no value is an answer, not an exception: what a config asks for may divide
// by zero, overflow, or index beyond a list. Work and memory are bounded whatever the rule says.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "arch/arena.h"
#include "shardwright/result.h"

namespace shardwright {

enum class ExprKind : std::uint8_t {
  kUnknown,  // of a name whose definition failed: whatever needs it has no value either
  kNull,
  kBool,
  kInt,
  kText,
  kList,
  kOther,  // a fraction or an object of the config: equal to nothing
};

struct ExprValue {
  ExprKind kind{};
  bool boolean{};
  std::int64_t integer{};
  std::string_view text{};
  std::span<const ExprValue> list{};

  static ExprValue null() { return {.kind = ExprKind::kNull}; }
  static ExprValue of(bool value) { return {.kind = ExprKind::kBool, .boolean = value}; }
  static ExprValue of(std::int64_t value) { return {.kind = ExprKind::kInt, .integer = value}; }
  static ExprValue of(std::string_view value) { return {.kind = ExprKind::kText, .text = value}; }
  static ExprValue of(std::span<const ExprValue> value) {
    return {.kind = ExprKind::kList, .list = value};
  }
};
std::string_view kind_name(ExprKind kind);  // "a whole number", "a list"

enum class ExprOp : std::uint8_t {
  kConstant,
  kText,
  kSlot,
  kIndex,
  kList,
  kNegate,
  kAdd,
  kSubtract,
  kMultiply,
  kDivide,
  kFloor,
  kModulo,
  kCeil,
  kEqual,
  kUnequal,
  kLess,
  kLessEqual,
  kGreater,
  kGreaterEqual,
  kIn,
  kNotIn,
  kIsNull,
  kIsNotNull,
  kAnd,
  kOr,
  kNot,
  kIf,  // operands: condition, value, other value
  kLen,
  kMin,
  kMax,
  kReplace,
};

struct ExprNode {
  ExprOp op{};
  std::uint16_t slot{};
  std::uint32_t operands{};  // position of the first in Expr::operands
  std::uint32_t operand_count{};
  std::uint32_t begin{};  // where it stands in the source
  std::uint32_t end{};
  ExprValue constant{};  // of kConstant
};

struct Expr {
  std::string source{};
  std::vector<ExprNode> nodes{};  // operands before what uses them; the last is the root
  std::vector<std::uint32_t> operands{};
  std::vector<std::uint16_t> slots{};  // all that it reads, each once

  [[nodiscard]] const ExprNode& root() const { return nodes.back(); }
};

// Names that an expression may use: the slot of each is its position. Empty names are hidden.
using ExprNames = std::span<const std::string>;

// Words of the language: nothing may have such a name.
bool is_reserved_word(std::string_view word);

// kMalformed, with the place in the text.
Result<Expr> compile_expr(std::string_view source, ExprNames names);

struct ExprError {
  enum class Kind : std::uint8_t {
    kNone,
    kUnknown,   // it depends on something that failed before
    kType,      // an operand of the wrong kind
    kNull,      // a null in arithmetic
    kNotExact,  // a division leaves a remainder
    kRange,     // overflow, a division by zero, an index beyond a list
    kTooMuch,   // more work or memory than any real config needs
  };
  Kind kind{};
  std::string message{};
  std::vector<std::uint16_t> slots{};  // those that the part with the error reads
};

// Evaluates expressions over one set of values.
class ExprEvaluator {
 public:
  // `labels` are what messages call the names: the config's own keys.
  ExprEvaluator(std::span<const ExprValue> slots, std::span<const std::string> labels)
      : slots_(slots), labels_(labels) {}

  // False where there is no value: error() says why.
  bool evaluate(const Expr& expr, ExprValue& out);
  [[nodiscard]] const ExprError& error() const { return error_; }

  // One value of a list that is being made; counted like any other work.
  Arena<ExprValue>& values() { return values_; }
  Arena<char>& texts() { return texts_; }

  static constexpr std::uint64_t kMaxSteps = 20'000'000;
  static constexpr std::size_t kMaxMemory = std::size_t{1} << 25U;
  // Counts work done elsewhere on behalf of the same config; false where it is too much.
  bool spend(std::uint64_t steps);

 private:
  bool eval(const ExprNode& node, ExprValue& out);
  bool eval_operand(const ExprNode& node, std::size_t i, ExprValue& out);
  bool eval_condition(const ExprNode& node, std::size_t i, bool& out);
  bool eval_integer(const ExprNode& node, std::size_t i, std::int64_t& out);
  bool arithmetic(const ExprNode& node, ExprValue& out);
  bool divide(const ExprNode& node, std::int64_t a, std::int64_t b, ExprValue& out);
  bool compare(const ExprNode& node, ExprValue& out);
  bool membership(const ExprNode& node, ExprValue& out);
  bool index(const ExprNode& node, ExprValue& out);
  bool make_list(const ExprNode& node, ExprValue& out);
  bool extreme(const ExprNode& node, ExprValue& out);
  bool replace(const ExprNode& node, ExprValue& out);
  bool replace_in_text(const ExprNode& node, std::string_view old_text, std::string_view new_text,
                       ExprValue& out);
  bool equal(const ExprValue& a, const ExprValue& b);
  bool fail(const ExprNode& node, ExprError::Kind kind, std::string message);
  bool room(const ExprNode& node, std::size_t bytes);
  [[nodiscard]] const ExprNode& operand(const ExprNode& node, std::size_t i) const;
  [[nodiscard]] std::string text_of(const ExprNode& node) const;

  std::span<const ExprValue> slots_;
  std::span<const std::string> labels_;
  const Expr* expr_{};
  ExprError error_{};
  Arena<ExprValue> values_;
  Arena<char> texts_;
  std::uint64_t steps_{};
};

// The source of `node` with names replaced by their labels: for messages.
std::string described(const Expr& expr, const ExprNode& node, std::span<const std::string> labels);

}  // namespace shardwright
