// Text to Expr: a parser by recursive descent, one function a level of precedence.
#include <algorithm>
#include <array>
#include <charconv>
#include <cstddef>
#include <optional>
#include <utility>

#include <fmt/format.h>

#include "arch/expr.h"
#include "base/text.h"
#include "base/try.h"
#include "base/utf8.h"

namespace shardwright {
namespace {

constexpr std::size_t kMaxSource = 4000;
// Of the tree, which evaluation goes down by recursion.
constexpr std::uint32_t kMaxHeight = 64;

bool is_letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}
bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

enum class TokenKind : std::uint8_t { kEnd, kNumber, kText, kWord, kSign };

struct Token {
  TokenKind kind{};
  std::size_t begin{};
  std::size_t end{};
};

constexpr std::array<std::string_view, 15> kReserved = {"true", "false", "null", "and",  "or",
                                                        "not",  "in",    "is",   "if",   "else",
                                                        "len",  "min",   "max",  "ceil", "replace"};

// The part of an error that says where: the whole text is short enough to be shown.
Error at(std::string_view source, std::size_t offset, std::string_view what) {
  return Error{ErrorCode::kMalformed,
               fmt::format("{} at letter {} of {}", what, offset + 1, quoted(source))};
}

class Parser {
 public:
  Parser(std::string_view source, ExprNames names) : names_(names) { expr_.source = source; }

  Result<Expr> parse() {
    if (expr_.source.size() > kMaxSource) {
      return Error{ErrorCode::kMalformed, "an expression is longer than 4000 letters"};
    }
    SW_TRY_OK(advance());
    SW_TRY([[maybe_unused]] const std::uint32_t root, conditional());
    if (token_.kind != TokenKind::kEnd) {
      return error(fmt::format("unexpected {}", quoted(text())));
    }
    return std::move(expr_);
  }

 private:
  [[nodiscard]] Error error(std::string_view what) const {
    return at(expr_.source, token_.begin, what);
  }
  [[nodiscard]] std::string_view text() const {
    return std::string_view(expr_.source).substr(token_.begin, token_.end - token_.begin);
  }
  [[nodiscard]] bool is(TokenKind kind, std::string_view word) const {
    return token_.kind == kind && text() == word;
  }

  Status advance();

  // Consumes the sign or word if it is next.
  Result<bool> take(TokenKind kind, std::string_view word) {
    if (!is(kind, word)) return false;
    SW_TRY_OK(advance());
    return true;
  }
  Result<bool> take_sign(std::string_view sign) { return take(TokenKind::kSign, sign); }
  Result<bool> take_word(std::string_view word) { return take(TokenKind::kWord, word); }
  Status expect(TokenKind kind, std::string_view word) {
    if (!is(kind, word)) return error(fmt::format("expected '{}'", word));
    return advance();
  }

  Result<std::uint32_t> add(ExprNode node, std::span<const std::uint32_t> operands) {
    std::uint32_t height = 0;
    for (const std::uint32_t operand : operands)
      height = std::max(height, heights_[operand]);
    if (height + 1 > kMaxHeight) return error("too deeply nested");
    node.operands = static_cast<std::uint32_t>(expr_.operands.size());
    node.operand_count = static_cast<std::uint32_t>(operands.size());
    expr_.operands.insert(expr_.operands.end(), operands.begin(), operands.end());
    expr_.nodes.push_back(node);
    heights_.push_back(height + 1);
    return static_cast<std::uint32_t>(expr_.nodes.size() - 1);
  }
  Result<std::uint32_t> add(ExprOp op, std::initializer_list<std::uint32_t> operands) {
    ExprNode node{.op = op};
    node.begin = expr_.nodes[*operands.begin()].begin;
    node.end = static_cast<std::uint32_t>(last_end_);
    return add(node, std::span(operands.begin(), operands.size()));
  }

  Result<std::uint32_t> conditional();
  Result<std::uint32_t> disjunction();
  Result<std::uint32_t> conjunction();
  Result<std::uint32_t> negation();
  Result<std::uint32_t> comparison();
  Result<std::uint32_t> sum();
  Result<std::uint32_t> product();
  Result<std::uint32_t> sign();
  Result<std::uint32_t> indexed();
  Result<std::uint32_t> primary();
  Result<std::uint32_t> word();
  Result<std::uint32_t> call(ExprOp op, std::size_t least, std::size_t most);
  Result<std::uint32_t> name();
  Result<std::vector<std::uint32_t>> list(std::string_view close);
  Result<std::optional<ExprOp>> comparison_op();

  // Guards the recursion of the parser itself.
  struct Depth {
    explicit Depth(std::uint32_t& depth) : depth_(depth) { ++depth_; }
    Depth(const Depth&) = delete;
    Depth& operator=(const Depth&) = delete;
    ~Depth() { --depth_; }
    std::uint32_t& depth_;
  };

  ExprNames names_;
  Expr expr_;
  std::vector<std::uint32_t> heights_;
  Token token_;
  std::size_t last_end_{};
  std::uint32_t depth_{};
};

Status Parser::advance() {
  const std::string_view source = expr_.source;
  last_end_ = token_.end;
  std::size_t i = token_.end;
  while (i < source.size() && source[i] == ' ')
    ++i;
  token_ = {TokenKind::kEnd, i, i};
  if (i == source.size()) return ok();
  const char c = source[i];
  std::size_t end = i + 1;
  if (is_digit(c)) {
    while (end < source.size() && is_digit(source[end]))
      ++end;
    token_ = {TokenKind::kNumber, i, end};
  } else if (is_letter(c)) {
    while (end < source.size() && (is_letter(source[end]) || is_digit(source[end])))
      ++end;
    token_ = {TokenKind::kWord, i, end};
  } else if (c == '\'') {
    end = source.find('\'', i + 1);
    if (end == std::string_view::npos) return error("a text without its closing quote");
    token_ = {TokenKind::kText, i, end + 1};
  } else {
    constexpr std::array<std::string_view, 5> kPairs = {"==", "!=", "<=", ">=", "//"};
    constexpr std::string_view kSingles = "+-*/%<>()[],";
    if (std::ranges::find(kPairs, source.substr(i, 2)) != kPairs.end()) {
      end = i + 2;
    } else if (kSingles.find(c) == std::string_view::npos) {
      return error(fmt::format("unexpected {}", quoted(source.substr(i, 1))));
    }
    token_ = {TokenKind::kSign, i, end};
  }
  return ok();
}

Result<std::uint32_t> Parser::conditional() {
  const Depth depth(depth_);
  if (depth_ > kMaxHeight) return error("too deeply nested");
  SW_TRY(const std::uint32_t value, disjunction());
  SW_TRY(const bool has_condition, take_word("if"));
  if (!has_condition) return value;
  SW_TRY(const std::uint32_t condition, disjunction());
  SW_TRY_OK(expect(TokenKind::kWord, "else"));
  SW_TRY(const std::uint32_t other, conditional());
  ExprNode node{.op = ExprOp::kIf};
  node.begin = expr_.nodes[value].begin;
  node.end = static_cast<std::uint32_t>(last_end_);
  return add(node, std::array{condition, value, other});
}

Result<std::uint32_t> Parser::disjunction() {
  SW_TRY(std::uint32_t left, conjunction());
  while (is(TokenKind::kWord, "or")) {
    SW_TRY_OK(advance());
    SW_TRY(const std::uint32_t right, conjunction());
    SW_TRY(left, add(ExprOp::kOr, {left, right}));
  }
  return left;
}

Result<std::uint32_t> Parser::conjunction() {
  SW_TRY(std::uint32_t left, negation());
  while (is(TokenKind::kWord, "and")) {
    SW_TRY_OK(advance());
    SW_TRY(const std::uint32_t right, negation());
    SW_TRY(left, add(ExprOp::kAnd, {left, right}));
  }
  return left;
}

Result<std::uint32_t> Parser::negation() {
  const Depth depth(depth_);
  if (depth_ > kMaxHeight) return error("too deeply nested");
  const std::size_t begin = token_.begin;
  SW_TRY(const bool negated, take_word("not"));
  if (!negated) return comparison();
  SW_TRY(const std::uint32_t operand, negation());
  ExprNode node{.op = ExprOp::kNot};
  node.begin = static_cast<std::uint32_t>(begin);
  node.end = static_cast<std::uint32_t>(last_end_);
  return add(node, std::array{operand});
}

Result<std::optional<ExprOp>> Parser::comparison_op() {
  struct Row {
    std::string_view sign;
    ExprOp op;
  };
  constexpr std::array kSigns = {Row{"==", ExprOp::kEqual},  Row{"!=", ExprOp::kUnequal},
                                 Row{"<", ExprOp::kLess},    Row{"<=", ExprOp::kLessEqual},
                                 Row{">", ExprOp::kGreater}, Row{">=", ExprOp::kGreaterEqual}};
  for (const Row& row : kSigns) {
    SW_TRY(const bool taken, take_sign(row.sign));
    if (taken) return std::optional(row.op);
  }
  SW_TRY(const bool in, take_word("in"));
  if (in) return std::optional(ExprOp::kIn);
  SW_TRY(const bool negated, take_word("not"));
  if (negated) {
    SW_TRY_OK(expect(TokenKind::kWord, "in"));
    return std::optional(ExprOp::kNotIn);
  }
  SW_TRY(const bool null_test, take_word("is"));
  if (null_test) {
    SW_TRY(const bool is_not, take_word("not"));
    SW_TRY_OK(expect(TokenKind::kWord, "null"));
    return std::optional(is_not ? ExprOp::kIsNotNull : ExprOp::kIsNull);
  }
  return std::optional<ExprOp>{};
}

Result<std::uint32_t> Parser::comparison() {
  SW_TRY(const std::uint32_t left, sum());
  SW_TRY(const std::optional<ExprOp> op, comparison_op());
  if (!op) return left;
  if (*op == ExprOp::kIsNull || *op == ExprOp::kIsNotNull) return add(*op, {left});
  SW_TRY(const std::uint32_t right, sum());
  SW_TRY(const std::uint32_t result, add(*op, {left, right}));
  const Token after = token_;
  SW_TRY(const std::optional<ExprOp> second, comparison_op());
  if (second) return at(expr_.source, after.begin, "two comparisons in a row: write 'and'");
  return result;
}

Result<std::uint32_t> Parser::sum() {
  SW_TRY(std::uint32_t left, product());
  while (is(TokenKind::kSign, "+") || is(TokenKind::kSign, "-")) {
    const ExprOp op = text() == "+" ? ExprOp::kAdd : ExprOp::kSubtract;
    SW_TRY_OK(advance());
    SW_TRY(const std::uint32_t right, product());
    SW_TRY(left, add(op, {left, right}));
  }
  return left;
}

Result<std::uint32_t> Parser::product() {
  SW_TRY(std::uint32_t left, sign());
  while (token_.kind == TokenKind::kSign) {
    ExprOp op{};
    if (text() == "*") {
      op = ExprOp::kMultiply;
    } else if (text() == "/") {
      op = ExprOp::kDivide;
    } else if (text() == "//") {
      op = ExprOp::kFloor;
    } else if (text() == "%") {
      op = ExprOp::kModulo;
    } else {
      break;
    }
    SW_TRY_OK(advance());
    SW_TRY(const std::uint32_t right, sign());
    SW_TRY(left, add(op, {left, right}));
  }
  return left;
}

Result<std::uint32_t> Parser::sign() {
  const Depth depth(depth_);
  if (depth_ > kMaxHeight) return error("too deeply nested");
  const std::size_t begin = token_.begin;
  SW_TRY(const bool negative, take_sign("-"));
  if (!negative) return indexed();
  SW_TRY(const std::uint32_t operand, sign());
  ExprNode node{.op = ExprOp::kNegate};
  node.begin = static_cast<std::uint32_t>(begin);
  node.end = static_cast<std::uint32_t>(last_end_);
  return add(node, std::array{operand});
}

Result<std::uint32_t> Parser::indexed() {
  SW_TRY(std::uint32_t value, primary());
  while (is(TokenKind::kSign, "[")) {
    SW_TRY_OK(advance());
    SW_TRY(const std::uint32_t index, conditional());
    SW_TRY_OK(expect(TokenKind::kSign, "]"));
    SW_TRY(value, add(ExprOp::kIndex, {value, index}));
  }
  return value;
}

Result<std::vector<std::uint32_t>> Parser::list(std::string_view close) {
  std::vector<std::uint32_t> elements;
  SW_TRY(bool closed, take_sign(close));
  while (!closed) {
    SW_TRY(const std::uint32_t element, conditional());
    elements.push_back(element);
    SW_TRY(const bool more, take_sign(","));
    if (!more) {
      SW_TRY_OK(expect(TokenKind::kSign, close));
      closed = true;
    }
  }
  return elements;
}

Result<std::uint32_t> Parser::primary() {
  const std::size_t begin = token_.begin;
  const std::string_view token = text();
  ExprNode node{.begin = static_cast<std::uint32_t>(begin),
                .end = static_cast<std::uint32_t>(token_.end)};
  switch (token_.kind) {
    case TokenKind::kNumber: {
      std::int64_t number = 0;
      const auto [last, failure] =
          std::from_chars(token.data(), token.data() + token.size(), number);
      if (failure != std::errc{}) return error("a number that is too large");
      node.constant = ExprValue::of(number);
      SW_TRY_OK(advance());
      return add(node, {});
    }
    case TokenKind::kText:
      node.op = ExprOp::kText;
      SW_TRY_OK(advance());
      return add(node, {});
    case TokenKind::kWord:
      return word();
    case TokenKind::kSign:
      break;
    case TokenKind::kEnd:
      return error("expected a value");
  }
  SW_TRY(const bool bracket, take_sign("("));
  if (bracket) {
    SW_TRY(const std::uint32_t inner, conditional());
    SW_TRY_OK(expect(TokenKind::kSign, ")"));
    expr_.nodes[inner].begin = static_cast<std::uint32_t>(begin);
    expr_.nodes[inner].end = static_cast<std::uint32_t>(last_end_);
    return inner;
  }
  SW_TRY(const bool square, take_sign("["));
  if (!square) return error(fmt::format("expected a value, not {}", quoted(token)));
  SW_TRY(const std::vector<std::uint32_t> elements, list("]"));
  node.op = ExprOp::kList;
  node.end = static_cast<std::uint32_t>(last_end_);
  return add(node, elements);
}

Result<std::uint32_t> Parser::word() {
  const std::string_view token = text();
  ExprNode node{.begin = static_cast<std::uint32_t>(token_.begin),
                .end = static_cast<std::uint32_t>(token_.end)};
  if (token == "true" || token == "false" || token == "null") {
    node.constant = token == "null" ? ExprValue::null() : ExprValue::of(token == "true");
    SW_TRY_OK(advance());
    return add(node, {});
  }
  constexpr std::size_t kAny = 64;
  if (token == "len") return call(ExprOp::kLen, 1, 1);
  if (token == "min") return call(ExprOp::kMin, 2, kAny);
  if (token == "max") return call(ExprOp::kMax, 2, kAny);
  if (token == "ceil") return call(ExprOp::kCeil, 1, 1);
  if (token == "replace") return call(ExprOp::kReplace, 3, kAny);
  return name();
}

Result<std::uint32_t> Parser::call(ExprOp op, std::size_t least, std::size_t most) {
  const Token function = token_;
  const std::string called(text());
  SW_TRY_OK(advance());
  SW_TRY_OK(expect(TokenKind::kSign, "("));
  SW_TRY(std::vector<std::uint32_t> operands, list(")"));
  if (operands.size() < least || operands.size() > most) {
    return at(expr_.source, function.begin,
              fmt::format("'{}' takes {} value{}{}, not {}", called, least, least == 1 ? "" : "s",
                          most > least ? " or more" : "", operands.size()));
  }
  if (op == ExprOp::kReplace && operands.size() % 2 == 0) {
    return at(expr_.source, function.begin, "'replace' takes pairs of old and new");
  }
  ExprNode node{.op = op,
                .begin = static_cast<std::uint32_t>(function.begin),
                .end = static_cast<std::uint32_t>(last_end_)};
  if (op == ExprOp::kCeil) {
    const ExprNode& division = expr_.nodes[operands[0]];
    if (division.op != ExprOp::kDivide) {
      return at(expr_.source, function.begin, "'ceil' takes a division: ceil(a / b)");
    }
    operands = {expr_.operands[division.operands], expr_.operands[division.operands + 1]};
  }
  return add(node, operands);
}

Result<std::uint32_t> Parser::name() {
  const std::string token(text());
  if (is_reserved_word(token)) {
    return error(fmt::format("expected a value, not '{}'", token));
  }
  for (std::size_t slot = 0; slot < names_.size(); ++slot) {
    if (names_[slot] != token) continue;
    ExprNode node{.op = ExprOp::kSlot,
                  .slot = static_cast<std::uint16_t>(slot),
                  .begin = static_cast<std::uint32_t>(token_.begin),
                  .end = static_cast<std::uint32_t>(token_.end)};
    if (std::ranges::find(expr_.slots, node.slot) == expr_.slots.end()) {
      expr_.slots.push_back(node.slot);
    }
    SW_TRY_OK(advance());
    return add(node, {});
  }
  std::vector<std::string_view> known;
  for (const std::string& candidate : names_) {
    if (!candidate.empty()) known.emplace_back(candidate);
  }
  std::string what = fmt::format("{} is not defined", quoted(token));
  if (const auto near = nearest(token, known)) what += fmt::format(" (nearest: '{}'),", *near);
  return error(what);
}

}  // namespace

bool is_reserved_word(std::string_view word) {
  return std::ranges::find(kReserved, word) != kReserved.end();
}

Result<Expr> compile_expr(std::string_view source, ExprNames names) {
  return Parser(source, names).parse();
}

std::string described(const Expr& expr, const ExprNode& node, std::span<const std::string> labels) {
  std::string out;
  std::size_t from = node.begin;
  for (const ExprNode& inner : expr.nodes) {  // slots are in the order of the source
    if (inner.op != ExprOp::kSlot || inner.begin < from || inner.end > node.end) continue;
    out += std::string_view(expr.source).substr(from, inner.begin - from);
    out += inner.slot < labels.size() ? labels[inner.slot] : std::string();
    from = inner.end;
  }
  out += std::string_view(expr.source).substr(from, node.end - from);
  return out;
}

}  // namespace shardwright
