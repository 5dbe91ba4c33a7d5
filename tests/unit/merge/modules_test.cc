#include "merge/modules.h"

#include <string>
#include <vector>

#include <doctest/doctest.h>

namespace shardwright {
namespace {

std::vector<RecipeModule> named(const std::vector<std::string>& names) {
  std::vector<RecipeModule> out;
  for (const std::string& name : names)
    out.push_back({.name = name});
  return out;
}

TEST_CASE("the kind of a module is told by the names of its tensors") {
  CHECK(module_kind_of("model.layers.0.mlp.up_proj.weight") == ModuleKind::kRest);
  CHECK(module_kind_of("model.language_model.layers.0.mlp.up_proj.weight") == ModuleKind::kRest);
  CHECK(module_kind_of("visual.blocks.0.norm1.weight") == ModuleKind::kVision);
  CHECK(module_kind_of("model.vision_tower.vision_model.encoder.layers.0.mlp.fc1.weight") ==
        ModuleKind::kVision);
  CHECK(module_kind_of("visual.merger.mlp.0.weight") == ModuleKind::kProjector);
  CHECK(module_kind_of("model.audio_tower.layers.0.fc1.weight") == ModuleKind::kAudio);
  CHECK(module_kind_of("model.decoder.layers.0.fc1.weight") == ModuleKind::kDecoder);
  CHECK(module_kind_of("encoder.block.0.layer.0.SelfAttention.q.weight") == ModuleKind::kEncoder);
  CHECK(module_kind_of("bert.encoder.layer.0.output.dense.weight") == ModuleKind::kRest);
  CHECK(module_kind_of("encoder") == ModuleKind::kRest);
  CHECK(module_kind_of("a..b") == ModuleKind::kRest);
}

TEST_CASE("a tensor belongs to the module that means its kind") {
  const auto modules = named({"text_decoder", "visual", "projector"});
  CHECK(module_of("lm_head.weight", modules) == 0);
  CHECK(module_of("visual.blocks.0.norm1.weight", modules) == 1);
  CHECK(module_of("visual.merger.ln_q.weight", modules) == 2);
  CHECK_FALSE(module_of("audio_tower.layers.0.fc1.weight", modules));
}

TEST_CASE("a module may be the beginning of names, the longest first") {
  const auto modules = named({"thinker", "thinker.talk", "default"});
  CHECK(module_of("thinker.layers.0.weight", modules) == 0);
  CHECK(module_of("model.thinker.layers.0.weight", modules) == 0);
  CHECK(module_of("thinker.talk.layers.0.weight", modules) == 1);
  CHECK(module_of("thinkers.layers.0.weight", modules) == 2);
}

TEST_CASE("a kind that the recipe does not name stays without a module") {
  const auto modules = named({"encoder", "decoder"});
  CHECK_FALSE(module_of("shared.weight", modules));
  CHECK_FALSE(module_of("visual.merger.ln_q.weight", modules));
}

}  // namespace
}  // namespace shardwright
