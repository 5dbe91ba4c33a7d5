// Phrases that the messages of many checks share.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "safetensors/header.h"

namespace shardwright {

// "1 tensor", "17 tensors"; the plural is the word with an s.
std::string counted(std::uint64_t count, std::string_view word);

// "1 byte", "4096 bytes", "1.2 GB".
std::string byte_count(std::uint64_t bytes);

// "'a'", "'a' and 'b'", "'a', 'b', 'c' and 12 more": names from files, printable.
std::string some_of(std::span<const std::string_view> names);
std::string some_of(std::span<const std::string> names);

// Why a JSON file cannot be used: the error, or, where the text begins as a Git LFS pointer does,
// that it is one.
std::string why_unusable(std::string_view text, std::string_view error);

// "loaders print 'Error while deserializing header: header too small'": a clause for the end of a
// message. What differs from file to file is an ellipsis.
std::string prints(std::string_view text);
std::string prints(safetensors::DefectKind kind);

}  // namespace shardwright
