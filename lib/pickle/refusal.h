// Why a file is not read.
#pragma once

#include <string>
#include <utility>

#include "shardwright/result.h"

namespace shardwright::pickle {

inline Error malformed(std::string text) {
  return {ErrorCode::kMalformed, std::move(text)};
}

inline Error unsupported(std::string text) {
  return {ErrorCode::kUnsupported, std::move(text)};
}

}  // namespace shardwright::pickle
