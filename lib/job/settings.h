// Config files of `check`: docs/config-file.md.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "io/folder.h"
#include "shardwright/check_job.h"
#include "shardwright/result.h"

namespace shardwright {

enum class SettingsOrigin : std::uint8_t {
  kGiven,   // by whoever runs the command
  kBeside,  // the model: by whoever made that
};

// The settings in a text that is TOML or, by the end of its name, JSON. kMalformed with every
// mistake: each names the file, the line and the key.
Result<CheckSettings> parse_check_settings(std::string_view text, const std::string& name,
                                           SettingsOrigin origin);

// Of the file beside a model; none where there is none. kIo, kMalformed.
Result<std::optional<CheckSettings>> settings_beside(const Folder& folder);

}  // namespace shardwright
