// The only file that knows yaml-cpp: its events become our tree.
#include "merge/yaml.h"

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/mark.h>
#include <yaml-cpp/parser.h>

#include <algorithm>
#include <cstddef>
#include <exception>
#include <istream>
#include <set>
#include <streambuf>
#include <unordered_map>
#include <utility>

#include <fmt/format.h>

#include "base/utf8.h"
#include "merge/yaml_scalar.h"

namespace shardwright {
namespace {

using Kind = YamlNode::Kind;

constexpr std::string_view kStandardTag = "tag:yaml.org,2002:";

// Thrown out of the events, since yaml-cpp cannot be stopped otherwise; never leaves parse_yaml().
struct Stop : std::exception {
  Stop(Mark where, std::string what) : at(where), message(std::move(what)) {}
  Mark at;
  std::string message;
};

// Turns places of yaml-cpp, which counts bytes from 0, into ours. By search, not by counting: a
// text may be one long line of many values.
class Lines {
 public:
  explicit Lines(std::string_view text) : size_(text.size()) {
    starts_.push_back(0);
    for (std::size_t i = 0; i < text.size(); ++i) {
      if (text[i] == '\n') starts_.push_back(i + 1);
      if ((static_cast<unsigned char>(text[i]) & 0xC0U) == 0x80U) continued_.push_back(i);
    }
  }

  [[nodiscard]] Mark mark(const YAML::Mark& at) const {
    if (at.line < 0 || at.column < 0) return {1, 1};
    const auto line = std::min(static_cast<std::size_t>(at.line), starts_.size() - 1);
    const std::size_t end = line + 1 < starts_.size() ? starts_[line + 1] - 1 : size_;
    return mark(std::min(end, starts_[line] + static_cast<std::size_t>(at.column)));
  }

  [[nodiscard]] Mark mark(std::size_t offset) const {
    const auto line = std::ranges::upper_bound(starts_, offset) - 1;
    const auto continued =
        std::ranges::lower_bound(continued_, offset) - std::ranges::lower_bound(continued_, *line);
    const auto bytes = static_cast<std::ptrdiff_t>(offset - *line);
    return {static_cast<int>(line - starts_.begin()) + 1, static_cast<int>(bytes - continued) + 1};
  }

 private:
  std::size_t size_;
  std::vector<std::size_t> starts_{};     // of lines
  std::vector<std::size_t> continued_{};  // bytes that go on with a character
};

class Builder final : public YAML::EventHandler {
 public:
  Builder(YamlFile& file, const Lines& lines) : file_(file), lines_(lines) {}

  void OnDocumentStart(const YAML::Mark& /*mark*/) override {
    anchors_.clear();
    names_.clear();
    root_ = nullptr;
  }
  void OnDocumentEnd() override {
    file_.documents.push_back(root_);
    if (file_.documents.size() > kMaxYamlDocuments) {
      throw Stop(root_ != nullptr ? root_->at : Mark{1, 1},
                 fmt::format("more than {} documents", kMaxYamlDocuments));
    }
  }

  void OnAnchor(const YAML::Mark& mark, const std::string& name) override {
    if (!names_.insert(name).second) {
      throw Stop(lines_.mark(mark), fmt::format("the anchor {} is set twice", quoted(name)));
    }
  }
  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    place(make(Kind::kNull, mark, anchor));
  }
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    const auto found = anchors_.find(anchor);
    if (found == anchors_.end() || found->second.size == 0) {
      throw Stop(lines_.mark(mark), "an alias stands inside of what it names");
    }
    count(found->second.size, mark);
    place(*found->second.node);
  }
  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& value) override {
    YamlNode& node = make(Kind::kText, mark, anchor);
    node.text = value;
    if (tag == "?") {
      resolve_plain(node);
    } else if (tag != "!" && !tag.empty()) {
      resolve_tagged(node, tag);
    }
    place(node);
  }
  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value /*style*/) override {
    check_tag(mark, tag, "seq");
    open(make(Kind::kList, mark, anchor), anchor);
  }
  void OnSequenceEnd() override { close(); }
  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value /*style*/) override {
    check_tag(mark, tag, "map");
    open(make(Kind::kMap, mark, anchor), anchor);
  }
  void OnMapEnd() override {
    resolve_merges(open_.back());
    close();
  }

 private:
  struct Anchored {
    const YamlNode* node{};
    std::size_t size{};  // nodes, with aliases written out; 0: not closed yet
  };
  struct Open {
    YamlNode* node{};
    YAML::anchor_t anchor{};
    std::size_t before{};                   // nodes before it
    const YamlNode* key{};                  // of a map: waits for its value
    std::vector<const YamlNode*> merged{};  // values of `<<`
  };

  void count(std::size_t size, const YAML::Mark& mark) {
    count_ += size;
    if (count_ > kMaxYamlNodes) {
      throw Stop(lines_.mark(mark),
                 fmt::format("more than {} values, with aliases written out", kMaxYamlNodes));
    }
  }

  YamlNode& make(Kind kind, const YAML::Mark& mark, YAML::anchor_t anchor) {
    count(1, mark);
    YamlNode& node = file_.nodes.emplace_back();
    node.kind = kind;
    node.at = lines_.mark(mark);
    const bool closed = kind != Kind::kList && kind != Kind::kMap;
    if (anchor != YAML::NullAnchor) anchors_[anchor] = {&node, closed ? 1U : 0U};
    return node;
  }

  // Into the list or map that is open.
  void place(const YamlNode& node) {
    if (open_.empty()) {
      root_ = &node;
      return;
    }
    Open& parent = open_.back();
    if (parent.node->kind == Kind::kList) {
      parent.node->items.push_back(&node);
    } else if (parent.key == nullptr) {
      parent.key = &node;
    } else {
      const YamlNode* key = std::exchange(parent.key, nullptr);
      if (key->kind == Kind::kOther && key->text == "<<") {
        parent.merged.push_back(&node);
      } else {
        parent.node->pairs.push_back({key, &node});
      }
    }
  }

  void open(YamlNode& node, YAML::anchor_t anchor) {
    if (open_.size() == kMaxYamlDepth) {
      throw Stop(node.at, fmt::format("nested more than {} levels deep", kMaxYamlDepth));
    }
    place(node);
    open_.push_back({&node, anchor, count_ - 1, nullptr, {}});
  }
  void close() {
    const Open& done = open_.back();
    if (done.anchor != YAML::NullAnchor) anchors_[done.anchor].size = count_ - done.before;
    open_.pop_back();
  }

  void check_tag(const YAML::Mark& mark, std::string_view tag, std::string_view expected) const {
    if (tag.empty() || tag == "?" || tag == "!") return;
    if (tag.starts_with(kStandardTag) && tag.substr(kStandardTag.size()) == expected) return;
    throw Stop(lines_.mark(mark), fmt::format("the tag {} has no meaning here", quoted(tag)));
  }

  static void resolve_tagged(YamlNode& node, std::string_view tag);
  static void resolve_merges(const Open& map);

  YamlFile& file_;
  const Lines& lines_;
  std::unordered_map<YAML::anchor_t, Anchored> anchors_{};
  std::set<std::string> names_{};
  std::vector<Open> open_{};
  std::size_t count_{};
  const YamlNode* root_{};
};

void Builder::resolve_tagged(YamlNode& node, std::string_view tag) {
  const std::string_view type =
      tag.starts_with(kStandardTag) ? tag.substr(kStandardTag.size()) : std::string_view();
  if (type == "str") return;
  YamlNode plain = node;
  resolve_plain(plain);
  if (type == "float") {
    if (const auto number = number_of_text(node.text); number && plain.kind == Kind::kText) {
      plain.number = *number;
      plain.kind = Kind::kNumber;
    }
    if (plain.kind == Kind::kWhole) plain.kind = Kind::kNumber;
  }
  const bool fits = (type == "float" && plain.kind == Kind::kNumber) ||
                    (type == "int" && plain.kind == Kind::kWhole) ||
                    (type == "bool" && plain.kind == Kind::kFlag) ||
                    (type == "null" && plain.kind == Kind::kNull);
  if (!fits) {
    throw Stop(node.at, fmt::format("the tag {} has no meaning here", quoted(tag)));
  }
  node = plain;
}

// A key of the map itself counts before any that is merged, and among those the first map that has
// it; of several `<<` the last.
void Builder::resolve_merges(const Open& map) {
  if (map.merged.empty()) return;
  std::set<std::string_view> known;
  for (const YamlPair& pair : map.node->pairs)
    known.insert(pair.key->text);
  const auto take = [&](const YamlNode& from) {
    if (from.kind != Kind::kMap || &from == map.node) {
      throw Stop(from.at, "'<<' takes a map or a list of maps");
    }
    for (auto pair = from.pairs.rbegin(); pair != from.pairs.rend(); ++pair) {
      if (known.insert(pair->key->text).second) map.node->pairs.push_back(*pair);
    }
  };
  for (auto value = map.merged.rbegin(); value != map.merged.rend(); ++value) {
    if ((*value)->kind != Kind::kList) {
      take(**value);
      continue;
    }
    for (const YamlNode* item : (*value)->items)
      take(*item);
  }
}

// Characters that PyYAML refuses, or that it takes for the end of a line and yaml-cpp does not.
std::size_t find_refused(std::string_view text) {
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    const std::string_view rest = text.substr(i);
    if (byte == '\r' && !rest.starts_with("\r\n")) return i;
    if (byte < 0x20 && byte != '\t' && byte != '\n' && byte != '\r') return i;
    if (byte == 0x7F) return i;
    if (byte == 0xC2 && static_cast<unsigned char>(rest[1]) < 0xA0) return i;  // C1
    if (rest.starts_with("\xE2\x80\xA8") || rest.starts_with("\xE2\x80\xA9")) return i;
    if (rest.starts_with("\xEF\xBF\xBE") || rest.starts_with("\xEF\xBF\xBF")) return i;
  }
  return std::string_view::npos;
}

// Reads from memory that it does not own.
struct Memory : std::streambuf {
  explicit Memory(std::string_view text) {
    char* begin = const_cast<char*>(text.data());  // NOLINT(cppcoreguidelines-pro-type-const-cast)
    setg(begin, begin, begin + text.size());
  }
};

}  // namespace

Result<YamlFile> parse_yaml(std::string_view text, Mark& fault) {
  const auto error_at = [&fault](Mark at, std::string message) {
    fault = at;
    return Error{ErrorCode::kMalformed, std::move(message)};
  };
  if (text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);
  if (text.size() > kMaxYamlBytes) {
    return error_at({1, 1}, fmt::format("{} bytes are more than a recipe can have ({})",
                                        text.size(), kMaxYamlBytes));
  }
  const Lines lines(text);
  if (const auto at = find_invalid_utf8(text); at != std::string_view::npos) {
    return error_at(lines.mark(at), "this is no UTF-8 text");
  }
  if (const auto at = find_refused(text); at != std::string_view::npos) {
    return error_at(lines.mark(at), fmt::format("the character {} may not stand in YAML",
                                                quoted(text.substr(at, text[at] < 0 ? 3 : 1))));
  }

  YamlFile file;
  try {
    Memory memory(text);
    std::istream stream(&memory);
    YAML::Parser parser(stream);
    Builder builder(file, lines);
    while (parser.HandleNextDocument(builder)) {
    }
  } catch (const Stop& stop) {
    return error_at(stop.at, stop.message);
  } catch (const YAML::Exception& error) {
    return error_at(lines.mark(error.mark), error.msg);
  }
  for (const YamlNode*& root : file.documents) {
    if (root == nullptr) root = &file.nodes.emplace_back(YamlNode{.at = {1, 1}});
  }
  return file;
}

}  // namespace shardwright
