#include "checkpoint/checkpoint.h"

#include <fmt/format.h>

#include "base/utf8.h"

namespace shardwright {

Status Tensor::read(std::uint64_t from, MutableBytes into) const {
  if (!readable || from > bytes || into.size() > bytes - from) {
    return Error{ErrorCode::kInvalidArgument,
                 fmt::format("{} bytes from byte {} of {}, which has {}", into.size(), from,
                             quoted(name), readable ? bytes : 0)};
  }
  return source->read(offset + from, into);
}

const Tensor* Checkpoint::find(std::string_view name) const {
  const auto position = by_name.find(name, [this](std::size_t i) { return tensors[i].name; });
  return position ? &tensors[*position] : nullptr;
}

const json::Value* Checkpoint::config_value() const {
  return config && config->document ? &config->document->root : nullptr;
}

}  // namespace shardwright
