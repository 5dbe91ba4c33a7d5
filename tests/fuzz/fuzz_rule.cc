// The loader of rules: what is wrong is said with file and place, and whatever loads can expand its
// example. Input: the text of a rule.
#include <algorithm>
#include <set>
#include <string>
#include <string_view>

#include "arch/catalogue.h"
#include "arch/expand.h"
#include "arch/schema.h"
#include "base/utf8.h"
#include "fuzz/target.h"
#include "json/value.h"

namespace shardwright {
namespace {

// A rule must bear its file's name: give the file the rule's.
std::string file_name(std::string_view text) {
  const auto document = json::parse(text);
  const json::Value* name = document ? document->root.find("name") : nullptr;
  const std::string* given = name != nullptr ? name->string() : nullptr;
  return (given != nullptr ? *given : "rule") + ".json";
}

void check_error(const Error& error, const std::string& file) {
  PROPERTY(error.code == ErrorCode::kMalformed);
  PROPERTY(error.message.starts_with(printable(file)));
  PROPERTY(error.message.size() > printable(file).size() + 2);
  PROPERTY(find_invalid_utf8(error.message) == std::string_view::npos);
  PROPERTY(std::ranges::none_of(error.message, [](char c) { return c == '\0' || c == '\x1b'; }));
}

void check_expansion(const Schema& schema, const ExpandRequest& request) {
  const auto expansion = expand(schema, schema.example, request);
  if (!expansion) {  // two tensors of one name, or parts of a layout that do not fit
    PROPERTY(expansion.error().code == ErrorCode::kMalformed);
    return;
  }
  PROPERTY(expansion->usable || !expansion->problems.empty());
  PROPERTY(expansion->tensors.size() <= kMaxExpected);
  std::set<std::string_view> names;
  for (const ExpectedTensor& tensor : expansion->tensors)
    PROPERTY(names.insert(tensor.name).second);
  for (const ExpectedTie& tie : expansion->ties)
    PROPERTY(names.contains(tie.target) && names.contains(tie.source));
}

}  // namespace
}  // namespace shardwright

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace shardwright;
  const std::string_view text = as_text(data, size);
  const std::string file = file_name(text);
  const auto schema = load_schema(file, text);
  if (!schema) {
    check_error(schema.error(), file);
    return 0;
  }
  PROPERTY(!schema->classes.empty());
  for (const SchemaClass& entry : schema->classes)
    check_expansion(*schema, {.class_name = entry.name, .layout = "hub"});
  for (const SchemaLayout& layout : schema->layouts)
    check_expansion(*schema, {.layout = layout.name});

  // Added to the others, it is found by all that it says of itself.
  Catalogue catalogue;
  PROPERTY(catalogue.add(file, text));
  PROPERTY(catalogue.find(schema->name) != nullptr);
  for (const std::string& type : schema->model_types)
    PROPERTY(catalogue.by_model_type(type) != nullptr);
  for (const SchemaClass& entry : schema->classes)
    PROPERTY(catalogue.by_class(entry.name) != nullptr);
  return 0;
}
