// dump() of value.h, in the form that Python's json writes, since configs are written by it.
#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "json/pull.h"
#include "json/value.h"

namespace shardwright::json {
namespace {

class Writer {
 public:
  explicit Writer(int indent) : indent_(indent) {}

  void operator()(std::monostate /*null*/) { out_ += "null"; }
  void operator()(bool value) { out_ += value ? "true" : "false"; }
  void operator()(std::int64_t value) { out_ += fmt::format("{}", value); }
  void operator()(double value) {
    if (!std::isfinite(value)) {
      out_ += std::isnan(value) ? "NaN" : value > 0 ? "Infinity" : "-Infinity";
      return;
    }
    // fmt writes the fewest digits that read back as the same double.
    const std::string digits = fmt::format("{}", value);
    out_ += digits;
    if (digits.find_first_not_of("-0123456789") == std::string::npos) out_ += ".0";
  }
  void operator()(const std::string& value) { append_string(out_, value, NonAscii::kPrintable); }
  void operator()(const Value::Array& values) {
    list('[', ']', values, [this](const Value& value) { std::visit(*this, value.data); });
  }
  void operator()(const Value::Object& members) {
    list('{', '}', members, [this](const Member& member) {
      append_string(out_, member.key, NonAscii::kPrintable);
      out_ += ": ";
      std::visit(*this, member.value.data);
    });
  }

  [[nodiscard]] std::string take() { return std::move(out_); }

 private:
  template <typename Items, typename Write>
  void list(char opener, char closer, const Items& items, const Write& write) {
    out_ += opener;
    ++depth_;
    bool first = true;
    for (const auto& item : items) {
      if (!first) out_ += indent_ < 0 ? ", " : ",";
      first = false;
      line();
      write(item);
    }
    --depth_;
    if (!first) line();
    out_ += closer;
  }

  void line() {
    if (indent_ < 0) return;
    out_ += '\n';
    out_.append(depth_ * static_cast<std::size_t>(indent_), ' ');
  }

  int indent_;
  std::size_t depth_{};
  std::string out_;
};

}  // namespace

std::string dump(const Value& value, int indent) {
  Writer writer(indent);
  std::visit(writer, value.data);
  return writer.take();
}

std::string dump_inside(const Value& value, int indent, std::size_t depth) {
  const std::string margin(static_cast<std::size_t>(std::max(indent, 0)) * depth, ' ');
  std::string text;
  for (const char c : dump(value, indent)) {
    text += c;
    if (c == '\n') text += margin;
  }
  return text;
}

}  // namespace shardwright::json
