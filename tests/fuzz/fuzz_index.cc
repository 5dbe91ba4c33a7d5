// An index: every entry resolves, and what was read can be written and read again.
#include <algorithm>
#include <set>
#include <string>
#include <vector>

#include "base/utf8.h"
#include "checkpoint/index.h"
#include "fuzz/target.h"

namespace {

using namespace shardwright;

std::vector<std::pair<std::string_view, std::string_view>> sorted_entries(const Index& index) {
  std::vector<std::pair<std::string_view, std::string_view>> out;
  for (const IndexEntry& entry : index.entries) {
    PROPERTY(entry.file < index.files.size());
    out.emplace_back(entry.name, index.files[entry.file]);
  }
  std::ranges::sort(out);
  return out;
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const Index index = parse_index(std::string(as_text(data, size)));
  const auto entries = sorted_entries(index);
  for (std::size_t i = 1; i < entries.size(); ++i)
    PROPERTY(entries[i - 1].first != entries[i].first);
  std::set<std::string_view> files;
  for (const std::string& file : index.files) {
    PROPERTY(files.insert(file).second);
    PROPERTY(find_invalid_utf8(file) == std::string_view::npos);
  }
  std::uint64_t counted = 0;
  for (const std::uint64_t count : index.counts)
    counted += std::min<std::uint64_t>(count, Index::kMaxDefects);
  PROPERTY(counted == index.defects.size());

  const std::uint64_t total = index.total_size.value_or(7);
  const Index again = parse_index(write_index(entries, total, index.metadata));
  PROPERTY(again.defects.empty());
  PROPERTY(again.total_size == total);
  PROPERTY(again.metadata.size() == index.metadata.size());
  PROPERTY(sorted_entries(again) == entries);
  return 0;
}
