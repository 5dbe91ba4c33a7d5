#include "merge/chat_template.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "base/text.h"
#include "base/try.h"
#include "base/utf8.h"
#include "io/folder.h"
#include "merge/tokenizer_files.h"

namespace shardwright {
namespace {

constexpr std::uint64_t kMaxTemplate = 4ULL << 20U;

Result<std::string> most_common(const std::vector<const Checkpoint*>& models) {
  std::vector<std::pair<std::string, int>> counts;
  for (const Checkpoint* model : models) {
    const std::string whole = chat_template_of(*model);
    const std::string text(trim(whole));
    if (text.empty()) continue;
    const auto found = std::ranges::find(counts, text, &std::pair<std::string, int>::first);
    if (found == counts.end()) {
      counts.emplace_back(text, 1);
    } else {
      ++found->second;
    }
  }
  if (counts.empty()) {
    return Error{ErrorCode::kInvalidArgument,
                 "'chat_template' is 'auto', and no model that is merged has a template"};
  }
  return std::ranges::max_element(counts, {}, &std::pair<std::string, int>::second)->first;
}

}  // namespace

Result<std::string> chosen_chat_template(const std::string& asked,
                                         const std::vector<const Checkpoint*>& models) {
  if (asked == "auto") return most_common(models);
  if (asked.find('{') != std::string::npos) return asked;
  if (asked.ends_with(".jinja")) {
    auto text = [&]() -> Result<std::string> {
      SW_TRY(const auto source, open_file(asked));
      return read_all(*source, kMaxTemplate);
    }();
    if (!text) return std::move(text).error().within("'chat_template'");
    if (find_invalid_utf8(*text) != std::string::npos || text->find('{') == std::string::npos) {
      return Error{
          ErrorCode::kInvalidArgument,
          fmt::format("'chat_template': {} holds no Jinja text", quoted(asked, kShownPath))};
    }
    return text;
  }
  return Error{
      ErrorCode::kUnsupported,
      fmt::format("the text of the chat template {} is not built in: give the Jinja text, or "
                  "the path of a file that ends in .jinja",
                  quoted(asked))};
}

}  // namespace shardwright
