// read_headers < LIST   reads the header of each safetensors file that a line of the list names,
// and prints a line for it: "refused", where the reference reader would refuse it by what we see,
// or "taken", its tensors in order as NAME:DTYPE:EXTENTS, and its metadata as KEY=VALUE. Names,
// keys and values are in hex, and extents joined by commas.
#include <iostream>
#include <string>
#include <string_view>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "io/folder.h"
#include "safetensors/header.h"

namespace {

using namespace shardwright;

std::string hex(std::string_view text) {
  std::string out;
  for (const char c : text)
    out += fmt::format("{:02x}", static_cast<unsigned char>(c));
  return out;
}

std::string line_of(const std::string& path) {
  const auto source = open_file(path);
  if (!source) return "unreadable";
  const auto header = safetensors::read_header(**source);
  if (!header) return "unreadable";
  if (!header->usable()) return "refused";
  std::string line = "taken";
  for (const safetensors::TensorEntry& tensor : header->tensors) {
    line += fmt::format(" {}:{}:{}", hex(tensor.name), dtype_name(tensor.dtype),
                        fmt::join(tensor.shape, ","));
  }
  for (const auto& [key, value] : header->metadata)
    line += fmt::format(" {}={}", hex(key), hex(value));
  return line;
}

}  // namespace

int main() {
  for (std::string path; std::getline(std::cin, path);)
    fmt::print("{}\n", line_of(path));
  return 0;
}
