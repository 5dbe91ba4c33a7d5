#include <algorithm>
#include <array>
#include <span>
#include <string>
#include <unordered_set>
#include <vector>

#include "check/join_explain.h"
#include "check/quant_name.h"

namespace shardwright {
namespace {

constexpr std::string_view kSaved = "modules_to_save.";
constexpr std::string_view kOriginal = "original_module.";

// What the methods of PEFT 0.21 add to a layer or beside the model; no class of transformers has a
// module or parameter of such a name.
constexpr auto kProducts = std::to_array<std::string_view>({"lora_",
                                                            "ia3_l",
                                                            "vera_A.",
                                                            "vera_B.",
                                                            "vera_lambda_",
                                                            "hada_w",
                                                            "hada_t",
                                                            "lokr_w",
                                                            "lokr_t",
                                                            "oft_R.",
                                                            "oft_r.",
                                                            "boft_",
                                                            "ln_tuning_",
                                                            "fourierft_",
                                                            "trainable_tokens_",
                                                            "prompt_encoder.default.",
                                                            "randlora_",
                                                            "vblora_",
                                                            "waveft_",
                                                            "shira_",
                                                            "prompt_embeddings"});

bool is_product(std::string_view name) {
  return std::ranges::any_of(kProducts, [&](std::string_view part) {
    for (std::size_t at = name.find(part); at != std::string_view::npos;
         at = name.find(part, at + 1)) {
      // The prompts of an adapter stand by themselves; a class may have some inside.
      if (at == 0 || (name[at - 1] == '.' && part != "prompt_embeddings")) return true;
    }
    return false;
  });
}

bool is_copy(std::string_view name) {
  return name.find(kSaved) != std::string_view::npos ||
         name.find(kOriginal) != std::string_view::npos;
}

// The name that the model gives to what an adapter stands beside. Methods that change layers wrap
// the model twice, those of prompts once.
std::string bare_of_adapter(std::string_view name, bool of_prompts) {
  static const std::array<std::string, 2> inside = {"base_layer.", "token_adapter."};
  const std::string_view outside = of_prompts ? "base_model." : "base_model.model.";
  if (name.starts_with(outside)) name.remove_prefix(outside.size());
  std::string result = without_wrappers(name, inside);
  if (const std::size_t at = result.find(kOriginal); at != std::string::npos)
    result.erase(at, kOriginal.size());
  if (const std::size_t at = result.find(kSaved); at != std::string::npos) {
    // The name of the adapter follows, but in the files that PEFT writes.
    const std::size_t dot = result.find('.', at + kSaved.size());
    const bool named = dot != std::string::npos && result.substr(at + kSaved.size()) != "weight";
    result.erase(at, named ? dot + 1 - at : kSaved.size());
  }
  return result;
}

}  // namespace

bool is_adapter_product(std::string_view name) {
  return is_product(name);
}

bool is_adapter_name(std::string_view name) {
  return is_product(name) || is_copy(name);
}

void explain_adapter(const Checkpoint& checkpoint, const Expansion& expected, Join& join) {
  const auto is_of_adapter = [](const Tensor* tensor) { return is_adapter_name(tensor->name); };
  if (std::ranges::none_of(join.unexpected, is_of_adapter)) return;
  const bool has_prompts = std::ranges::any_of(join.unexpected, [](const Tensor* tensor) {
    return tensor->name.starts_with("prompt_encoder.");
  });
  std::unordered_set<const Tensor*> stored;
  std::unordered_set<const ExpectedTensor*> found;
  std::vector<const Tensor*> unplaced;  // under the name of another layout, perhaps
  for (const Tensor* tensor : join.unexpected) {
    if (is_product(tensor->name)) {
      stored.insert(tensor);
      continue;
    }
    const std::string name = bare_of_adapter(tensor->name, has_prompts);
    // Prompts bring a second name of the embedding with them.
    const bool is_second_name = has_prompts && tensor->name == "word_embeddings.weight";
    if (name == tensor->name && !is_second_name) continue;
    stored.insert(tensor);
    const auto part = quant_part(name);
    if (const ExpectedTensor* wanted = expected.find(part ? weight_of_part(*part) : name)) {
      found.insert(wanted);
    } else if (!is_second_name) {
      unplaced.push_back(tensor);
    }
  }
  join.adapter.assign(stored.begin(), stored.end());
  std::ranges::sort(join.adapter);  // all are of one list: in its order
  std::erase_if(join.unexpected, [&](const Tensor* tensor) { return stored.contains(tensor); });
  std::erase_if(join.missing, [&](const ExpectedTensor* wanted) { return found.contains(wanted); });
  constexpr std::size_t kFew = 8;  // a head, an embedding
  for (const Tensor* tensor : std::span(unplaced).first(std::min(unplaced.size(), kFew))) {
    const auto like = std::ranges::find_if(join.missing, [&](const ExpectedTensor* wanted) {
      return same_shape(wanted->shape, tensor->shape);
    });
    if (like != join.missing.end()) join.missing.erase(like);
  }
  // The copy that was trained is what a tied head would stand in for.
  std::erase_if(join.stand_ins, [&](const Tolerated& tie) { return found.contains(tie.expected); });
  // Nothing but an adapter: that the whole model is missing is no second cause.
  if (stored.size() == checkpoint.tensors.size() && found.empty()) join.missing.clear();
}

}  // namespace shardwright
