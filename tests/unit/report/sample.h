// Reports that the tests of this folder print.
#pragma once

#include "shardwright/check_job.h"

namespace shardwright {

inline Finding spurious_head() {
  return {.code = "AR410",
          .name = "spurious-tied-head",
          .severity = Severity::kWarning,
          .file = "model-00002-of-00002.safetensors",
          .tensor = "lm_head.weight",
          .message = "'lm_head.weight' repeats 'model.embed_tokens.weight'",
          .places = {"lm_head.weight"},
          .targets = {{"mlx-lm", "0.2", "refuses it", "Received 1 parameters not in model"}},
          .fix = Fix{
              .safety = Safety::kSafe,
              .summary = "drop 'lm_head.weight'",
              .edits = {edit::DropTensor{"model-00002-of-00002.safetensors", "lm_head.weight"}}}};
}

inline Finding missing_projections() {
  return {.code = "AR401",
          .name = "missing-tensor",
          .severity = Severity::kError,
          .tensor = "layers.0.q_proj.weight",
          .message = "64 tensors are nowhere stored",
          .count = 64,
          .places = {"layers.0.q_proj.weight", "layers.1.q_proj.weight", "layers.2.q_proj.weight",
                     "layers.3.q_proj.weight"},
          .fix = Fix{.safety = Safety::kNever, .summary = "the values are gone"}};
}

inline ModelReport sound_model() {
  return {.path = "models/sound",
          .architecture =
              ArchitectureFacts{
                  .schema = "gemma2", .model_type = "gemma2", .layout = "hub", .why = "model_type"},
          .facts = {.tensors = 290,
                    .shards = 2,
                    .parameters = 2'614'341'888,
                    .tensor_bytes = 5'228'683'776,
                    .tied = true}};
}

inline ModelReport broken_model() {
  ModelReport model = sound_model();
  model.path = "models/broken one";
  model.findings = {missing_projections(), spurious_head()};
  return model;
}

}  // namespace shardwright
