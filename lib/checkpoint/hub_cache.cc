#include "checkpoint/hub_cache.h"

#include <algorithm>
#include <cstdlib>
#include <vector>

#include <fmt/format.h>

#include "base/text.h"
#include "base/utf8.h"
#include "io/folder.h"

namespace shardwright {
namespace {

constexpr std::size_t kMaxIdPart = 96;
constexpr std::size_t kMinCommitDigits = 4;

bool is_id_part(std::string_view part) {
  if (part.empty() || part.size() > kMaxIdPart) return false;
  if (!is_word(part.front()) || !is_word(part.back())) return false;
  return std::ranges::all_of(part, [](char c) { return is_word(c) || c == '-' || c == '.'; });
}

// Narrower than what git allows: nothing that a shell would take for more than a word.
bool is_revision(std::string_view text) {
  return is_inside(text) && std::ranges::all_of(text, [](char c) {
           return is_word(c) || c == '-' || c == '.' || c == '/' || c == '+';
         });
}

bool is_commit_prefix(std::string_view text) {
  return text.size() >= kMinCommitDigits && std::ranges::all_of(text, [](char c) {
           return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
         });
}

const char* variable(const char* name) {
  const char* value = std::getenv(name);  // NOLINT(concurrency-mt-unsafe): nothing here sets any
  return value != nullptr && *value != '\0' ? value : nullptr;
}

std::string home() {
  const char* value = variable("HOME");
  return value != nullptr ? value : "";
}

// "~", "$NAME" and "${NAME}" as Python's expanduser and expandvars replace them.
std::string expanded(std::string_view text) {
  std::string out;
  if (text == "~" || text.starts_with("~/")) {
    out = home();
    text.remove_prefix(1);
  }
  while (!text.empty()) {
    const std::size_t dollar = std::min(text.find('$'), text.size());
    out += text.substr(0, dollar);
    text.remove_prefix(dollar);
    if (text.empty()) break;
    const bool braced = text.starts_with("${");
    const std::size_t begin = braced ? 2 : 1;
    std::size_t end = begin;
    while (end < text.size() && is_word(text[end]))
      ++end;
    const std::string name(text.substr(begin, end - begin));
    const bool closed = !braced || (end < text.size() && text[end] == '}');
    const char* value = closed && !name.empty() ? variable(name.c_str()) : nullptr;
    const std::size_t length = value == nullptr ? 1 : end + (braced ? 1U : 0U);
    out += value == nullptr ? text.substr(0, 1) : std::string_view(value);
    text.remove_prefix(length);
  }
  return out;
}

std::vector<std::string> names_in(const std::string& folder) {
  std::vector<std::string> names;
  const auto opened = open_folder(folder);
  if (!opened) return names;
  for (const FolderEntry& entry : (*opened)->entries())
    names.push_back(entry.name);
  return names;
}

// The commit that a branch or tag stands for, or an empty text.
std::string read_ref(const std::string& path) {
  constexpr std::uint64_t kMaxRef = 1024;
  const auto file = open_file(path);
  if (!file) return {};
  const auto text = read_all(**file, kMaxRef);
  if (!text) return {};
  const std::string_view commit = trim(*text);
  return is_inside(commit) && commit.find('/') == std::string_view::npos ? std::string(commit) : "";
}

}  // namespace

std::optional<HubId> parse_hub_id(std::string_view text) {
  if (text.starts_with("hf://")) text.remove_prefix(5);
  HubId id;
  const std::size_t at = text.find('@');
  if (at != std::string_view::npos) {
    id.revision = text.substr(at + 1);
    if (!is_revision(id.revision)) return std::nullopt;
    text = text.substr(0, at);
  }
  const auto parts = split(text, '/');
  if (parts.size() > 2 || !std::ranges::all_of(parts, is_id_part)) return std::nullopt;
  if (text.find("--") != std::string_view::npos || text.find("..") != std::string_view::npos ||
      text.ends_with(".git")) {
    return std::nullopt;
  }
  id.name = text;
  return id;
}

std::string download_command(const HubId& id) {
  return id.revision.empty() ? fmt::format("hf download {}", id.name)
                             : fmt::format("hf download {} --revision {}", id.name, id.revision);
}

std::string hub_cache_folder() {
  for (const char* name : {"HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE"}) {
    if (const char* value = variable(name)) return expanded(value);
  }
  if (const char* value = variable("HF_HOME")) return expanded(value) + "/hub";
  if (const char* value = variable("XDG_CACHE_HOME")) return expanded(value) + "/huggingface/hub";
  return home() + "/.cache/huggingface/hub";
}

Result<std::string> find_snapshot(const HubId& id, const std::string& cache) {
  std::string model = "models--";
  for (const char c : id.name)
    model += c == '/' ? std::string_view("--") : std::string_view(&c, 1);
  model = cache + "/" + model;
  if (describe_path(model).kind != EntryKind::kFolder) {
    return Error{
        ErrorCode::kNotFound,
        fmt::format("no file or folder {}, and the hub cache {} has no such model; run: {}",
                    quoted(id.name), quoted(cache), download_command(id))};
  }
  const std::string revision = id.revision.empty() ? "main" : id.revision;
  std::string commit = read_ref(model + "/refs/" + revision);
  const std::vector<std::string> commits = names_in(model + "/snapshots");
  if (commit.empty()) {
    std::vector<std::string> fitting;
    for (const std::string& name : commits) {
      if (name == revision) fitting = {name};
      if (name == revision) break;
      if (is_commit_prefix(revision) && name.starts_with(revision)) fitting.push_back(name);
    }
    if (fitting.size() > 1) {
      return Error{
          ErrorCode::kNotFound,
          fmt::format("'{}' is the start of {} commits of {} in the hub cache: {}", revision,
                      fitting.size(), quoted(id.name), fmt::join(fitting, ", "))};
    }
    if (!fitting.empty()) commit = fitting.front();
  }
  if (!commit.empty() && std::ranges::find(commits, commit) != commits.end()) {
    return model + "/snapshots/" + commit;
  }
  std::vector<std::string> refs;
  for (const std::string& name : names_in(model + "/refs"))
    refs.push_back(quoted(name));
  return Error{ErrorCode::kNotFound,
               fmt::format("the hub cache {} has {}, but not its revision '{}'{}; run: {}",
                           quoted(cache), quoted(id.name), revision,
                           refs.empty() ? "" : fmt::format(" (it has {})", fmt::join(refs, ", ")),
                           download_command(id))};
}

}  // namespace shardwright
