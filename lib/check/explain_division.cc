#include <algorithm>
#include <array>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include "check/join_explain.h"

namespace shardwright {
namespace {

// Modules that hold the rows of others, in this order.
struct FusedModule {
  std::string_view whole{};
  std::array<std::string_view, 3> parts{};  // of two the last is empty
};
constexpr auto kFusedModules = std::to_array<FusedModule>({
    {"qkv_proj", {"q_proj", "k_proj", "v_proj"}},
    {"gate_up_proj", {"gate_proj", "up_proj", ""}},
});

// "a.qkv_proj.weight" gives "a.q_proj.weight" and so on; nothing where no module is a fused one.
std::vector<std::string> names_of_parts(std::string_view name) {
  const std::size_t end = name.rfind('.');
  if (end == std::string_view::npos || end == 0) return {};
  const std::size_t dot = name.rfind('.', end - 1);
  const std::size_t begin = dot == std::string_view::npos ? 0 : dot + 1;
  const auto fused =
      std::ranges::find(kFusedModules, name.substr(begin, end - begin), &FusedModule::whole);
  if (fused == kFusedModules.end()) return {};
  std::vector<std::string> parts;
  for (const std::string_view part : fused->parts) {
    if (part.empty()) continue;
    parts.push_back(std::string(name.substr(0, begin)).append(part).append(name.substr(end)));
  }
  return parts;
}

template <typename T>
using ByName = std::unordered_map<std::string_view, const T*>;

template <typename T>
ByName<T> by_name(const std::vector<const T*>& list) {
  ByName<T> names;
  for (const T* item : list)
    names.emplace(item->name, item);
  return names;
}

// The parts where all are there and their rows make the whole; else none.
template <typename T>
std::vector<const T*> parts_of(ShapeView whole, const std::vector<std::string>& parts_names,
                               const ByName<T>& names) {
  std::vector<const T*> parts;
  std::uint64_t rows = 0;
  for (const std::string& name : parts_names) {
    const auto part = names.find(name);
    if (part == names.end()) return {};
    const ShapeView shape = part->second->shape;
    if (shape.size() != whole.size() || shape.empty() || shape.front() > whole.front() - rows ||
        !std::ranges::equal(shape.subspan(1), whole.subspan(1)))
      return {};
    rows += shape.front();
    parts.push_back(part->second);
  }
  return rows == whole.front() ? parts : std::vector<const T*>();
}

}  // namespace

void explain_division(Join& join) {
  if (join.missing.empty() || join.unexpected.empty()) return;
  const ByName<Tensor> stored = by_name(join.unexpected);
  const ByName<ExpectedTensor> wanted = by_name(join.missing);
  for (const ExpectedTensor* whole : join.missing) {
    const std::vector<std::string> names = names_of_parts(whole->name);
    if (names.empty() || whole->shape.empty()) continue;
    auto parts = parts_of(whole->shape, names, stored);
    if (!parts.empty())
      join.other_division.push_back({.stored = std::move(parts), .wanted = {whole}});
  }
  for (const Tensor* whole : join.unexpected) {
    const std::vector<std::string> names = names_of_parts(whole->name);
    if (names.empty() || whole->shape.empty()) continue;
    auto parts = parts_of(whole->shape, names, wanted);
    if (!parts.empty())
      join.other_division.push_back({.stored = {whole}, .wanted = std::move(parts)});
  }
  std::unordered_set<const Tensor*> explained;
  std::unordered_set<const ExpectedTensor*> found;
  for (const OtherDivision& division : join.other_division) {
    explained.insert(division.stored.begin(), division.stored.end());
    found.insert(division.wanted.begin(), division.wanted.end());
  }
  erase_explained(join.unexpected, explained);
  erase_explained(join.missing, found);
}

}  // namespace shardwright
