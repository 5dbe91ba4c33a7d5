#include "safetensors/writer.h"

#include <algorithm>
#include <bit>
#include <numeric>
#include <tuple>
#include <unordered_set>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/bytes.h"
#include "base/checked.h"
#include "base/try.h"
#include "base/utf8.h"
#include "json/pull.h"
#include "safetensors/header.h"
#include "safetensors/ranges.h"

namespace shardwright::safetensors {
namespace {

Error invalid(std::string message) {
  return {ErrorCode::kInvalidArgument, std::move(message)};
}

Status check_names(std::span<const TensorSpec> tensors) {
  std::unordered_set<std::string_view> names;
  names.reserve(tensors.size());
  for (const TensorSpec& tensor : tensors) {
    if (tensor.name == kMetadataKey) {
      return invalid(fmt::format("no tensor can be named {}", quoted(kMetadataKey)));
    }
    if (find_invalid_utf8(tensor.name) != std::string_view::npos) {
      return invalid(fmt::format("the tensor name {} is not UTF-8", quoted(tensor.name)));
    }
    if (!names.insert(tensor.name).second) {
      return invalid(fmt::format("two tensors are named {}", quoted(tensor.name)));
    }
  }
  return ok();
}

// Positions of the tensors in the order of the file.
std::vector<std::size_t> file_order(std::span<const TensorSpec> tensors, Order order) {
  std::vector<std::size_t> positions(tensors.size());
  std::iota(positions.begin(), positions.end(), std::size_t{0});
  if (order == Order::kAsGiven) return positions;
  // Dtypes are enumerated by width, so that behind wider ones everything is aligned.
  std::ranges::sort(positions, [&](std::size_t a, std::size_t b) {
    return std::tie(tensors[b].dtype, tensors[a].name) <
           std::tie(tensors[a].dtype, tensors[b].name);
  });
  return positions;
}

// The ranges, one behind the other.
Status place(std::span<const TensorSpec> tensors, Order order, HeaderImage& image) {
  image.tensors.reserve(tensors.size());
  for (const std::size_t position : file_order(tensors, order)) {
    const TensorSpec& tensor = tensors[position];
    const auto bits = bits_as_reference(tensor.dtype, tensor.shape);
    const auto end = bits ? checked_add(image.data_bytes, *bits / 8) : std::nullopt;
    if (!end || *bits % 8 != 0) {
      return invalid(fmt::format("the size of {}, {} of {}, is no whole number of bytes that fits",
                                 quoted(tensor.name), dtype_name(tensor.dtype),
                                 shape_text(tensor.shape)));
    }
    image.tensors.push_back({.spec = position, .begin = image.data_bytes, .end = *end});
    image.data_bytes = *end;
  }
  return ok();
}

std::string header_json(std::span<const TensorSpec> tensors,
                        std::span<const std::pair<std::string, std::string>> metadata,
                        std::span<const PlacedTensor> placed) {
  std::string out = "{";
  if (!metadata.empty()) {
    out += fmt::format("\"{}\":{{", kMetadataKey);
    for (const auto& [key, value] : metadata) {
      if (out.back() != '{') out += ',';
      json::append_string(out, key);
      out += ':';
      json::append_string(out, value);
    }
    out += '}';
  }
  for (const PlacedTensor& tensor : placed) {
    const TensorSpec& spec = tensors[tensor.spec];
    if (out.size() > 1) out += ',';
    json::append_string(out, spec.name);
    fmt::format_to(std::back_inserter(out),
                   R"(:{{"dtype":"{}","shape":[{}],"data_offsets":[{},{}]}})",
                   dtype_name(spec.dtype), fmt::join(spec.shape, ","), tensor.begin, tensor.end);
  }
  return out += '}';
}

}  // namespace

Result<HeaderImage> layout_header(std::span<const TensorSpec> tensors,
                                  std::span<const std::pair<std::string, std::string>> metadata,
                                  Order order, std::uint64_t data_start_modulus,
                                  std::uint64_t data_start_remainder) {
  if (data_start_modulus < 8 || !std::has_single_bit(data_start_modulus) ||
      data_start_remainder % 8 != 0 || data_start_remainder >= data_start_modulus) {
    return invalid(
        fmt::format("data cannot start at {} modulo {}", data_start_remainder, data_start_modulus));
  }
  SW_TRY_OK(check_names(tensors));
  HeaderImage image;
  SW_TRY_OK(place(tensors, order, image));
  std::string json = header_json(tensors, metadata, image.tensors);
  const std::uint64_t start = kPrefixBytes + json.size();
  json.append((data_start_remainder - start) & (data_start_modulus - 1), ' ');
  if (json.size() > kMaxHeaderBytes) {
    return Error{ErrorCode::kUnsupported,
                 fmt::format("the header takes {} bytes, and readers take at most {}", json.size(),
                             kMaxHeaderBytes)};
  }
  image.bytes.resize(kPrefixBytes);
  store_u64(std::as_writable_bytes(std::span(image.bytes)).data(), json.size());
  image.bytes += json;
  return image;
}

}  // namespace shardwright::safetensors
