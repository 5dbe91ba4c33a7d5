#include "tools/terminal.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <string>
#include <system_error>
#include <utility>

namespace shardwright {
namespace {

std::string_view variable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? std::string_view() : std::string_view(value);
}

}  // namespace

StreamFacts stream_facts(int descriptor) {
  StreamFacts facts;
  facts.terminal = isatty(descriptor) == 1;
  if (!facts.terminal) return facts;
  // https://no-color.org: set and not empty.
  facts.color = variable("NO_COLOR").empty() && variable("TERM") != "dumb";
  winsize size{};
  facts.width = ioctl(descriptor, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
  return facts;
}

std::string errno_text(int number) {
  return std::generic_category().message(number);
}

int write_all(int descriptor, std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = ::write(descriptor, text.data(), text.size());
    if (written < 0) {
      if (errno == EINTR) continue;
      return errno;
    }
    text.remove_prefix(static_cast<std::size_t>(written));
  }
  return 0;
}

Terminal::Terminal(int out, int err)
    : out_(out), err_(err), out_facts_(stream_facts(out)), err_facts_(stream_facts(err)) {}

void Terminal::print(std::string_view text) {
  pending_ += text;
}

int Terminal::flush() {
  const std::string text = std::exchange(pending_, {});
  if (failed_ == 0) failed_ = write_all(out_, text);
  return failed_;
}

void Terminal::complain(std::string_view message) {
  // Where the error stream itself cannot be written there is nobody left to tell.
  (void)write_all(err_, "shardwright: " + std::string(message) + "\n");
}

TextStyle Terminal::style(bool quiet) const {
  return {.color = out_facts_.color, .width = out_facts_.width, .quiet = quiet};
}

}  // namespace shardwright
