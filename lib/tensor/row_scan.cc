#include "tensor/row_scan.h"

#include <algorithm>
#include <map>
#include <utility>

#include "tensor/scan.h"

namespace shardwright {
namespace {

RowRun::Row seen_row(DType dtype, Bytes bytes) {
  ScanResult seen;
  scan(dtype, bytes, seen);
  return {.digest = digest_of(bytes), .zero = seen.zero && seen.nan == 0};
}

void extend_row(std::vector<std::byte>& to, Bytes bytes) {
  to.insert(to.end(), bytes.begin(), bytes.end());
}

}  // namespace

RowReader::RowReader(DType dtype, std::uint64_t row_bytes, std::uint64_t from)
    : dtype_(dtype), row_bytes_(row_bytes), to_row_((row_bytes - from % row_bytes) % row_bytes) {}

void RowReader::add(Bytes bytes) {
  const auto take = [&](std::uint64_t most) {
    const Bytes taken = bytes.first(std::min<std::uint64_t>(most, bytes.size()));
    bytes = bytes.subspan(taken.size());
    return taken;
  };
  if (to_row_ > 0) {
    const Bytes part = take(to_row_);
    extend_row(run_.head, part);
    to_row_ -= part.size();
  }
  while (!bytes.empty()) {
    const Bytes part = take(row_bytes_ - row_.size());
    if (part.size() == row_bytes_) {
      run_.rows.push_back(seen_row(dtype_, part));
      continue;
    }
    extend_row(row_, part);
    if (row_.size() < row_bytes_) return;
    run_.rows.push_back(seen_row(dtype_, row_));
    row_.clear();
  }
}

RowRun RowReader::take() {
  run_.tail = std::move(row_);
  return std::move(run_);
}

RowFacts rows_of(DType dtype, std::uint64_t row_bytes, std::span<const RowRun> runs) {
  std::vector<RowRun::Row> rows;
  std::vector<std::byte> cut;  // a row of which the end is still to come
  for (const RowRun& run : runs) {
    extend_row(cut, run.head);
    if (cut.size() == row_bytes) {
      rows.push_back(seen_row(dtype, cut));
      cut.clear();
    }
    rows.insert(rows.end(), run.rows.begin(), run.rows.end());
    extend_row(cut, run.tail);
  }
  RowFacts facts{.rows = rows.size()};
  std::map<std::pair<std::uint64_t, std::uint64_t>, std::vector<std::uint32_t>> same;
  for (std::uint32_t i = 0; i < rows.size(); ++i) {
    if (rows[i].zero) {
      facts.zero.push_back(i);
    } else {
      same[{rows[i].digest.high, rows[i].digest.low}].push_back(i);
    }
  }
  for (auto& [digest, group] : same) {
    if (group.size() > 1) facts.equal.push_back(std::move(group));
  }
  std::ranges::sort(facts.equal);
  return facts;
}

}  // namespace shardwright
