#include "arch/storage.h"

#include <algorithm>
#include <bit>
#include <cstddef>

#include "arch/name_pattern.h"

namespace shardwright {

std::optional<std::size_t> NameTable::index(std::span<const ExpectedTensor> tensors) {
  const std::size_t size = std::bit_ceil(std::max<std::size_t>(16, 2 * tensors.size()));
  const std::size_t mask = size - 1;
  slots_.assign(size, {});
  std::optional<std::size_t> twice;
  const auto take = [&](std::size_t position, std::uint64_t hash) {
    const auto tag = static_cast<std::uint32_t>(hash >> 32U);
    std::size_t at = hash & mask;
    for (; slots_[at].position != 0; at = (at + 1) & mask) {
      const bool same =
          slots_[at].tag == tag && tensors[slots_[at].position - 1].name == tensors[position].name;
      if (same && !twice) twice = position;
    }
    slots_[at] = {tag, static_cast<std::uint32_t>(position + 1)};
  };
  each_hash([&](std::size_t i) { return tensors[i].name; }, tensors.size(), take);
  return twice;
}

std::optional<std::size_t> NameTable::find_hashed(std::uint64_t hash, std::string_view name,
                                                  std::span<const ExpectedTensor> tensors) const {
  if (slots_.empty()) return std::nullopt;
  const auto tag = static_cast<std::uint32_t>(hash >> 32U);
  const std::size_t mask = slots_.size() - 1;
  for (std::size_t at = hash & mask; slots_[at].position != 0; at = (at + 1) & mask) {
    const std::size_t position = slots_[at].position - 1;
    if (slots_[at].tag == tag && tensors[position].name == name) return position;
  }
  return std::nullopt;
}

const ExpectedTensor* Expansion::find(std::string_view name) const {
  if (!storage) return nullptr;
  const auto position = storage->table.find(name, tensors);
  return position ? &tensors[*position] : nullptr;
}

std::vector<const ExpectedTensor*> Expansion::find_all(
    std::span<const std::string_view> names) const {
  if (!storage) return std::vector<const ExpectedTensor*>(names.size());
  std::vector<const ExpectedTensor*> found;
  found.reserve(names.size());
  storage->table.find_all(names, tensors, [&](std::optional<std::size_t> position) {
    found.push_back(position ? &tensors[*position] : nullptr);
  });
  return found;
}

bool Expansion::is_ignored(std::string_view name) const {
  // Every version since 2023 keeps this buffer out of the file, and passes over it.
  if (name.ends_with("rotary_emb.inv_freq")) return true;
  // Tables of the same, of code that wrote them: no class reads them.
  if (name.ends_with("rotary_emb.cos_cached") || name.ends_with("rotary_emb.sin_cached") ||
      name == "rope.freqs")
    return true;
  if (!storage) return false;
  return std::ranges::any_of(storage->ignored,
                             [&](const std::string& pattern) { return fits(pattern, name); });
}

std::span<const std::string> Expansion::ignored() const {
  return storage ? std::span<const std::string>(storage->ignored) : std::span<const std::string>();
}

}  // namespace shardwright
