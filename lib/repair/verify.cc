#include "repair/verify.h"

#include <fmt/format.h>

#include "base/utf8.h"
#include "repair/stored.h"

namespace shardwright {

Status verify_staged(const Model& rehearsed, const Model& staged) {
  const Stored before(rehearsed);
  const Stored after(staged);
  const auto& tensors = rehearsed.checkpoint.tensors;
  if (tensors.size() != staged.checkpoint.tensors.size()) {
    return Error{ErrorCode::kIo, fmt::format("{} tensors were staged, and {} were planned",
                                             staged.checkpoint.tensors.size(), tensors.size())};
  }
  for (const Tensor& tensor : tensors) {
    const std::string& file = before.file_of(tensor);
    const Tensor* written = after.at(file, tensor.name);
    const bool same = written != nullptr && written->dtype == tensor.dtype &&
                      same_shape(written->shape, tensor.shape) &&
                      before.digest(tensor) == after.digest(*written);
    if (!same) {
      return Error{ErrorCode::kIo,
                   fmt::format("{} in the {} that was staged is not what was planned: the disk or "
                               "the memory is failing, or another program writes to these files",
                               quoted(tensor.name), quoted(file))};
    }
  }
  return ok();
}

}  // namespace shardwright
