// What the reference reader makes of each defect. Got by running it, each row by the header that
// tests/unit/safetensors/defects_test.cc has for it.
#include <algorithm>
#include <array>

#include "safetensors/header.h"

namespace shardwright::safetensors {
namespace {

// All of its messages begin so; those about the JSON go on with the place in serde_json's words.
#define SW_LOADER_PREFIX "Error while deserializing header: "
constexpr std::string_view kAccepted;
constexpr std::string_view kJson = SW_LOADER_PREFIX "invalid JSON in header: ";
constexpr std::string_view kOffset = SW_LOADER_PREFIX "invalid offset for tensor ";
constexpr std::string_view kIncomplete =
    SW_LOADER_PREFIX "incomplete metadata, file not fully covered";

struct DefectWords {
  DefectKind kind;
  std::string_view text;  // empty: accepted
};

constexpr std::array<DefectWords, kDefectKindCount> kRows = {{
    {DefectKind::kTooShort, SW_LOADER_PREFIX "header too small"},
    {DefectKind::kLengthZero,
     SW_LOADER_PREFIX "invalid JSON in header: EOF while parsing a value at line 1 column 0"},
    {DefectKind::kLengthTooLarge, SW_LOADER_PREFIX "header too large"},
    {DefectKind::kLengthBeyondFile, SW_LOADER_PREFIX "invalid header length"},
    {DefectKind::kNotUtf8, SW_LOADER_PREFIX "invalid UTF-8 in header: "},
    {DefectKind::kNotJson, kJson},
    {DefectKind::kNotObject, SW_LOADER_PREFIX "invalid JSON in header: invalid type: "},
    {DefectKind::kTooDeep, SW_LOADER_PREFIX "invalid JSON in header: recursion limit exceeded at "},
    {DefectKind::kDuplicateTensor, kAccepted},
    {DefectKind::kDuplicateKey, SW_LOADER_PREFIX "invalid JSON in header: duplicate field "},
    {DefectKind::kDuplicateMetadata, kAccepted},
    {DefectKind::kUnknownKey, kAccepted},
    {DefectKind::kUnusualForm, kAccepted},
    {DefectKind::kUnusualName, kAccepted},
    {DefectKind::kEntryMalformed, kJson},
    {DefectKind::kUnknownDType, SW_LOADER_PREFIX "invalid JSON in header: unknown variant "},
    {DefectKind::kShapeOverflow,
     SW_LOADER_PREFIX "overflow computing buffer size from shape and/or element type"},
    {DefectKind::kSubByte, SW_LOADER_PREFIX
     "The slice is slicing for subbytes dtypes, and the slice does not end up at a byte boundary, "
     "this is invalid."},
    {DefectKind::kRangeReversed, kOffset},
    {DefectKind::kRangeSize, SW_LOADER_PREFIX "invalid shape, data type, or offset for tensor"},
    {DefectKind::kRangePastData, kIncomplete},
    {DefectKind::kOverlap, kOffset},
    {DefectKind::kGap, kOffset},
    {DefectKind::kTrailingBytes, kIncomplete},
    {DefectKind::kMisaligned, kAccepted},
    {DefectKind::kMetadataMalformed, SW_LOADER_PREFIX "invalid JSON in header: invalid type: "},
    {DefectKind::kPadding, kAccepted},
    {DefectKind::kBadPadding, kJson},
}};

constexpr bool in_order() {
  for (std::size_t i = 0; i < kRows.size(); ++i) {
    if (kRows[i].kind != static_cast<DefectKind>(i)) return false;
  }
  return true;
}
static_assert(in_order());

}  // namespace

std::string_view loader_text(DefectKind kind) {
  return kRows.at(static_cast<std::size_t>(kind)).text;
}

bool refused(DefectKind kind) {
  return !loader_text(kind).empty();
}

bool Header::usable() const {
  return std::ranges::none_of(
      kRows, [&](const DefectWords& row) { return !row.text.empty() && count(row.kind) > 0; });
}

}  // namespace shardwright::safetensors
