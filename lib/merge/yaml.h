// YAML as PyYAML's safe_load sees it, with the place of every key and value.
//
// The text comes from anyone: its size, depth, and what its aliases expand to are bounded. Equal
// keys are all kept, so that they can be told. Merge keys (`<<`) are resolved.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <vector>

#include "merge/mark.h"
#include "shardwright/result.h"

namespace shardwright {

struct YamlNode;

struct YamlPair {
  const YamlNode* key{};
  const YamlNode* value{};
};

struct YamlNode {
  enum class Kind : std::uint8_t {
    kNull,
    kFlag,    // true, yes, on, ...; `number` is 0 or 1
    kWhole,   // `number` is integral
    kNumber,  // `number` may be infinite or NaN
    kText,
    kOther,  // a scalar that means something else in YAML 1.1, such as a date
    kList,
    kMap,
  };
  Kind kind{};
  Mark at{};
  std::string text{};  // of a scalar, as written or decoded
  double number{};
  std::vector<const YamlNode*> items{};  // of a list
  std::vector<YamlPair> pairs{};         // of a map: its own in order, then what it merges
};

struct YamlFile {
  std::deque<YamlNode> nodes{};  // owns them all; an alias is another pointer to its node
  std::vector<const YamlNode*> documents{};
};

inline constexpr std::size_t kMaxYamlBytes = 1U << 20U;
inline constexpr std::size_t kMaxYamlDocuments = 256;
inline constexpr std::size_t kMaxYamlDepth = 64;
inline constexpr std::size_t kMaxYamlNodes = 200'000;  // with every alias written out

// kMalformed where the text is no YAML or beyond the bounds, with the place in `fault`.
Result<YamlFile> parse_yaml(std::string_view text, Mark& fault);

}  // namespace shardwright
