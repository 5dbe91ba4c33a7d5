#include "tokenizer/pattern.h"

#include <optional>
#include <utility>

#include "base/try.h"

namespace shardwright {
namespace {

// What lies between the last cut and a match, and the match.
void add_match(std::vector<TextCut>& cuts, std::size_t& end, const TextSpan& match) {
  if (match.begin > end) cuts.push_back({{end, match.begin}, false});
  cuts.push_back({match, true});
  end = match.end;
}

}  // namespace

Result<Pattern> read_pattern(const json::Value& value) {
  const json::Value::Object* object = value.object();
  if (object == nullptr || object->size() != 1 || object->front().value.string() == nullptr)
    return Error{ErrorCode::kMalformed, "'pattern' is neither a String nor a Regex"};
  const std::string& text = *object->front().value.string();
  if (object->front().key == "String") {
    if (text.empty()) return Error{ErrorCode::kUnsupported, "an empty pattern is not read here"};
    return Pattern(text);
  }
  if (object->front().key == "Regex") {
    SW_TRY(Regex regex, Regex::compile(text));
    return Pattern(std::move(regex));
  }
  return Error{ErrorCode::kMalformed, "'pattern' is neither a String nor a Regex"};
}

PatternScan::PatternScan(const Pattern& pattern) {
  if (const Regex* regex = std::get_if<Regex>(&pattern)) {
    scan_.emplace<RegexScan>(*regex);
  } else {
    scan_ = std::string_view(*std::get_if<std::string>(&pattern));
  }
}

Status PatternScan::cut(std::string_view text, std::vector<TextCut>& cuts) {
  cuts.clear();
  std::size_t end = 0;
  if (RegexScan* scan = std::get_if<RegexScan>(&scan_)) {
    scan->start(text);
    while (true) {
      SW_TRY(const std::optional<TextSpan> match, scan->next());
      if (!match) break;
      add_match(cuts, end, *match);
    }
  } else {
    const std::string_view wanted = *std::get_if<std::string_view>(&scan_);
    for (std::size_t at = text.find(wanted); at != std::string_view::npos;
         at = text.find(wanted, at + wanted.size())) {
      add_match(cuts, end, {at, at + wanted.size()});
    }
  }
  if (end < text.size()) cuts.push_back({{end, text.size()}, false});
  return ok();
}

}  // namespace shardwright
