// `shardwright check`.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "shardwright/check_job.h"
#include "tools/command.h"

namespace shardwright {

enum class CheckFormat : std::uint8_t { kText, kJson, kJsonl, kSarif, kGithub };

struct CheckArguments {
  CommonArguments common{};
  CheckOptions options{};
  std::vector<std::string> models{};
  std::string files_from{};
  std::string output_file{};
  CheckFormat format{};
  std::string config_file{};
  bool no_config_file{};
  std::optional<Severity> fail_on{};  // kWarning, unless the config file has another
};

// From words alone: nothing is opened.
Result<CheckArguments> check_arguments(std::span<const std::string> words);

// What the process ends with.
ExitCode check_exit_code(const std::vector<ModelReport>& models, Severity fail_on);

extern const Command kCheckCommand;

}  // namespace shardwright
