// Child processes that must not outlive us and are started again when they die. Children run in
// process groups of their own (a Ctrl-C of the terminal reaches us alone), die with us (also by
// kill -9), can be stopped by signals whatever we block or ignore, and write to log files. Times
// are of a clock that is never set (SteadyNow). Not thread-safe; the thread that starts children
// must live as long as they do, because the kernel ties their death to it.
#ifndef GRADLOOM_COORDINATOR_CLI_SUPERVISOR_H_
#define GRADLOOM_COORDINATOR_CLI_SUPERVISOR_H_

#include <sys/types.h>

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace gradloom {

struct ChildSpec {
  std::string name;               // for people: "coordinator", "worker-3"
  std::vector<std::string> argv;  // argv[0] is the program's path
  std::string log_file;           // stdout and stderr are appended to it
};

struct RestartPolicy {
  absl::Duration first_delay = absl::Milliseconds(100);  // doubled with every quick death
  absl::Duration longest_delay = absl::Seconds(5);
  absl::Duration quick = absl::Seconds(5);  // a child that lived longer starts counting anew
  int attempts = 6;                         // quick deaths in a row before giving up
};

struct ChildEvent {
  enum class Kind { kDied, kRestarted, kGivenUp };
  Kind kind;
  int child = 0;
  std::string name;
  std::string how;  // "exited with code 3", "was killed by signal 9 (Killed)"
};

class Supervisor {
 public:
  explicit Supervisor(RestartPolicy policy = {}) : policy_(policy) {}
  ~Supervisor();  // kills what still runs
  Supervisor(const Supervisor&) = delete;
  Supervisor& operator=(const Supervisor&) = delete;

  // Starts a child and returns its number. The log file's folder exists.
  absl::StatusOr<int> Start(absl::Time now, ChildSpec spec);
  // What to run when the child is started again.
  void SetArguments(int child, std::vector<std::string> argv);
  // Reaps the dead and restarts those whose time has come.
  std::vector<ChildEvent> Poll(absl::Time now);
  // No restarts from here on; asks everyone to end (SIGTERM), and kills those left after `grace`.
  void StopAll(absl::Duration grace);
  void KillAll();

  bool running(int child) const { return children_[child].pid > 0; }
  bool given_up(int child) const { return children_[child].given_up; }
  pid_t pid(int child) const { return children_[child].pid; }
  int restarts(int child) const { return children_[child].restarts; }

 private:
  struct Child {
    ChildSpec spec;
    pid_t pid = 0;  // 0: not running
    absl::Time started;
    absl::Time restart_at;
    int quick_deaths = 0;
    int restarts = 0;
    bool given_up = false;
  };

  absl::Status Spawn(absl::Time now, Child* child);
  // How it ended, "" while it runs. Not told twice.
  static std::string Reap(Child* child);

  RestartPolicy policy_;
  std::vector<Child> children_;
};

}  // namespace gradloom

#endif  // GRADLOOM_COORDINATOR_CLI_SUPERVISOR_H_
