#include "pickle/rebuild.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>
#include <string>

#include <fmt/format.h>

#include "base/try.h"
#include "base/utf8.h"
#include "pickle/refusal.h"

namespace shardwright::pickle {
namespace {

enum class GlobalKind : std::uint8_t {
  kTensor2,    // _rebuild_tensor_v2
  kTensor3,    // _rebuild_tensor_v3: the dtype is an argument
  kParameter,  // a tensor that is trained
  kDict,
  kStorage,  // the class of a storage, whose elements have a dtype
  kBytes,    // that of one without
  kDType,
};

struct GlobalRow {
  std::string_view module, name;
  GlobalKind kind{};
  std::optional<DType> dtype{};
};

constexpr std::string_view kUtils = "torch._utils";
constexpr auto kStorage = GlobalKind::kStorage;
constexpr auto kDType = GlobalKind::kDType;

constexpr GlobalRow kGlobals[] = {
    {kUtils, "_rebuild_tensor_v2", GlobalKind::kTensor2},
    {kUtils, "_rebuild_tensor_v3", GlobalKind::kTensor3},
    {kUtils, "_rebuild_parameter", GlobalKind::kParameter},
    {"collections", "OrderedDict", GlobalKind::kDict},
    {"torch", "FloatStorage", kStorage, DType::kF32},
    {"torch", "DoubleStorage", kStorage, DType::kF64},
    {"torch", "HalfStorage", kStorage, DType::kF16},
    {"torch", "BFloat16Storage", kStorage, DType::kBF16},
    {"torch", "LongStorage", kStorage, DType::kI64},
    {"torch", "IntStorage", kStorage, DType::kI32},
    {"torch", "ShortStorage", kStorage, DType::kI16},
    {"torch", "CharStorage", kStorage, DType::kI8},
    {"torch", "ByteStorage", kStorage, DType::kU8},
    {"torch", "BoolStorage", kStorage, DType::kBool},
    {"torch", "ComplexFloatStorage", kStorage, DType::kC64},
    {"torch.storage", "UntypedStorage", GlobalKind::kBytes},
    {"torch", "UntypedStorage", GlobalKind::kBytes},
    {"torch", "float32", kDType, DType::kF32},
    {"torch", "float64", kDType, DType::kF64},
    {"torch", "float16", kDType, DType::kF16},
    {"torch", "bfloat16", kDType, DType::kBF16},
    {"torch", "int64", kDType, DType::kI64},
    {"torch", "int32", kDType, DType::kI32},
    {"torch", "int16", kDType, DType::kI16},
    {"torch", "int8", kDType, DType::kI8},
    {"torch", "uint8", kDType, DType::kU8},
    {"torch", "uint16", kDType, DType::kU16},
    {"torch", "uint32", kDType, DType::kU32},
    {"torch", "uint64", kDType, DType::kU64},
    {"torch", "bool", kDType, DType::kBool},
    {"torch", "complex64", kDType, DType::kC64},
    {"torch", "float8_e4m3fn", kDType, DType::kF8E4M3},
    {"torch", "float8_e5m2", kDType, DType::kF8E5M2},
    {"torch", "float8_e4m3fnuz", kDType, DType::kF8E4M3Fnuz},
    {"torch", "float8_e5m2fnuz", kDType, DType::kF8E5M2Fnuz},
    {"torch", "float8_e8m0fnu", kDType, DType::kF8E8M0},
};

// Of torch, and without a dtype in safetensors.
constexpr std::array<std::string_view, 15> kNoDType = {"ComplexDoubleStorage",
                                                       "QInt8Storage",
                                                       "QUInt8Storage",
                                                       "QInt32Storage",
                                                       "QUInt4x2Storage",
                                                       "QUInt2x4Storage",
                                                       "complex128",
                                                       "complex32",
                                                       "qint8",
                                                       "quint8",
                                                       "qint32",
                                                       "quint4x2",
                                                       "quint2x4",
                                                       "float4_e2m1fn_x2",
                                                       "bits8"};

const GlobalRow* global_of(const Value& value) {
  return value.kind == ValueKind::kGlobal ? &kGlobals[value.number] : nullptr;
}

bool is_size(const Value& value) {
  return value.kind == ValueKind::kInt && value.number >= 0;
}

bool are_sizes(const Values& values, const Value& list) {
  return list.kind == ValueKind::kTuple &&
         std::ranges::all_of(list.items, [&](ValueId id) { return is_size(values[id]); });
}

bool is_empty(const Value& value) {
  return value.kind == ValueKind::kNone ||
         ((value.kind == ValueKind::kDict || value.kind == ValueKind::kTuple) &&
          value.items.empty());
}

// storage, first element, extents, strides, requires_grad, hooks[, dtype][, metadata]
Result<Value> rebuild_tensor(const Values& values, const Value& arguments, bool has_dtype) {
  const std::string_view name = has_dtype ? "_rebuild_tensor_v3" : "_rebuild_tensor_v2";
  const std::size_t least = has_dtype ? 7 : 6;
  const auto& items = arguments.items;
  if (items.size() < least || items.size() > least + 1)
    return malformed(fmt::format("{} has {} arguments", name, items.size()));
  const auto at = [&](std::size_t i) -> const Value& { return values[items[i]]; };
  if (at(0).kind != ValueKind::kStorage || !is_size(at(1)) || !are_sizes(values, at(2)) ||
      !are_sizes(values, at(3)) || at(2).items.size() != at(3).items.size() ||
      at(4).kind != ValueKind::kBool || !is_empty(at(5))) {
    return malformed(
        fmt::format("{} is not given a storage, a place in it, extents and strides", name));
  }
  if (items.size() > least && !is_empty(at(least))) {
    return unsupported(
        fmt::format("{} asks for a conjugated or negated view: save the tensor with "
                    ".resolve_conj().resolve_neg()",
                    name));
  }
  std::optional<DType> dtype = at(0).dtype;
  if (has_dtype) {
    const GlobalRow* row = global_of(at(6));
    if (row == nullptr || row->kind != kDType)
      return malformed(fmt::format("{} is not given a dtype", name));
    if (dtype && dtype != row->dtype)
      return malformed(fmt::format("{} is given another dtype than the storage has", name));
    dtype = row->dtype;
  }
  if (!dtype) return malformed(fmt::format("{} is given a storage without a dtype", name));
  return Value{.kind = ValueKind::kTensor,
               .dtype = dtype,
               .items = {items[0], items[1], items[2], items[3]}};
}

}  // namespace

Result<Value> find_global(std::string_view module, std::string_view name) {
  for (std::size_t i = 0; i < std::size(kGlobals); ++i) {
    if (kGlobals[i].module == module && kGlobals[i].name == name)
      return Value{.kind = ValueKind::kGlobal, .number = static_cast<std::int64_t>(i)};
  }
  const std::string whole = quoted(fmt::format("{}.{}", module, name));
  if (module == "torch" && std::ranges::find(kNoDType, name) != kNoDType.end()) {
    return unsupported(
        fmt::format("{} has no dtype in safetensors: save the tensor in another", whole));
  }
  return unsupported(
      fmt::format("it asks for {}, which rebuilds no tensor and was not run: save a state "
                  "dict of plain tensors, or convert it to safetensors where you trust it",
                  whole));
}

Result<Value> find_storage(const Values& values, ValueId id) {
  const Value& tuple = values[id];
  const auto at = [&](std::size_t i) -> const Value& { return values[tuple.items[i]]; };
  constexpr std::size_t kParts = 5;  // "storage", class, entry, device, elements
  if (tuple.kind != ValueKind::kTuple || tuple.items.size() != kParts ||
      at(0).kind != ValueKind::kString || at(0).text != "storage" ||
      at(2).kind != ValueKind::kString || at(3).kind != ValueKind::kString || !is_size(at(4))) {
    return malformed("a persistent id is no storage");
  }
  const GlobalRow* row = global_of(at(1));
  if (row == nullptr || (row->kind != kStorage && row->kind != GlobalKind::kBytes))
    return malformed("a persistent id has no class of a storage");
  return Value{
      .kind = ValueKind::kStorage, .dtype = row->dtype, .number = at(4).number, .text = at(2).text};
}

Result<Value> call(const Values& values, ValueId callable, ValueId arguments) {
  const GlobalRow* row = global_of(values[callable]);
  const Value& given = values[arguments];
  if (row == nullptr) return malformed("it calls what is no function");
  if (given.kind != ValueKind::kTuple) return malformed("a call has no tuple of arguments");
  switch (row->kind) {
    case GlobalKind::kTensor2:
      return rebuild_tensor(values, given, false);
    case GlobalKind::kTensor3:
      return rebuild_tensor(values, given, true);
    case GlobalKind::kParameter:
      if (given.items.size() != 3 || values[given.items[0]].kind != ValueKind::kTensor ||
          !is_empty(values[given.items[2]])) {
        return malformed("_rebuild_parameter is not given a tensor");
      }
      return values[given.items[0]];
    case GlobalKind::kDict:
      if (!given.items.empty()) return malformed("OrderedDict is given arguments");
      return Value{.kind = ValueKind::kDict};
    case GlobalKind::kStorage:
    case GlobalKind::kBytes:
    case GlobalKind::kDType:
      break;
  }
  return malformed(fmt::format("it calls {}.{}, which is no function", row->module, row->name));
}

}  // namespace shardwright::pickle
