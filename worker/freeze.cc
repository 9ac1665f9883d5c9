#include "worker/freeze.h"

#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <ctime>

namespace gradloom {

void FreezeProcess(absl::Duration duration) {
  const pid_t self = getpid();
  timespec left = absl::ToTimespec(duration);
  const pid_t child = fork();
  if (child < 0) return;
  if (child == 0) {
    // Only calls that are safe in a forked child of a threaded process. SIGCONT comes again in case
    // the first one overtook the SIGSTOP.
    while (nanosleep(&left, &left) != 0) {
    }
    for (int i = 0; i < 3; ++i) {
      kill(self, SIGCONT);
      left = {.tv_sec = 0, .tv_nsec = 10'000'000};
      nanosleep(&left, nullptr);
    }
    _exit(0);
  }
  kill(self, SIGSTOP);
  while (waitpid(child, nullptr, 0) < 0 && errno == EINTR) {
  }
}

}  // namespace gradloom
