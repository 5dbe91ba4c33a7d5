#include "report/locations.h"

#include <algorithm>

#include "base/text.h"

namespace shardwright {

std::span<const std::string> places_proper(const Finding& finding) {
  const std::span<const std::string> all = finding.places;
  return all.first(std::min<std::size_t>(finding.count, all.size()));
}

std::span<const std::string> spanned_files(const Finding& finding) {
  return std::span<const std::string>(finding.places).subspan(places_proper(finding).size());
}

namespace {

// "./m/./a" is "m/a" to whoever compares paths, as code scanning does.
std::string without_dots(std::string_view path) {
  std::string out;
  bool any = false;
  for (const std::string_view part : split(path, '/')) {
    if (part == ".") continue;
    if (any) out += '/';
    out += part;
    any = true;
  }
  return any ? out : std::string(path);
}

}  // namespace

std::string located(std::string_view model, std::string_view file) {
  while (model.size() > 1 && model.ends_with('/'))
    model.remove_suffix(1);
  if (file.empty() || model == file || model.ends_with("/" + std::string(file))) {
    return without_dots(model);
  }
  // An index that was given by name stands for its folder.
  if (model.ends_with(".json")) {
    const std::size_t slash = model.rfind('/');
    model = slash == std::string_view::npos ? std::string_view() : model.substr(0, slash);
  }
  std::string path(model);
  if (!path.empty() && !path.ends_with('/')) path += '/';
  return without_dots(path + std::string(file));
}

}  // namespace shardwright
