#include "support/archive.h"

#include <cstring>

namespace shardwright::test {
namespace {

template <typename Number>
void put(std::string& out, Number value) {
  char bytes[sizeof value];
  std::memcpy(bytes, &value, sizeof value);
  out.append(bytes, sizeof value);
}

std::uint32_t size32(std::uint64_t size) {
  return static_cast<std::uint32_t>(size);
}

std::uint16_t size16(std::uint64_t size) {
  return static_cast<std::uint16_t>(size);
}

// From the version on, up to the lengths of name and extra fields.
void put_facts(std::string& out, const ArchiveEntry& entry, bool zip64) {
  put(out, entry.flags);
  put(out, entry.method);
  put(out, std::uint32_t{0});  // time and date
  put(out, std::uint32_t{0});  // checksum
  put(out, zip64 ? 0xFFFFFFFFU : size32(entry.bytes.size()));
  put(out, zip64 ? 0xFFFFFFFFU : size32(entry.bytes.size()));
  put(out, size16(entry.name.size()));
}

std::string sizes64(const ArchiveEntry& entry) {
  std::string field;
  put(field, std::uint64_t{entry.bytes.size()});
  put(field, std::uint64_t{entry.bytes.size()});
  return field;
}

std::string extra_field(std::uint16_t id, std::string_view bytes) {
  std::string field;
  put(field, id);
  put(field, size16(bytes.size()));
  field += bytes;
  return field;
}

}  // namespace

std::string make_archive(const std::vector<ArchiveEntry>& entries, const ArchiveForm& form) {
  std::string file;
  std::string directory;
  for (const ArchiveEntry& entry : entries) {
    const std::uint64_t at = file.size();
    const std::string extra =
        (form.zip64 ? extra_field(1, sizes64(entry)) : std::string()) + form.extra;
    file += "PK\x03\x04";
    put(file, std::uint16_t{20});
    put_facts(file, entry, form.zip64);
    put(file, size16(extra.size()));
    file += entry.name + extra + entry.bytes;

    std::string place;
    put(place, at);
    const std::string wide = form.zip64 ? extra_field(1, sizes64(entry) + place) : std::string();
    directory += "PK\x01\x02";
    put(directory, std::uint16_t{20});
    put(directory, std::uint16_t{20});
    put_facts(directory, entry, form.zip64);
    put(directory, size16(wide.size()));
    put(directory, std::uint16_t{0});  // comment
    put(directory, std::uint16_t{0});  // part
    put(directory, std::uint16_t{0});
    put(directory, std::uint32_t{0});
    put(directory, form.zip64 ? 0xFFFFFFFFU : size32(at));
    directory += entry.name + wide;
  }
  const std::uint64_t begin = file.size();
  file += directory;
  if (form.zip64) {
    const std::uint64_t end = file.size();
    file += "PK\x06\x06";
    put(file, std::uint64_t{44});
    put(file, std::uint16_t{45});
    put(file, std::uint16_t{45});
    put(file, std::uint32_t{0});
    put(file, std::uint32_t{0});
    put(file, std::uint64_t{entries.size()});
    put(file, std::uint64_t{entries.size()});
    put(file, std::uint64_t{directory.size()});
    put(file, begin);
    file += "PK\x06\x07";
    put(file, std::uint32_t{0});
    put(file, end);
    put(file, std::uint32_t{1});
  }
  file += "PK\x05\x06";
  put(file, std::uint16_t{0});
  put(file, std::uint16_t{0});
  put(file, size16(entries.size()));
  put(file, size16(entries.size()));
  put(file, form.zip64 ? 0xFFFFFFFFU : size32(directory.size()));
  put(file, form.zip64 ? 0xFFFFFFFFU : size32(begin));
  put(file, size16(form.comment.size()));
  return file + form.comment;
}

std::string make_archive(std::string_view pickle,
                         const std::vector<std::pair<std::string, std::string>>& storages) {
  std::vector<ArchiveEntry> entries = {{.name = "m/data.pkl", .bytes = std::string(pickle)},
                                       {.name = "m/byteorder", .bytes = "little"}};
  for (const auto& [key, bytes] : storages)
    entries.push_back({.name = "m/data/" + key, .bytes = bytes});
  return make_archive(entries);
}

std::string pickled_text(std::string_view text) {
  std::string out = "X";
  put(out, size32(text.size()));
  out += text;
  return out;
}

std::string pickled_int(std::int64_t value) {
  std::string out = "\x8a\x08";
  put(out, value);
  return out;
}

std::string pickled_tuple(const std::vector<std::string>& items) {
  std::string out = "(";
  for (const std::string& item : items)
    out += item;
  return out + 't';
}

std::string pickled_global(std::string_view module, std::string_view name) {
  std::string out = "c";
  out += module;
  out += '\n';
  out += name;
  out += '\n';
  return out;
}

std::string pickled_storage(std::string_view type, std::string_view key, std::int64_t elements) {
  return pickled_tuple({pickled_text("storage"), pickled_global("torch", type), pickled_text(key),
                        pickled_text("cpu"), pickled_int(elements)}) +
         'Q';
}

std::string pickled_tensor(const std::string& storage, std::int64_t first,
                           const std::vector<std::int64_t>& shape,
                           const std::vector<std::int64_t>& strides) {
  const auto tuple = [](const std::vector<std::int64_t>& numbers) {
    std::vector<std::string> items;
    for (const std::int64_t number : numbers)
      items.push_back(pickled_int(number));
    return pickled_tuple(items);
  };
  const std::string hooks = pickled_global("collections", "OrderedDict") + ")R";
  return pickled_global("torch._utils", "_rebuild_tensor_v2") +
         pickled_tuple({storage, pickled_int(first), tuple(shape), tuple(strides), "\x89", hooks}) +
         'R';
}

std::string pickled_dict(const std::vector<std::pair<std::string, std::string>>& items) {
  std::string out = "}(";
  for (const auto& [name, value] : items)
    out += pickled_text(name) + value;
  return out + 'u';
}

std::string whole_pickle(const std::string& value) {
  return "\x80\x02" + value + '.';
}

}  // namespace shardwright::test
