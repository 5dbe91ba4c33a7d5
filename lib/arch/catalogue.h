// All rules: those compiled in, and those of --rules-dir.
#pragma once

#include <deque>
#include <string>
#include <string_view>
#include <vector>

#include "arch/schema.h"
#include "shardwright/result.h"

namespace shardwright {

class Catalogue {
 public:
  // The rules compiled in. They are valid: a test loads each.
  static Catalogue builtin();

  // Adds every *.json file of a folder; a rule of the same name is replaced.
  Status add_folder(const std::string& path);
  Status add(std::string_view file_name, std::string_view text);

  // The rule of that name, or null. Rules are parsed when first asked for; pointers stay valid.
  [[nodiscard]] const Schema* find(std::string_view name) const;
  // Names of all rules, sorted.
  [[nodiscard]] std::vector<std::string_view> names() const;
  [[nodiscard]] const Schema* by_model_type(std::string_view model_type) const;
  [[nodiscard]] const Schema* by_alias(std::string_view model_type) const;
  [[nodiscard]] const Schema* by_class(std::string_view class_name) const;

 private:
  mutable std::deque<Schema> schemas_;
};

}  // namespace shardwright
