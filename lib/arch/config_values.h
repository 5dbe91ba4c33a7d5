// The values that a config gives to the names of a rule.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "arch/schema_body.h"
#include "json/value.h"

namespace shardwright {

class ConfigValues {
 public:
  // Evaluates every definition. What is wrong is in problems(); names that depend on it have no
  // value, and stay silent where they are used.
  ConfigValues(const SchemaBody& body, const json::Value& config, std::string_view class_name);
  ~ConfigValues() = default;
  ConfigValues(const ConfigValues&) = delete;
  ConfigValues& operator=(const ConfigValues&) = delete;

  // The value of an expression of the rule; false and one more problem where there is none.
  bool evaluate(const Expr& expr, ExprValue& out);
  // ... that must be a whole number, not negative.
  bool extent(const Expr& expr, std::uint64_t& out);
  bool condition(const Expr& expr, bool& out);

  void set_letter(Slot slot, std::uint64_t value);
  [[nodiscard]] std::uint64_t letter(Slot slot) const;
  // A name that is a whole number now.
  [[nodiscard]] std::optional<std::uint64_t> number(std::string_view name) const;

  // The same; of a list of whole numbers the least.
  [[nodiscard]] std::optional<std::uint64_t> least(std::string_view name) const;

  // The config's key that gave a name its value, as a JSON pointer.
  [[nodiscard]] std::string pointer(std::string_view name) const;

  // Checks `require`.
  void check_requirements();
  // Checks that each of these keys, where it is a list, has one element a layer.
  void check_lengths(std::span<const std::string> keys);

  void add_problem(ConfigProblem::Kind kind, std::string pointer, std::string message);
  // The problem of more than kMaxExpected tensors.
  void add_too_many(const Expr* count, std::uint64_t value);
  std::vector<ConfigProblem>& problems() { return problems_; }
  [[nodiscard]] const json::Value& config() const { return config_; }
  ExprEvaluator& evaluator() { return evaluator_; }
  [[nodiscard]] std::span<const ExprValue> slots() const { return slots_; }
  [[nodiscard]] std::span<const std::string> labels() const { return labels_; }

 private:
  void define(const Definition& definition, Slot slot);
  void define_list(const Definition& definition, Slot slot);
  bool look_up(const Definition& definition, Slot slot, ExprValue& out);
  bool convert(const Definition& definition, Slot slot, const json::Value& value, ExprValue& out);
  bool accept(const Definition& definition, Slot slot, ExprValue& value, std::string_view found);
  ExprValue from_json(const json::Value& value);
  void report_error();
  // The names among these that have a key of their own; for a computed one, those behind it.
  [[nodiscard]] std::vector<Slot> keyed(std::span<const Slot> slots) const;
  [[nodiscard]] std::string pointer_of(const std::vector<Slot>& slots) const;
  [[nodiscard]] std::string key_pointer(const ConfigKey& key) const;
  [[nodiscard]] std::string key_text(const ConfigKey& key) const;

  const SchemaBody& body_;
  const json::Value& config_;
  std::vector<ExprValue> slots_;
  std::vector<std::string> labels_;    // by slot: what messages call it
  std::vector<std::string> pointers_;  // by slot: into the config
  ExprEvaluator evaluator_;
  std::vector<ConfigProblem> problems_;
};

}  // namespace shardwright
