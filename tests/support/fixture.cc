#include "support/fixture.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <stdexcept>

#include <nlohmann/json.hpp>

#include "support/element.h"
#include "support/temp_dir.h"

namespace shardwright::test {
namespace {

using Json = nlohmann::ordered_json;

[[noreturn]] void fail(const std::string& what) {
  throw std::runtime_error("fixture: " + what);
}

std::string from_hex(const std::string& hex) {
  std::string bytes;
  if (hex.size() % 2 != 0) fail("odd number of hex digits: " + hex);
  for (std::size_t i = 0; i < hex.size(); i += 2) {
    std::size_t used = 0;
    bytes.push_back(static_cast<char>(std::stoul(hex.substr(i, 2), &used, 16)));
    if (used != 2) fail("no hex: " + hex);
  }
  return bytes;
}

struct Placed {
  std::string file{};
  std::uint64_t offset{};  // in the file
  std::uint64_t bytes{};
};

// All tensors of the description by file and name, so that patches, indexes and "same:" find them.
struct Tensors {
  std::map<std::pair<std::string, std::string>, Placed> by_place{};
  std::map<std::string, std::string, std::less<>> data{};  // by name; the first of a name counts
};

std::string folder_of(const std::string& name) {
  const std::size_t slash = name.rfind('/');
  return slash == std::string::npos ? "" : name.substr(0, slash + 1);
}

std::uint64_t elements_of(const Json& tensor) {
  std::uint64_t count = 1;
  for (const auto& extent : tensor.at("shape"))
    count *= extent.get<std::uint64_t>();
  return count;
}

DType dtype_of(const Json& tensor) {
  const auto dtype = dtype_from_name(tensor.at("dtype").get<std::string>());
  if (!dtype) fail("no dtype: " + tensor.at("dtype").dump());
  return *dtype;
}

std::string with_prefix(std::uint64_t length, const std::string& header) {
  std::string bytes(sizeof length, '\0');
  std::memcpy(bytes.data(), &length, sizeof length);
  return bytes + header;
}

// Fills of one tensor do not need others, except "same:", which comes in a second round.
void gather_data(const Json& files, Tensors& all) {
  for (const bool copies : {false, true}) {
    for (const auto& [file, spec] : files.items()) {
      if (!spec.contains("tensors")) continue;
      for (const auto& [name, tensor] : spec.at("tensors").items()) {
        const std::string fill = tensor.value("fill", "zero");
        if (fill.starts_with("same:") != copies) continue;
        if (!copies) {
          all.data.emplace(name, fill_bytes(dtype_of(tensor), elements_of(tensor), fill));
          continue;
        }
        const auto source = all.data.find(fill.substr(5));
        if (source == all.data.end()) fail("no tensor to copy: " + fill);
        all.data.emplace(name, source->second);
      }
    }
  }
}

std::string safetensors_bytes(const std::string& file, const Json& spec, Tensors& all) {
  const Json& tensors = spec.at("tensors");
  Json entries = Json::object();
  std::string data;
  std::vector<std::string> order;
  for (const auto& [name, tensor] : tensors.items()) {
    const std::string fill = tensor.value("fill", "zero");
    const std::string bytes = fill.starts_with("same:")
                                  ? all.data.at(fill.substr(5))
                                  : fill_bytes(dtype_of(tensor), elements_of(tensor), fill);
    all.by_place[{file, name}] = {.file = file, .offset = data.size(), .bytes = bytes.size()};
    entries[name] = {{"dtype", tensor.at("dtype")},
                     {"shape", tensor.at("shape")},
                     {"data_offsets", {data.size(), data.size() + bytes.size()}}};
    data += bytes;
    order.push_back(name);
  }
  if (spec.contains("order")) order = spec.at("order").get<std::vector<std::string>>();
  Json header = Json::object();
  const Json metadata = spec.value("metadata", Json{{"format", "pt"}});
  if (!metadata.is_null()) header["__metadata__"] = metadata;
  for (const std::string& name : order)
    header[name] = entries.at(name);
  std::string text = header.dump();
  text.append((8 - text.size() % 8) % 8, ' ');
  for (const auto& [name, tensor] : tensors.items())
    all.by_place[{file, name}].offset += 8 + text.size();
  return with_prefix(text.size(), text) + data;
}

std::string index_text(const std::string& file, const Json& spec, const Tensors& all) {
  if (spec.at("index") != "auto") fail("an index is \"auto\"");
  std::map<std::string, std::string> map;  // sorted, as save_pretrained writes
  std::uint64_t total = 0;
  const std::string folder = folder_of(file);
  for (const auto& [place, tensor] : all.by_place) {
    if (folder_of(place.first) != folder) continue;
    map[place.second] = place.first.substr(folder.size());
    total += tensor.bytes;
  }
  const Json set = spec.value("set", Json::object());
  for (const auto& [name, target] : set.items())
    map[name] = target.get<std::string>();
  for (const auto& name : spec.value("unset", Json::array()))
    map.erase(name.get<std::string>());
  Json index = {{"metadata", {{"total_size", spec.value("total_size", total)}}},
                {"weight_map", map}};
  if (spec.contains("metadata")) index["metadata"] = spec.at("metadata");
  return index.dump(2) + "\n";
}

void damage(FixtureFile& file, const Json& spec, const Tensors& all) {
  for (const auto& patch : spec.value("patch", Json::array())) {
    auto at = patch.at("at").get<std::uint64_t>();
    if (patch.contains("tensor")) {
      at += all.by_place.at({file.name, patch.at("tensor").get<std::string>()}).offset;
    }
    const std::string bytes = from_hex(patch.at("hex").get<std::string>());
    if (at + bytes.size() > file.bytes.size()) fail("a patch past the end of " + file.name);
    file.bytes.replace(at, bytes.size(), bytes);
  }
  if (spec.contains("truncate")) {
    file.size = spec.at("truncate").get<std::uint64_t>();
    file.bytes.resize(std::min<std::size_t>(file.bytes.size(), file.size));
  }
  if (spec.contains("append")) {
    file.bytes.resize(file.size, '\0');
    file.bytes += from_hex(spec.at("append").get<std::string>());
    file.size = file.bytes.size();
  }
}

FixtureFile plain_file(const std::string& name, const Json& spec, Tensors& all) {
  FixtureFile file = {.name = name};
  if (spec.contains("json")) {
    file.bytes = spec.at("json").dump(2) + "\n";
  } else if (spec.contains("text")) {
    file.bytes = spec.at("text").get<std::string>();
  } else if (spec.contains("hex")) {
    file.bytes = from_hex(spec.at("hex").get<std::string>());
  } else if (spec.contains("zeros")) {
    file.size = spec.at("zeros").get<std::uint64_t>();
  } else if (spec.contains("tensors")) {
    file.bytes = safetensors_bytes(name, spec, all);
  } else if (spec.contains("header")) {
    const std::string header = spec.at("header").get<std::string>();
    file.bytes = with_prefix(spec.value("length", std::uint64_t{header.size()}), header);
    const Json data = spec.value("data", Json(""));
    if (data.is_object()) {
      file.size = file.bytes.size() + data.at("zeros").get<std::uint64_t>();
    } else {
      file.bytes += from_hex(data.get<std::string>());
    }
  } else if (spec.contains("index")) {
    file.bytes = index_text(name, spec, all);
  } else {
    fail("what is in " + name + "?");
  }
  file.size = std::max<std::uint64_t>(file.size, file.bytes.size());
  damage(file, spec, all);
  return file;
}

void refuse_unknown_keys(const std::string& name, const Json& spec) {
  static const std::set<std::string, std::less<>> kKnown = {
      "json",   "text",     "hex",    "zeros",  "tensors",   "metadata", "order",
      "header", "data",     "index",  "length", "set",       "unset",    "symlink",
      "folder", "truncate", "append", "patch",  "total_size"};
  for (const auto& [key, value] : spec.items()) {
    if (!kKnown.contains(key)) fail("unknown key \"" + key + "\" of " + name);
  }
}

}  // namespace

Fixture make_fixture(std::string_view description) {
  const Json root = Json::parse(description);
  const Json& files = root.at("files");
  Tensors all;
  gather_data(files, all);
  Fixture fixture;
  // Indexes last: they name what the others hold.
  for (const bool indexes : {false, true}) {
    for (const auto& [name, spec] : files.items()) {
      refuse_unknown_keys(name, spec);
      if (spec.contains("index") != indexes) continue;
      if (spec.contains("symlink")) {
        fixture.push_back({.name = name,
                           .kind = FixtureFile::Kind::kLink,
                           .target = spec.at("symlink").get<std::string>()});
      } else if (spec.contains("folder")) {
        fixture.push_back({.name = name, .kind = FixtureFile::Kind::kFolder});
      } else {
        fixture.push_back(plain_file(name, spec, all));
      }
    }
  }
  const Json modes = root.value("mode", Json::object());
  for (const auto& [name, mode] : modes.items()) {
    const auto file = std::ranges::find(fixture, name, &FixtureFile::name);
    if (file == fixture.end()) fail("a mode for no file: " + name);
    file->mode = static_cast<mode_t>(std::stoul(mode.get<std::string>(), nullptr, 8));
  }
  return fixture;
}

void write_fixture(const Fixture& fixture, const std::string& folder) {
  namespace fs = std::filesystem;
  fs::create_directories(folder);
  for (const FixtureFile& file : fixture) {
    const fs::path path = fs::path(folder) / file.name;
    fs::create_directories(path.parent_path());
    switch (file.kind) {
      case FixtureFile::Kind::kFolder:
        fs::create_directories(path);
        break;
      case FixtureFile::Kind::kLink:
        fs::create_symlink(file.target, path);
        break;
      case FixtureFile::Kind::kFile:
        write_file(path.string(), file.bytes);
        if (file.size > file.bytes.size()) fs::resize_file(path, file.size);
        break;
    }
  }
  for (const FixtureFile& file : fixture) {
    if (file.mode && ::chmod((fs::path(folder) / file.name).c_str(), *file.mode) != 0) {
      fail("chmod " + file.name);
    }
  }
}

void write_fixture(std::string_view description, const std::string& folder) {
  write_fixture(make_fixture(description), folder);
}

std::unique_ptr<MemoryFolder> memory_fixture(const Fixture& fixture) {
  auto folder = std::make_unique<MemoryFolder>();
  for (const FixtureFile& file : fixture) {
    const FixtureFile* content = &file;
    if (file.kind == FixtureFile::Kind::kLink) {
      const auto target =
          std::ranges::find(fixture, folder_of(file.name) + file.target, &FixtureFile::name);
      if (target == fixture.end()) {
        folder->add_dangling(file.name);
        continue;
      }
      content = &*target;
    }
    if (content->kind == FixtureFile::Kind::kFolder) {
      folder->add_folder(file.name);
    } else if (content->kind == FixtureFile::Kind::kFile) {
      folder->add_file(file.name, content->bytes, content->size, content->mode.value_or(0644));
    } else {
      folder->add_dangling(file.name);  // a link to a link: a disk is needed for those
    }
  }
  return folder;
}

std::unique_ptr<MemoryFolder> memory_fixture(std::string_view description) {
  return memory_fixture(make_fixture(description));
}

}  // namespace shardwright::test
