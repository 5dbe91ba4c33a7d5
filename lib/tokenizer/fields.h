// Settings of the parts of a tokenizer.json: each an object with a "type".
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "json/value.h"
#include "shardwright/result.h"

namespace shardwright {

// kMalformed where the value is no object with a text as its "type".
Result<std::string> part_type(const json::Value& value);

// The members, or the value given where the key is absent; kMalformed where it has another type.
// Without a value given, an absent key is an error, too. A null is as an absent key for `optional`.
Result<bool> bool_field(const json::Value& part, std::string_view key,
                        std::optional<bool> absent = std::nullopt);
Result<std::string> text_field(const json::Value& part, std::string_view key,
                               std::optional<std::string> absent = std::nullopt);
Result<std::optional<bool>> optional_bool(const json::Value& part, std::string_view key);
Result<std::optional<std::string>> optional_text(const json::Value& part, std::string_view key);

// A list of parts in the member, or the part itself: sequences in sequences, in order. Calls
// read(part) for each that is none, whose type is not `Sequence`.
template <typename Read>
Status read_sequence(const json::Value& value, std::string_view key, const Read& read) {
  if (value.is_null()) return ok();
  auto type = part_type(value);
  if (!type) return std::move(type).error();
  if (*type != "Sequence") return read(value, *type);
  const json::Value* list = value.find(key);
  if (list == nullptr || list->array() == nullptr)
    return Error{ErrorCode::kMalformed, "a Sequence has no list '" + std::string(key) + "'"};
  for (const json::Value& part : *list->array()) {
    if (part.is_null()) return Error{ErrorCode::kMalformed, "a Sequence has a null in its list"};
    if (auto status = read_sequence(part, key, read); !status) return status;
  }
  return ok();
}

}  // namespace shardwright
