// Counts the signals that ask us to stop (see StopSignals) while alive; those that are ignored stay
// so. One at a time in a process.
#ifndef GRADLOOM_COORDINATOR_CLI_INTERRUPTS_H_
#define GRADLOOM_COORDINATOR_CLI_INTERRUPTS_H_

#include <csignal>
#include <utility>
#include <vector>

namespace gradloom {

class Interrupts {
 public:
  Interrupts();
  ~Interrupts();  // as it was before
  Interrupts(const Interrupts&) = delete;
  Interrupts& operator=(const Interrupts&) = delete;

  // SIGHUP counts once, since a terminal that closes may send several.
  int count() const;

 private:
  std::vector<std::pair<int, struct sigaction>> before_;
};

}  // namespace gradloom

#endif  // GRADLOOM_COORDINATOR_CLI_INTERRUPTS_H_
