#include "tensor/zero_runs.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <string>
#include <vector>

#include <doctest/doctest.h>

namespace shardwright {
namespace {

// The plain way.
std::vector<ZeroRun> runs_of(Bytes bytes) {
  std::vector<ZeroRun> runs;
  for (std::size_t at = 0; at < bytes.size();) {
    std::size_t end = at;
    while (end < bytes.size() && bytes[end] == std::byte{0})
      ++end;
    if (end - at >= kLeastZeroRun) runs.push_back({at, end});
    at = std::max(end, at + 1);
  }
  return runs;
}

std::vector<ZeroRun> read_in_parts(Bytes bytes, std::size_t part, std::size_t portion) {
  std::vector<ZeroRun> parts;
  for (std::size_t from = 0; from < bytes.size(); from += part) {
    ZeroRunReader reader(from);
    const Bytes all = bytes.subspan(from, std::min(part, bytes.size() - from));
    for (std::size_t at = 0; at < all.size(); at += portion)
      reader.add(all.subspan(at, std::min(portion, all.size() - at)));
    const auto found = reader.take();
    parts.insert(parts.end(), found.begin(), found.end());
  }
  return join_zero_runs(parts);
}

std::vector<std::byte> with_holes(std::size_t size, const std::vector<ZeroRun>& holes) {
  std::vector<std::byte> bytes(size, std::byte{0x3D});
  for (const ZeroRun& hole : holes) {
    const auto begin = bytes.begin();
    std::fill(begin + static_cast<std::ptrdiff_t>(hole.from),
              begin + static_cast<std::ptrdiff_t>(hole.to), std::byte{0});
  }
  return bytes;
}

}  // namespace

TEST_CASE("tensor: long runs of zero bytes are found, however the bytes are cut") {
  const std::vector<std::vector<ZeroRun>> all = {
      {},
      {{0, 4096}},
      {{0, 4095}},
      {{1, 4097}},
      {{5000, 9095}},
      {{5000, 9096}},
      {{5000, 20'000}, {20'001, 30'000}},
      {{4096, 8192}, {36'904, 41'000}},
      {{0, 41'000}},
      {{2048, 6144}, {6145, 6200}, {7000, 15'192}},
  };
  for (const auto& holes : all) {
    const auto bytes = with_holes(41'000, holes);
    for (const std::size_t part : {41'000U, 8192U, 4096U, 777U}) {
      for (const std::size_t portion : {41'000U, 4096U, 1000U}) {
        CHECK(read_in_parts(bytes, part, portion) == runs_of(bytes));
      }
    }
  }
}

TEST_CASE("tensor: zeros of either sign are a run, of numbers that have a sign") {
  constexpr auto kTypes =
      std::to_array<DType>({DType::kF16, DType::kBF16, DType::kF32, DType::kF64});
  for (const DType dtype : kTypes) {
    const std::size_t element = dtype_bits(dtype) / 8;
    std::vector<std::byte> bytes(40'000, std::byte{0x3D});
    for (std::size_t at = 8000; at < 20'000; ++at)
      bytes[at] = at % element == element - 1 && at % 3 != 0 ? std::byte{0x80} : std::byte{0};
    for (const std::size_t portion : {40'000U, 4096U, 1000U}) {
      ZeroRunReader reader(0, dtype);
      ZeroRunReader plain;
      for (std::size_t at = 0; at < bytes.size(); at += portion) {
        reader.add(Bytes(bytes).subspan(at, std::min(portion, bytes.size() - at)));
        plain.add(Bytes(bytes).subspan(at, std::min(portion, bytes.size() - at)));
      }
      CHECK(reader.take() == std::vector<ZeroRun>{{8000, 20'000}});
      CHECK(plain.take().empty());
    }
  }
}

TEST_CASE("tensor: the sign alone is no zero in another byte") {
  std::vector<std::byte> bytes(20'000);
  for (std::size_t i = 0; i < bytes.size(); i += 4)
    bytes[i] = std::byte{0x80};
  ZeroRunReader reader(0, DType::kF32);
  reader.add(bytes);
  CHECK(join_zero_runs(reader.take()).empty());
}

TEST_CASE("tensor: zeros inside elements are no run") {
  std::vector<std::byte> bytes(20'000);
  for (std::size_t i = 3; i < bytes.size(); i += 4)
    bytes[i] = std::byte{0x3F};
  CHECK(read_in_parts(bytes, 20'000, 4096).empty());
}

}  // namespace shardwright
