// `shardwright explain` as a library call: the pages of the checks, which are compiled in.
#pragma once

#include <string_view>
#include <vector>

#include "shardwright/result.h"

namespace shardwright {

struct Page {
  std::string_view code, name;  // "ST104", "overlapping-ranges"
  std::string_view text;        // Markdown
};

// All pages, by code.
const std::vector<Page>& all_pages();

// The pages that a query means: a check's code or name, in any case, or what a loader printed, a
// line or a whole traceback. Several where loaders print the same for several causes. kNotFound
// where nothing fits, with the nearest name.
Result<std::vector<Page>> explain(std::string_view query);

}  // namespace shardwright
