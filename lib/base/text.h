// Small text helpers that several folders need.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace shardwright {

std::vector<std::string_view> split(std::string_view text, char separator);
std::string_view trim(std::string_view text);  // ASCII white space
bool is_word(char c);                          // an ASCII letter, a digit, or '_'

// With small letters for ASCII's capitals.
char lower(char c);
std::string lower(std::string_view text);

// The candidate nearest to `word` by edit distance, where one is near enough to suggest.
std::optional<std::string_view> nearest(std::string_view word,
                                        std::span<const std::string_view> candidates);

// "1.4 GB": decimal units, as the hub counts.
std::string human_bytes(std::uint64_t bytes);

// The name with every run of digits replaced by '#', so that layers of one kind compare equal.
std::string fold_digits(std::string_view name);

// The whole text as a non-negative integer, or none.
std::optional<std::uint64_t> parse_u64(std::string_view text);

// "5GB", "500MB", "10KiB", "123": bytes, with decimal and binary units; none if it is not a size.
std::optional<std::uint64_t> parse_size(std::string_view text);

// Orders names as people do: layers.2 before layers.10.
bool natural_less(std::string_view a, std::string_view b);

}  // namespace shardwright
