#include "check/config_edit.h"

#include <algorithm>

#include "check/check.h"

namespace shardwright {
namespace {

void find_flags(const json::Value& value, const std::string& pointer,
                std::vector<std::string>& found) {
  if (value.object() == nullptr) return;
  for (const json::Member& member : *value.object()) {
    const std::string below = pointer + "/" + json::pointer_step(member.key);
    if (member.key == "tie_word_embeddings") {
      found.push_back(below);
    } else {
      find_flags(member.value, below, found);
    }
  }
}

}  // namespace

std::vector<Edit> untie_edits(const Model& model) {
  const json::Value* config = model.checkpoint.config_value();
  if (config == nullptr) return {};
  std::vector<std::string> pointers;
  find_flags(*config, "", pointers);
  // The class's own spelling of it, where the config has that.
  if (model.expected && model.expected->tie.stated &&
      std::ranges::find(pointers, model.expected->tie.pointer) == pointers.end()) {
    pointers.push_back(model.expected->tie.pointer);
  }
  if (pointers.empty()) pointers.emplace_back("/tie_word_embeddings");
  std::vector<Edit> edits;
  for (std::string& pointer : pointers) {
    edits.emplace_back(edit::SetJson{model.checkpoint.config->name, std::move(pointer), "false"});
  }
  return edits;
}

}  // namespace shardwright
