#include "job/find_rule.h"

#include <string>

#include <fmt/format.h>

#include "base/text.h"
#include "base/utf8.h"

namespace shardwright {

Result<const Schema*> find_rule(const Catalogue& catalogue, std::string_view name) {
  if (const Schema* schema = catalogue.find(name)) return schema;
  if (const Schema* schema = catalogue.by_model_type(name)) return schema;
  if (const Schema* schema = catalogue.by_alias(name)) return schema;
  const auto near = nearest(name, catalogue.names());
  return Error{ErrorCode::kInvalidArgument,
               fmt::format("no rule describes an architecture {}{}", quoted(name),
                           near ? fmt::format("; the nearest is '{}'", *near)
                                : std::string(": 'shardwright schema list' names them"))};
}

}  // namespace shardwright
