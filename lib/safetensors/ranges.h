// Whether the ranges of a header fit their tensors, the file and each other.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "safetensors/header.h"

namespace shardwright::safetensors {

// How much of an entry could be read, while the header is being parsed.
enum class EntryState : std::uint8_t {
  kWhole,
  kNoDType,  // shape and range are there: it owns its bytes
  kNoRange,
};

// Size of a tensor in bits; none on overflow. Multiplied from left to right as the reference reader
// does, to which [2^63, 2, 0] is an overflow and [0, 2^63, 2] is none.
std::optional<std::uint64_t> bits_as_reference(DType dtype, ShapeView shape);

// One more defect of that kind; null where the header has as many as it keeps.
Defect* add_defect(Header& header, DefectKind kind, std::string_view tensor = {});

// Judges every entry of header.tensors by itself, and sets `readable`. A state an entry.
void check_entries(Header& header, std::span<const EntryState> states);

// Gaps, overlaps and trailing bytes. Where an entry's range is unknown, unowned bytes are no
// defect of their own: they may be that entry's.
void check_coverage(Header& header, std::span<const EntryState> states);

}  // namespace shardwright::safetensors
