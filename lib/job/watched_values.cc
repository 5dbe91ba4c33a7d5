#include "job/watched_values.h"

#include <cstddef>
#include <memory>
#include <optional>
#include <string_view>
#include <unordered_map>

namespace shardwright {

DataRequest watched_values(const MergePlan& plan, const MergeFiles& files) {
  const auto positions = std::make_shared<std::unordered_map<std::string_view, std::size_t>>();
  for (std::size_t i = 0; i < plan.tensors.size(); ++i)
    positions->emplace(plan.tensors[i].name, i);
  DataRequest request;
  request.watched = [&files, positions](const Tensor& tensor) -> std::optional<ScanResult> {
    const auto found = positions->find(tensor.name);
    if (found == positions->end()) return std::nullopt;
    return files.watched(found->second);
  };
  request.norms = [&files, positions](const Tensor& tensor) -> std::optional<NormChange> {
    const auto found = positions->find(tensor.name);
    return found == positions->end() ? std::nullopt : files.norms(found->second);
  };
  return request;
}

}  // namespace shardwright
