// The two output streams of the command.
#pragma once

#include <string>
#include <string_view>

#include "shardwright/report.h"

namespace shardwright {

// One open descriptor, or the one of a terminal: whether it is one, how wide, whether it may have
// colours.
struct StreamFacts {
  bool terminal{};
  bool color{};  // a terminal, NO_COLOR not set, TERM not "dumb"
  int width{};   // columns; 0 where it is no terminal
};
StreamFacts stream_facts(int descriptor);

// Writes everything, also past interruptions and short writes. 0, or the errno of what failed.
int write_all(int descriptor, std::string_view text);
std::string errno_text(int number);

class Terminal {
 public:
  explicit Terminal(int out = 1, int err = 2);

  // Results. Kept until `flush`.
  void print(std::string_view text);
  // Writes what was printed. 0, or the errno of what failed first; after that nothing is written.
  int flush();

  // "shardwright: MESSAGE" on the error stream.
  void complain(std::string_view message);

  [[nodiscard]] TextStyle style(bool quiet) const;
  [[nodiscard]] const StreamFacts& error_stream() const { return err_facts_; }
  [[nodiscard]] int error_descriptor() const { return err_; }

 private:
  int out_;
  int err_;
  StreamFacts out_facts_;
  StreamFacts err_facts_;
  std::string pending_;
  int failed_{};  // errno
};

}  // namespace shardwright
