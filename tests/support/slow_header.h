// A second reader of headers, to compare the first one with.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace shardwright::test {

struct SlowEntry {
  std::string name{};
  std::string dtype{};
  std::vector<std::uint64_t> shape{};
  std::uint64_t begin{};
  std::uint64_t end{};
};

struct SlowHeader {
  bool accepted{true};
  std::vector<SlowEntry> tensors{};  // entries that could be read
};

// Whether the range is as long as dtype and shape say.
bool has_its_size(const SlowEntry& entry);

// What a header of a file with so many bytes of data says, and whether the reference reader takes
// it. On nlohmann's SAX interface, and says each rule of docs/format.md in the plainest way: no
// fast path, no arena, every pair of ranges compared. Any depth of nesting is taken.
SlowHeader read_slowly(const std::string& text, std::uint64_t data);

}  // namespace shardwright::test
