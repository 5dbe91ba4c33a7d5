#include "check/mixed_save.h"

#include <algorithm>
#include <map>
#include <string_view>
#include <vector>

#include <fmt/format.h>

#include "base/utf8.h"
#include "check/format_label.h"
#include "check/join.h"
#include "check/name_numbers.h"

namespace shardwright {
namespace {

// The dtype of all floats of a shard, where they have one and it holds plain weights.
std::optional<DType> only_dtype(const safetensors::Header& header) {
  std::optional<DType> only;
  for (const safetensors::TensorEntry& tensor : header.tensors) {
    if (dtype_class(tensor.dtype) != DTypeClass::kFloat || dtype_bits(tensor.dtype) < 16)
      return std::nullopt;
    if (only && *only != tensor.dtype) return std::nullopt;
    only = tensor.dtype;
  }
  return only;
}

// Tensors of the same place in another layer: a part that is wider than the rest on purpose, such
// as a head, is in one shard alone.
std::map<std::string, DType> places_of(const safetensors::Header& header) {
  std::map<std::string, DType> places;
  for (const safetensors::TensorEntry& tensor : header.tensors)
    places.emplace(without_numbers(tensor.name), tensor.dtype);
  return places;
}

std::optional<MixedSave> by_dtype(const std::vector<const Shard*>& shards) {
  std::map<std::string, const Shard*> first_with;
  for (const Shard* shard : shards) {
    const auto dtype = only_dtype(*shard->header);
    if (!dtype) return std::nullopt;
    for (const auto& [place, kind] : places_of(*shard->header)) {
      const Shard* other = first_with.emplace(place, shard).first->second;
      const auto before = only_dtype(*other->header);
      if (before == dtype) continue;
      return MixedSave{.by = MixedSave::By::kDType,
                       .first = other->file,
                       .other = shard->file,
                       .what = fmt::format("all tensors of the one are {} and all of the other {}, "
                                           "also those of the same place in other layers ({})",
                                           dtype_name(*before), dtype_name(*dtype), quoted(place))};
    }
  }
  return std::nullopt;
}

bool is_number(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
}

// What a writer says of itself. Names of tensors that a writer left out stand there, too, and
// counts, which may differ from shard to shard.
std::map<std::string_view, std::string_view> said_by_writer(const safetensors::Header& header) {
  std::map<std::string_view, std::string_view> said;
  for (const auto& [key, value] : header.metadata) {
    if (key.find('.') == std::string::npos && !is_number(value)) said.emplace(key, value);
  }
  return said;
}

std::optional<MixedSave> by_metadata(const std::vector<const Shard*>& shards) {
  const Shard& first = *shards.front();
  // Another "format" is told of the shard that says it: ST127, ST128.
  const bool formats_tell = std::ranges::all_of(shards, [](const Shard* shard) {
    const auto format = format_label(*shard->header);
    return !format || format == "pt" || format == "mlx";
  });
  const auto said_by = [&](const Shard& shard) {
    auto said = said_by_writer(*shard.header);
    if (!formats_tell) said.erase("format");
    return said;
  };
  const auto said = said_by(first);
  for (const Shard* shard : shards) {
    const auto other = said_by(*shard);
    // A shard that says nothing at all is another check's.
    if (said.empty() || other.empty() || said == other) continue;
    const auto differs = [](const auto& a, const auto& b) {
      return std::ranges::find_if(a, [&](const auto& entry) {
        const auto found = b.find(entry.first);
        return found == b.end() || found->second != entry.second;
      });
    };
    const auto in_first = differs(said, other);
    const auto key = in_first != said.end() ? in_first->first : differs(other, said)->first;
    const auto text = [&](const auto& all) {
      const auto found = all.find(key);
      return found == all.end() ? std::string("nothing") : quoted(found->second);
    };
    return MixedSave{.by = MixedSave::By::kMetadata,
                     .first = first.file,
                     .other = shard->file,
                     .what = fmt::format("of {} the metadata of the one say {} and those of the "
                                         "other {}",
                                         quoted(key), text(said), text(other))};
  }
  return std::nullopt;
}

}  // namespace

std::optional<MixedSave> mixed_save(const Checkpoint& checkpoint) {
  std::vector<const Shard*> shards;
  for (const Shard& shard : checkpoint.shards) {
    if (shard.use != ShardUse::kLoaded) continue;
    if (!is_sound(shard)) return std::nullopt;
    if (!shard.header->tensors.empty()) shards.push_back(&shard);
  }
  if (shards.size() < 2 || !checkpoint.index_decides) return std::nullopt;
  auto found = by_dtype(shards);
  return found ? std::move(found) : by_metadata(shards);
}

}  // namespace shardwright
