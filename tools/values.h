// Values that several commands take, converted with the same words of refusal.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "shardwright/result.h"

namespace shardwright {

// "5GB", "200MiB", "12": bytes, at least 1.
Status set_size(std::uint64_t& into, const std::string& text);

// A whole number from `least`.
Status set_number(std::uint64_t& into, std::uint64_t least, const std::string& text);

// "0,3,5-9": whole numbers and ranges of them, in the order given.
Status set_numbers(std::vector<std::uint64_t>& into, const std::string& text);

}  // namespace shardwright
