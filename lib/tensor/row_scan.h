// The rows of a matrix that are zero or equal to each other, seen in one pass over its bytes,
// however they are cut.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "base/bytes.h"
#include "base/digest.h"
#include "shardwright/dtype.h"

namespace shardwright {

struct RowFacts {
  std::uint64_t rows{};
  std::vector<std::uint32_t> zero{};  // of which all elements are +0 or -0, in order
  // Rows with the same bytes, each group two or more, in order of their first; zero ones are in
  // none.
  std::vector<std::vector<std::uint32_t>> equal{};

  friend bool operator==(const RowFacts&, const RowFacts&) = default;
};

// What a run of bytes says: whole rows, and parts of those that begin before it or end after it.
struct RowRun {
  struct Row {
    Digest digest{};
    bool zero{};
  };
  std::vector<std::byte> head{}, tail{};
  std::vector<Row> rows{};
};

class RowReader {
 public:
  // `from`: where the run begins in the matrix.
  RowReader(DType dtype, std::uint64_t row_bytes, std::uint64_t from);

  // The next bytes of the run, in any portions.
  void add(Bytes bytes);
  RowRun take();

 private:
  DType dtype_;
  std::uint64_t row_bytes_;
  std::uint64_t to_row_;  // bytes that belong to a row that began before
  std::vector<std::byte> row_;
  RowRun run_;
};

// Of a matrix of such rows, whose bytes are all in these runs, in order.
RowFacts rows_of(DType dtype, std::uint64_t row_bytes, std::span<const RowRun> runs);

}  // namespace shardwright
