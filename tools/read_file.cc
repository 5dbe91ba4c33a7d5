#include "tools/read_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <string_view>

#include "report/words.h"
#include "tools/signals.h"
#include "tools/terminal.h"

namespace shardwright {

Result<std::string> read_file(const std::string& path) {
  const bool standard = path == "-";
  const int descriptor = standard ? 0 : ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  int error = descriptor < 0 ? errno : 0;
  std::string text;
  std::array<char, 1U << 16U> piece{};
  while (error == 0) {
    const ssize_t count = ::read(descriptor, piece.data(), piece.size());
    if (count == 0) break;
    if (count > 0) {
      text.append(piece.data(), static_cast<std::size_t>(count));
    } else if (errno != EINTR || caught_signal() != 0) {
      error = errno;
    }
  }
  if (!standard && descriptor >= 0) ::close(descriptor);
  if (error == EINTR) return Error{ErrorCode::kInterrupted, "interrupted"};
  if (error != 0) {
    return Error{ErrorCode::kIo, "cannot read " + shown(standard ? "standard input" : path) + ": " +
                                     errno_text(error)};
  }
  return text;
}

Status read_names(const std::string& path, std::vector<std::string>& into) {
  const Result<std::string> text = read_file(path);
  if (!text) return text.error();
  // `find -print0` ends names so, which may then hold a new line.
  const bool has_nul = text->find('\0') != std::string::npos;
  for (std::string_view rest = *text; !rest.empty();) {
    const std::size_t end = rest.find(has_nul ? '\0' : '\n');
    std::string_view line = rest.substr(0, end);
    if (!has_nul && line.ends_with('\r')) line.remove_suffix(1);
    if (!line.empty()) into.emplace_back(line);
    rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
  }
  return ok();
}

}  // namespace shardwright
