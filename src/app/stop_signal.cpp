#include "stop_signal.hpp"

#include <csignal>

namespace attnewton {
namespace {

volatile std::sig_atomic_t signal_came = 0;

void note_signal(int /*number*/) {
  signal_came = 1;
}

}  // namespace

StopSignal::StopSignal() {
  signal_came = 0;
  std::signal(SIGUSR1, note_signal);
  std::signal(SIGTERM, note_signal);
}

StopSignal::~StopSignal() {
  std::signal(SIGUSR1, SIG_DFL);
  std::signal(SIGTERM, SIG_DFL);
}

bool StopSignal::came() {
  return signal_came != 0;
}

}  // namespace attnewton
