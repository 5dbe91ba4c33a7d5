// A config against the rules that are compiled in: what is expected of it is bounded, the same each
// time, and consistent with itself in every layout. Input: the text of a config.json.
#include <algorithm>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "arch/catalogue.h"
#include "arch/detect.h"
#include "arch/expand.h"
#include "arch/form.h"
#include "arch/layout.h"
#include "base/utf8.h"
#include "fuzz/target.h"
#include "json/value.h"

namespace shardwright {
namespace {

// More is only slower: counting stays bounded by kMaxExpected, and unit tests go there.
constexpr std::uint64_t kEnough = 4096;

const Catalogue& rules() {
  static const Catalogue catalogue = Catalogue::builtin();
  return catalogue;
}

bool same(const Expansion& a, const Expansion& b) {
  return a.layout == b.layout && a.usable == b.usable && a.tie.tied == b.tie.tied &&
         std::ranges::equal(a.problems, b.problems, {}, &ConfigProblem::message,
                            &ConfigProblem::message) &&
         std::ranges::equal(a.ties, b.ties,
                            [](const ExpectedTie& x, const ExpectedTie& y) {
                              return x.target == y.target && x.source == y.source;
                            }) &&
         std::ranges::equal(
             a.tensors, b.tensors, [](const ExpectedTensor& x, const ExpectedTensor& y) {
               return x.name == y.name && same_shape(x.shape, y.shape) && x.role == y.role &&
                      x.dtype == y.dtype && x.optional == y.optional && x.layer == y.layer;
             });
}

void check_tensors(const Expansion& expansion) {
  if (!expansion.usable) PROPERTY(expansion.tensors.empty() && !expansion.problems.empty());
  PROPERTY(expansion.tensors.size() <= kMaxExpected);
  std::set<std::string_view> names;
  for (const ExpectedTensor& tensor : expansion.tensors) {
    PROPERTY(names.insert(tensor.name).second);
    PROPERTY(expansion.find(tensor.name) == &tensor);
  }
  for (const ExpectedTie& tie : expansion.ties) {
    const ExpectedTensor* target = expansion.find(tie.target);
    PROPERTY(target != nullptr && expansion.find(tie.source) != nullptr);
    if (expansion.tie.tied) PROPERTY(target->optional);
  }
  for (const ConfigProblem& problem : expansion.problems) {
    PROPERTY(!problem.message.empty());
    PROPERTY(find_invalid_utf8(problem.message) == std::string_view::npos);
    PROPERTY(problem.pointer.empty() || problem.pointer.front() == '/');
  }
}

// The number of tensors of the hub's form, computed before they are made, is how many are made;
// none where the config has no answer or they are too many.
std::optional<std::uint64_t> counted(const Schema& schema, const json::Value& config,
                                     std::size_t picked) {
  const SchemaBody& body = *schema.body;
  ConfigValues values(body, config, body.classes[picked].name);
  std::string method;
  const BlockQuant quant = read_block_quant(values, method);
  Expansion::Storage storage;
  FormContext context{schema, body, body.classes[picked], quant, values, storage};
  const auto count = count_tensors(context, body.tensors);
  PROPERTY(!count || *count <= kMaxExpected);
  if (!count || *count > kEnough) return count;
  std::vector<ExpectedTensor> made;
  if (!emit(context, body.tensors, {}, made)) return std::nullopt;
  PROPERTY(quant.on ? made.size() <= *count : made.size() == *count);
  return count;
}

// Each element of each tensor comes from one place, once.
void check_map(const LayoutMap& map) {
  for (const MappedTensor& tensor : map.tensors) {
    const auto elements = element_count(tensor.shape);
    if (!elements) continue;
    std::uint64_t covered = 0;
    for (const LayoutPart& part : tensor.parts) {
      const ExpectedTensor* source = map.from.find(part.source);
      PROPERTY(source != nullptr);
      const std::uint64_t whole = element_count(source->shape).value_or(0);
      const std::uint64_t length = part.rows * part.length;
      PROPERTY(part.source_begin <= whole && length <= whole - part.source_begin);
      PROPERTY(part.target_begin + part.length <= *elements);
      covered += length;
    }
    PROPERTY(covered == *elements);
  }
}

void check_layout(const Schema& schema, const json::Value& config, std::string_view layout) {
  const auto expansion = expand(schema, config, {.layout = layout});
  if (!expansion) {  // a config can ask of a layout what cannot be
    PROPERTY(expansion.error().code == ErrorCode::kMalformed);
    return;
  }
  check_tensors(*expansion);
  PROPERTY(expansion->layout == layout);
  std::vector<std::string_view> names;
  for (const ExpectedTensor& tensor : expansion->tensors)
    names.push_back(tensor.name);
  // Seeing these names, one finds a layout that has them all, but for one that no file is in.
  const auto recognised = expand(schema, config, {.names = names});
  if (recognised && is_for_files(schema, layout)) {
    for (const std::string_view name : names)
      PROPERTY(recognised->find(name) != nullptr);
  }
  for (const bool back : {false, true}) {
    const auto map = map_layouts(schema, config, "", back ? layout : "hub", back ? "hub" : layout);
    if (map) check_map(*map);
  }
}

void check_rule(const Schema& schema, const json::Value& config) {
  for (std::size_t i = 0; i < schema.classes.size(); ++i) {
    const auto count = counted(schema, config, i);
    if (count && *count > kEnough) return;
    const std::string& name = schema.classes[i].name;
    const auto expansion = expand(schema, config, {.class_name = name, .layout = "hub"});
    if (!expansion) {
      PROPERTY(expansion.error().code == ErrorCode::kMalformed);
      continue;
    }
    if (!count && config.object() != nullptr) PROPERTY(!expansion->usable);
    check_tensors(*expansion);
    const auto again = expand(schema, config, {.class_name = name, .layout = "hub"});
    PROPERTY(again && same(*expansion, *again));
  }
  for (const SchemaLayout& layout : schema.layouts)
    check_layout(schema, config, layout.name);
}

}  // namespace
}  // namespace shardwright

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace shardwright;
  const auto document = json::parse(as_text(data, size));
  if (!document) return 0;
  const json::Value& config = document->root;
  const Detection detection = detect(rules(), &config, {});
  if (detection.schema == nullptr) {
    PROPERTY(detection.by == DetectedBy::kNothing);
    return 0;
  }
  PROPERTY(!detection.why.empty());
  check_rule(*detection.schema, config);
  return 0;
}
