#include "tensor/row_scan.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "support/element.h"

namespace shardwright {
namespace {

std::string matrix_of_rows(DType dtype, std::uint64_t columns, const std::string& seeds) {
  const auto rows = static_cast<std::uint64_t>(std::ranges::count(seeds, ',')) + 1;
  return test::fill_bytes(dtype, rows * columns, "rows:" + seeds);
}

// Cut into runs of that many bytes, each given in portions.
RowFacts rows_in_runs(DType dtype, std::uint64_t columns, const std::string& text,
                      std::size_t run_bytes, std::size_t portion) {
  const Bytes bytes(reinterpret_cast<const std::byte*>(text.data()), text.size());
  const std::uint64_t row_bytes = columns * dtype_bits(dtype) / 8;
  std::vector<RowRun> runs;
  for (std::size_t at = 0; at < bytes.size(); at += run_bytes) {
    Bytes run = bytes.subspan(at, std::min(run_bytes, bytes.size() - at));
    RowReader reader(dtype, row_bytes, at);
    while (!run.empty()) {
      const std::size_t now = std::min(portion, run.size());
      reader.add(run.first(now));
      run = run.subspan(now);
    }
    runs.push_back(reader.take());
  }
  return rows_of(dtype, row_bytes, runs);
}

}  // namespace

TEST_CASE("rows: zero and equal ones are found, however the bytes are cut") {
  const std::string text = matrix_of_rows(DType::kBF16, 6, "4,0,5,4,6,0,5,4,7");
  const RowFacts expected{.rows = 9, .zero = {1, 5}, .equal = {{0, 3, 7}, {2, 6}}};
  for (const std::size_t run : {2U, 8U, 12U, 14U, 24U, 36U, 50U, 108U}) {
    for (const std::size_t portion : {2U, 6U, 12U, 16U, 108U}) {
      CAPTURE(run);
      CAPTURE(portion);
      CHECK(rows_in_runs(DType::kBF16, 6, text, run, portion) == expected);
    }
  }
}

TEST_CASE("rows: -0 is zero, NaN is not, and one bit makes a row another") {
  std::string text(3 * 8, '\0');
  const std::uint32_t minus_zero = 0x8000'0000U;
  const std::uint32_t nan = 0x7FC0'0000U;
  std::memcpy(text.data() + 4, &minus_zero, 4);
  std::memcpy(text.data() + 8, &nan, 4);
  text[23] = 1;
  const RowFacts facts = rows_in_runs(DType::kF32, 2, text, 24, 24);
  CHECK(facts == RowFacts{.rows = 3, .zero = {0}});
}

}  // namespace shardwright
