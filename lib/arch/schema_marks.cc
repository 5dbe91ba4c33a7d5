// What a rule says of its tensors by name: roles, wider dtypes, ties, and what block quantisation
// leaves alone.
#include <algorithm>
#include <array>
#include <cstddef>
#include <utility>

#include <fmt/format.h>

#include "arch/schema_loader.h"
#include "base/try.h"
#include "base/utf8.h"

namespace shardwright {
namespace {

constexpr std::array<std::pair<std::string_view, Role>, 10> kMarkedRoles = {
    {{"embedding", Role::kEmbedding},
     {"head", Role::kHead},
     {"router", Role::kRouter},
     {"router_bias", Role::kRouterBias},
     {"shared_gate", Role::kSharedGate},
     {"expert", Role::kExpert},
     {"shared_expert", Role::kSharedExpert},
     {"norm", Role::kNorm},
     {"score", Role::kScore},
     {"position", Role::kPosition}}};

std::vector<TensorRule*> all_tensors(SchemaBody& body) {
  std::vector<TensorRule*> all;
  // The visitor gets const tensors from const items; here they are being built.
  const auto add = [&](TensorRule& tensor) { all.push_back(&tensor); };
  for_each_tensor(body.tensors, add);
  for (ClassChange& change : body.classes)
    for_each_tensor(change.with, add);
  for (LayoutChange& layout : body.layouts)
    for_each_tensor(layout.with, add);
  return all;
}

// Those that the name, or the end of a name, fits: at least one.
Result<std::vector<TensorRule*>> named(const Loading& loading,
                                       const std::vector<TensorRule*>& tensors,
                                       const std::string& name, const std::string& pointer) {
  std::vector<TensorRule*> found;
  for (TensorRule* tensor : tensors) {
    if (fits_end(name, tensor->full)) found.push_back(tensor);
  }
  if (found.empty()) {
    return loading.reader.error(pointer, fmt::format("{} is no tensor of this rule", quoted(name)));
  }
  return found;
}

Status load_roles(const Loading& loading, const json::Value& roles,
                  const std::vector<TensorRule*>& tensors) {
  SW_TRY(const auto* members, loading.reader.object(roles, "/roles", "roles"));
  for (const json::Member& member : *members) {
    const std::string pointer = below("/roles", member.key);
    const Role role =
        std::ranges::find(kMarkedRoles, member.key, &std::pair<std::string_view, Role>::first)
            ->second;
    SW_TRY(const auto names, loading.reader.text_or_texts(member.value, pointer));
    for (const std::string& name : names) {
      SW_TRY(const auto found, named(loading, tensors, name, pointer));
      for (TensorRule* tensor : found) {
        if (tensor->role != Role::kNone && tensor->role != role) {
          return loading.reader.error(pointer, fmt::format("{} is {} already", quoted(tensor->full),
                                                           role_name(tensor->role)));
        }
        tensor->role = role;
      }
    }
  }
  return ok();
}

Status load_dtypes(const Loading& loading, const json::Value& dtypes,
                   const std::vector<TensorRule*>& tensors) {
  SW_TRY(const auto* members, loading.reader.any_object(dtypes, "/dtypes"));
  for (const json::Member& member : *members) {
    const std::string pointer = below("/dtypes", member.key);
    SW_TRY(const std::string word, loading.reader.text(member.value, pointer));
    if (word != "float32" && word != "any") {
      return loading.reader.error(pointer,
                                  fmt::format("expected 'float32' or 'any', not {}", quoted(word)));
    }
    SW_TRY(const auto found, named(loading, tensors, member.key, pointer));
    for (TensorRule* tensor : found)
      tensor->dtype = word == "any" ? ExpectedDType::kAny : ExpectedDType::kWider;
  }
  return ok();
}

Status load_tied(Loading& loading, const json::Value& tied,
                 const std::vector<TensorRule*>& tensors) {
  const RuleReader& reader = loading.reader;
  TiedRule& rule = loading.body.tied;
  SW_TRY_OK(reader.object(tied, "/tied", "tied"));
  SW_TRY(const auto* fallback, reader.member(tied, "/tied", "default"));
  SW_TRY(rule.fallback, reader.boolean(*fallback, "/tied/default"));
  if (const auto* key = tied.find("key")) {
    SW_TRY(rule.keys, reader.text_or_texts(*key, "/tied/key"));
  } else {
    rule.keys = {"tie_word_embeddings"};
  }
  SW_TRY(const auto* names, reader.member(tied, "/tied", "tensors"));
  SW_TRY(const auto* members, reader.any_object(*names, "/tied/tensors"));
  for (const json::Member& member : *members) {
    const std::string pointer = below("/tied/tensors", member.key);
    SW_TRY(std::string source, reader.text(member.value, pointer));
    for (const std::string& name : {member.key, source}) {
      const bool known = std::ranges::any_of(
          tensors, [&](const TensorRule* tensor) { return tensor->full == name; });
      if (!known) {
        return reader.error(pointer, fmt::format("{} is no tensor of this rule", quoted(name)));
      }
    }
    rule.tensors.emplace_back(member.key, std::move(source));
  }
  return ok();
}

bool is_fp8_candidate(const TensorRule& tensor) {
  switch (tensor.role) {
    case Role::kRouter:
    case Role::kRouterBias:
    case Role::kSharedGate:
    case Role::kNorm:
    case Role::kEmbedding:
    case Role::kHead:
    case Role::kScore:
    case Role::kPosition:
      return false;
    default:
      return tensor.in_layer && tensor.shape.size() == 2 && tensor.full.ends_with(".weight");
  }
}

Status load_quantized(const Loading& loading, const json::Value& quantized,
                      const std::vector<TensorRule*>& tensors) {
  SW_TRY_OK(loading.reader.object(quantized, "/quantized", "quantized"));
  const json::Value* fp8 = quantized.find("fp8");
  if (fp8 == nullptr) return ok();
  SW_TRY_OK(loading.reader.object(*fp8, "/quantized/fp8", "fp8"));
  const json::Value* names = fp8->find("not");
  if (names == nullptr) return ok();
  const std::string pointer = "/quantized/fp8/not";
  SW_TRY(const auto patterns, loading.reader.texts(*names, pointer));
  for (std::size_t i = 0; i < patterns.size(); ++i) {
    SW_TRY(const auto found, named(loading, tensors, patterns[i], below(pointer, i)));
    for (TensorRule* tensor : found)
      tensor->may_be_fp8 = false;
  }
  return ok();
}

}  // namespace

Status load_marks(Loading& loading, const json::Value& rule) {
  const std::vector<TensorRule*> tensors = all_tensors(loading.body);
  if (const auto* roles = rule.find("roles")) SW_TRY_OK(load_roles(loading, *roles, tensors));
  if (const auto* dtypes = rule.find("dtypes")) SW_TRY_OK(load_dtypes(loading, *dtypes, tensors));
  loading.body.tied.keys = {"tie_word_embeddings"};
  if (const auto* tied = rule.find("tied")) SW_TRY_OK(load_tied(loading, *tied, tensors));
  for (TensorRule* tensor : tensors)
    tensor->may_be_fp8 = is_fp8_candidate(*tensor);
  if (const auto* quantized = rule.find("quantized")) {
    SW_TRY_OK(load_quantized(loading, *quantized, tensors));
  }
  return ok();
}

}  // namespace shardwright
