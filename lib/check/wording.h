// Phrases that the messages of many checks share.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "safetensors/header.h"

namespace shardwright {

// "1 tensor", "17 tensors"; the plural is the word with an s.
std::string counted(std::uint64_t count, std::string_view word);

// "1 byte", "4096 bytes", "1.2 GB".
std::string byte_count(std::uint64_t bytes);

// "'a'", "'a' and 'b'", "'a', 'b', 'c' and 12 more": names from files, printable.
std::string some_of(std::span<const std::string_view> names);
std::string some_of(std::span<const std::string> names);

// "3", "3 and 4", "1, 3 to 5 and 9": numbers in ascending order, the first of them where there are
// many.
std::string number_runs(std::span<const std::int32_t> numbers);

// "a in layers 0 to 3; b in layer 5; and others in 2 layers": what is said of layers, each once.
std::string by_layers(std::span<const std::pair<std::int32_t, std::string>> said);

// Why a file cannot be used: the error, or, where the text begins as a Git LFS pointer does or with
// a byte-order mark, that.
std::string why_unusable(std::string_view text, std::string_view error);

// "loaders print 'Error while deserializing header: header too small'": a clause for the end of a
// message. What differs from file to file is an ellipsis.
std::string prints(std::string_view text);
std::string prints(safetensors::DefectKind kind);

}  // namespace shardwright
