// Strict reading of a rule's JSON: every error says file and JSON pointer.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "json/value.h"
#include "shardwright/result.h"

namespace shardwright {

// The keys of one kind of object in a rule. rules/architecture.schema.json says the same to
// editors; a test compares the two.
struct RuleObject {
  std::string_view name;  // of its definition there
  std::span<const std::string_view> keys;
};
std::span<const RuleObject> rule_objects();

class RuleReader {
 public:
  explicit RuleReader(std::string_view file) : file_(file) {}

  [[nodiscard]] Error error(std::string_view pointer, std::string_view message) const;

  // The value as an object whose keys are all known to the kind of object.
  Result<const json::Value::Object*> object(const json::Value& value, const std::string& pointer,
                                            std::string_view kind) const;
  // ... or with any keys.
  Result<const json::Value::Object*> any_object(const json::Value& value,
                                                const std::string& pointer) const;
  Result<const json::Value::Array*> array(const json::Value& value,
                                          const std::string& pointer) const;
  Result<std::string> text(const json::Value& value, const std::string& pointer) const;
  Result<bool> boolean(const json::Value& value, const std::string& pointer) const;
  // A list of texts.
  Result<std::vector<std::string>> texts(const json::Value& value,
                                         const std::string& pointer) const;
  // A text or a list of texts, one at least.
  Result<std::vector<std::string>> text_or_texts(const json::Value& value,
                                                 const std::string& pointer) const;
  // The member that must be there.
  Result<const json::Value*> member(const json::Value& object, const std::string& pointer,
                                    std::string_view key) const;

 private:
  std::string file_;
};

// "/tensors" and "1" give "/tensors/1", escaped.
std::string below(std::string_view pointer, std::string_view step);
std::string below(std::string_view pointer, std::size_t step);

}  // namespace shardwright
