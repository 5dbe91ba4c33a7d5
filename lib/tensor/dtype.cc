#include "shardwright/dtype.h"

#include <array>
#include <cstddef>

namespace shardwright {
namespace {

struct DTypeRow {
  std::string_view name;
  std::uint32_t bits;
  DTypeClass kind;
};

// In the order of the enumeration.
constexpr std::array<DTypeRow, kDTypeCount> kRows = {{
    {"BOOL", 8, DTypeClass::kBool},         {"F4", 4, DTypeClass::kFloat},
    {"F6_E2M3", 6, DTypeClass::kFloat},     {"F6_E3M2", 6, DTypeClass::kFloat},
    {"U8", 8, DTypeClass::kInteger},        {"I8", 8, DTypeClass::kInteger},
    {"F8_E5M2", 8, DTypeClass::kFloat},     {"F8_E4M3", 8, DTypeClass::kFloat},
    {"F8_E8M0", 8, DTypeClass::kFloat},     {"F8_E4M3FNUZ", 8, DTypeClass::kFloat},
    {"F8_E5M2FNUZ", 8, DTypeClass::kFloat}, {"I16", 16, DTypeClass::kInteger},
    {"U16", 16, DTypeClass::kInteger},      {"F16", 16, DTypeClass::kFloat},
    {"BF16", 16, DTypeClass::kFloat},       {"I32", 32, DTypeClass::kInteger},
    {"U32", 32, DTypeClass::kInteger},      {"F32", 32, DTypeClass::kFloat},
    {"C64", 64, DTypeClass::kComplex},      {"F64", 64, DTypeClass::kFloat},
    {"I64", 64, DTypeClass::kInteger},      {"U64", 64, DTypeClass::kInteger},
}};

const DTypeRow& row(DType dtype) {
  return kRows.at(static_cast<std::size_t>(dtype));
}

}  // namespace

std::string_view dtype_name(DType dtype) {
  return row(dtype).name;
}

std::optional<DType> dtype_from_name(std::string_view name) {
  for (std::size_t i = 0; i < kRows.size(); ++i) {
    if (kRows[i].name == name) return static_cast<DType>(i);
  }
  return std::nullopt;
}

std::uint32_t dtype_bits(DType dtype) {
  return row(dtype).bits;
}

std::uint32_t dtype_alignment(DType dtype) {
  // A complex number is two floats.
  if (dtype == DType::kC64) return 4;
  return row(dtype).bits < 8 ? 1 : row(dtype).bits / 8;
}

DTypeClass dtype_class(DType dtype) {
  return row(dtype).kind;
}

}  // namespace shardwright
