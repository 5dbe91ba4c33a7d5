// The command `shardwright`: a thin shell over the library. Nothing escapes from here, so that a
// crash can never be taken for an answer.
#include <exception>
#include <new>
#include <string>
#include <vector>

#include "tools/command.h"
#include "tools/signals.h"

int main(int count, char** words) {
  using namespace shardwright;  // NOLINT(google-build-using-namespace): main is the program
  try {
    catch_signals();
    Terminal terminal;
    const std::vector<std::string> arguments(words + (count > 0 ? 1 : 0), words + count);
    return run_command_line(arguments, terminal);
  } catch (const std::bad_alloc&) {
    (void)write_all(2, "shardwright: error: out of memory\n");
  } catch (const std::exception& error) {
    (void)write_all(2, std::string("shardwright: error: internal: ") + error.what() + "\n");
  } catch (...) {
    (void)write_all(2, "shardwright: error: internal\n");
  }
  return shardwright::kExitFailed;
}
