#include "merge/tensor_mistakes.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "base/utf8.h"

namespace shardwright {
namespace {

// Of messages that differ (shapes, dtypes) there may be one a tensor.
constexpr std::size_t kMostKinds = 100;

}  // namespace

void TensorMistakes::add(std::string_view tensor, Mark at, std::string message) {
  const auto known = std::ranges::find_if(
      kinds_, [&](const Kind& kind) { return kind.at == at && kind.message == message; });
  if (known != kinds_.end()) {
    ++known->tensors;
  } else if (kinds_.size() < kMostKinds) {
    kinds_.push_back({at, std::move(message), std::string(tensor), 1});
  }
}

std::vector<Mistake> TensorMistakes::told() const {
  std::vector<Mistake> mistakes;
  for (const Kind& kind : kinds_) {
    mistakes.push_back({kind.at, quoted(kind.first) + kind.message});
    if (kind.tensors > 1)
      mistakes.back().message += fmt::format(" (and the same of {} more)", kind.tensors - 1);
  }
  return mistakes;
}

}  // namespace shardwright
