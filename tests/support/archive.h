// Files as torch.save writes them, made by hand: archives that are broken in chosen ways, and
// pickles that no writer would make. The bytes are made here, without lib/pickle.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace shardwright::test {

struct ArchiveEntry {
  std::string name{};
  std::string bytes{};
  std::uint16_t flags{};
  std::uint16_t method{};
};

struct ArchiveForm {
  bool zip64{};           // all numbers stand in the zip64 parts
  std::string comment{};  // of the archive
  std::string extra{};    // of each local header
};

// A zip archive of these entries, stored, without checksums.
std::string make_archive(const std::vector<ArchiveEntry>& entries, const ArchiveForm& form = {});

// "m/data.pkl" with this pickle, and "m/data/KEY" for each storage.
std::string make_archive(std::string_view pickle,
                         const std::vector<std::pair<std::string, std::string>>& storages);

// Parts of a pickle: each leaves one value on the stack.
std::string pickled_text(std::string_view text);
std::string pickled_int(std::int64_t value);
std::string pickled_tuple(const std::vector<std::string>& items);
std::string pickled_global(std::string_view module, std::string_view name);
// `type` is a class of torch: "FloatStorage".
std::string pickled_storage(std::string_view type, std::string_view key, std::int64_t elements);
std::string pickled_tensor(const std::string& storage, std::int64_t first,
                           const std::vector<std::int64_t>& shape,
                           const std::vector<std::int64_t>& strides);
std::string pickled_dict(const std::vector<std::pair<std::string, std::string>>& items);
// The whole: protocol, value, end.
std::string whole_pickle(const std::string& value);

}  // namespace shardwright::test
