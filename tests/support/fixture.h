// A checkpoint from a short description in JSON, for tests and case folders.
//
//   {"files": {"config.json": {"json": {"model_type": "llama"}},
//              "model.safetensors": {"tensors": {"a": {"dtype": "F32", "shape": [4], "fill":
//              "iota"}}}, "model.safetensors.index.json": {"index": "auto"}},
//    "mode": {"config.json": "0600"}}
//
// A file is one of
//   {"json": value}            written with two spaces of indentation and a newline, keys in order
//   {"text": "..."}            as it is
//   {"hex": "00ff"}            as it is
//   {"zeros": 64}              nothing but zero bytes (sparse on disk)
//   {"tensors": {...}}         a safetensors file: data in the order given, header padded with
//   spaces
//                              to 8 bytes. Tensor: "dtype", "shape", and "fill" as in element.h, or
//                              "same:NAME" for the bytes of another tensor of the description.
//                              Beside it: "metadata" ({"format": "pt"} unless given; null for none)
//                              and "order", the tensors' order in the header
//   {"header": "...", "data": "hex" or {"zeros": 64}, "length": N}
//                              a safetensors file with this very header, and length prefix N where
//                              it is to lie
//   {"index": "auto"}          the index of all "tensors" files of the same folder. Beside it:
//   "set"
//                              {name: file}, "unset" [names], "total_size", "metadata" (replaces
//                              all)
//   {"symlink": "../x"}        its target need not exist
//   {"folder": true}
// and any of them may be damaged by
//   "patch": [{"at": 8, "hex": "ff"}]   "at" counts from the start of the file, or, with
//                                       "tensor": NAME, from the first byte of that tensor
//   "truncate": 64, "append": "hex"     in this order, after the patches
//
// The bytes are made here, without lib/safetensors and lib/json, so that those can be tested with
// them. Everything throws std::runtime_error on a description that makes no sense.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "support/memory_folder.h"

namespace shardwright::test {

struct FixtureFile {
  enum class Kind : std::uint8_t { kFile, kFolder, kLink };
  std::string name{};  // may have sub-folders in it
  Kind kind{};
  std::string bytes{};
  std::uint64_t size{};  // of a file; what lies beyond `bytes` is zero
  std::string target{};  // of a link
  std::optional<mode_t> mode{};
};

using Fixture = std::vector<FixtureFile>;

Fixture make_fixture(std::string_view description);

// Writes the files below `folder`, which is made where it is not there.
void write_fixture(const Fixture& fixture, const std::string& folder);
void write_fixture(std::string_view description, const std::string& folder);

// The same without a disk. A link to another file of the fixture is that file; any other dangles.
std::unique_ptr<MemoryFolder> memory_fixture(const Fixture& fixture);
std::unique_ptr<MemoryFolder> memory_fixture(std::string_view description);

}  // namespace shardwright::test
