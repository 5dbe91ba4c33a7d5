// As much of JSON Schema as rules/architecture.schema.json uses. A keyword beyond that is a
// mismatch, so that none is passed over.
#pragma once

#include <string>

#include "json/value.h"

namespace shardwright::test {

// Where and why the value does not fit the schema; empty where it fits.
std::string schema_mismatch(const json::Value& schema, const json::Value& value);

}  // namespace shardwright::test
