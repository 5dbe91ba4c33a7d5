// All rules: those compiled in, and those of --rules-dir.
#pragma once

#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "arch/schema.h"
#include "shardwright/result.h"

namespace shardwright {

class Catalogue {
 public:
  // The rules compiled in. They are valid: a test loads each. Nothing is parsed yet.
  static Catalogue builtin();

  // Adds a rule by its file's name; one of the same name is replaced. kMalformed.
  Status add(std::string_view file_name, std::string_view text);

  // The rule of that name, or null. Rules are parsed when first asked for; pointers stay valid as
  // long as the catalogue, but for a rule that add() replaces. Thread-safe, as all that is const.
  [[nodiscard]] const Schema* find(std::string_view name) const;
  // Names of all rules, sorted.
  [[nodiscard]] std::vector<std::string_view> names() const;
  [[nodiscard]] const Schema* by_model_type(std::string_view model_type) const;
  [[nodiscard]] const Schema* by_alias(std::string_view model_type) const;
  [[nodiscard]] const Schema* by_class(std::string_view class_name) const;

 private:
  // What finds a rule is known before it is parsed.
  struct Rule {
    std::string name{};
    std::string_view text{};  // of a rule compiled in
    std::vector<std::string> model_types{}, aliases{}, classes{};
    mutable std::once_flag once{};
    mutable std::optional<Schema> schema{};
  };

  [[nodiscard]] static const Schema* parsed(const Rule& rule);
  [[nodiscard]] const Schema* where(std::vector<std::string> Rule::* list,
                                    std::string_view word) const;

  std::vector<std::unique_ptr<Rule>> rules_;  // by name
};

}  // namespace shardwright
