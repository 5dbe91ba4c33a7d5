// The config.json of a made checkpoint.
#pragma once

#include <string>

#include "arch/schema.h"
#include "json/value.h"
#include "shardwright/dtype.h"
#include "shardwright/result.h"
#include "shardwright/synth_job.h"

namespace shardwright {

struct SynthConfig {
  std::string text{};  // of the file
  json::Value root{};
  DType dtype{};  // of the weights
};

// The given config, or the rule's example, with `set` applied and model_type, architectures and
// dtype added where they are absent.
Result<SynthConfig> make_config(const Schema& schema, const SynthOptions& options);

}  // namespace shardwright
