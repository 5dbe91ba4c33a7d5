#include "tools/signals.h"

#include <csignal>

namespace shardwright {
namespace {

std::atomic<bool> g_stop{false};
std::atomic<int> g_signal{0};
static_assert(std::atomic<bool>::is_always_lock_free && std::atomic<int>::is_always_lock_free,
              "a signal handler may use nothing else");

extern "C" void on_signal(int number) {
  g_signal.store(number);
  g_stop.store(true);
}

}  // namespace

void catch_signals() {
  struct sigaction action{};
  action.sa_handler = on_signal;
  // The handler is gone after the first signal. Without SA_RESTART, reading standard input ends
  // too.
  action.sa_flags = static_cast<int>(SA_RESETHAND);
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
  struct sigaction before{};
  const bool is_ignored = sigaction(SIGHUP, nullptr, &before) == 0 && before.sa_handler == SIG_IGN;
  if (!is_ignored) sigaction(SIGHUP, &action, nullptr);
  struct sigaction ignore{};
  ignore.sa_handler = SIG_IGN;
  sigaction(SIGPIPE, &ignore, nullptr);
  sigaction(SIGXFSZ, &ignore, nullptr);
}

const std::atomic<bool>& stop_wanted() {
  return g_stop;
}

int caught_signal() {
  return g_signal.load();
}

}  // namespace shardwright
