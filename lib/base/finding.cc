#include "shardwright/finding.h"

#include <array>

namespace shardwright {
namespace {

constexpr std::array<std::string_view, 3> kSeverities = {"info", "warning", "error"};
constexpr std::array<std::string_view, 3> kSafeties = {"safe", "unsafe", "never"};

}  // namespace

std::string_view severity_name(Severity severity) {
  return kSeverities.at(static_cast<std::size_t>(severity));
}

std::optional<Severity> severity_from_name(std::string_view name) {
  for (std::size_t i = 0; i < kSeverities.size(); ++i) {
    if (kSeverities[i] == name) return static_cast<Severity>(i);
  }
  return std::nullopt;
}

std::string_view safety_name(Safety safety) {
  return kSafeties.at(static_cast<std::size_t>(safety));
}

}  // namespace shardwright
