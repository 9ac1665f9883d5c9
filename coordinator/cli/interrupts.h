// Counts SIGINT, SIGTERM and SIGHUP while alive. One at a time in a process.
#ifndef GRADLOOM_COORDINATOR_CLI_INTERRUPTS_H_
#define GRADLOOM_COORDINATOR_CLI_INTERRUPTS_H_

#include <array>
#include <csignal>

namespace gradloom {

class Interrupts {
 public:
  Interrupts();
  ~Interrupts();  // as it was before
  Interrupts(const Interrupts&) = delete;
  Interrupts& operator=(const Interrupts&) = delete;

  int count() const;

 private:
  std::array<struct sigaction, 3> before_{};
};

}  // namespace gradloom

#endif  // GRADLOOM_COORDINATOR_CLI_INTERRUPTS_H_
