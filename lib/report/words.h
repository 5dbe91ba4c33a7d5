// Words and numbers as they stand in reports and messages of the command.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "shardwright/check_job.h"
#include "shardwright/progress.h"

namespace shardwright {

// "1 tensor", "2 tensors"; thousands are separated by commas.
std::string counted(std::uint64_t count, std::string_view one, std::string_view many = {});

// "1,234,567".
std::string grouped(std::uint64_t number);

// "2.61 B", "213 M", "950": parameters as model cards give them.
std::string short_count(std::uint64_t number);

// "1 error, 2 warnings"; "nothing found" where all are zero.
std::string summary_text(const Summary& summary);

// "checking: 45%, 1.2 GB of 2.6 GB", cut to `width` characters where that is not 0.
std::string progress_text(const Progress& progress, std::size_t width);

// "5GB", "200MiB": bytes; "12": a whole number. None where the text is neither.
std::optional<std::uint64_t> size_from_text(std::string_view text);
std::optional<std::uint64_t> number_from_text(std::string_view text);

// The text as one word of a POSIX shell: unchanged where that is safe, else quoted, and safe to
// print. A leading dash is kept from being an option.
std::string shell_word(std::string_view text);

// 'text', safe to print.
std::string shown(std::string_view text);

// "; did you mean 'x'?" for the nearest candidate, or nothing where none is near.
std::string did_you_mean(std::string_view word, std::span<const std::string_view> candidates);

// A folder beside the model that a repair of it may write: "m" gives "m-repaired".
std::string repaired_path(std::string_view model);

}  // namespace shardwright
