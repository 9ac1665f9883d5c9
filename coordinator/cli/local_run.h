// `gradloom run`: a coordinator and workers as child processes on this machine, one run from its
// submission (or resumption) to its files.
#ifndef GRADLOOM_COORDINATOR_CLI_LOCAL_RUN_H_
#define GRADLOOM_COORDINATOR_CLI_LOCAL_RUN_H_

#include <functional>
#include <memory>
#include <ostream>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "coordinator/cli/display.h"
#include "coordinator/cli/interrupts.h"
#include "coordinator/cli/output_folder.h"
#include "coordinator/cli/run_watcher.h"
#include "coordinator/cli/supervisor.h"
#include "coordinator/cli/training_client.h"
#include "gradloom/v1/run.pb.h"

namespace gradloom {

struct LocalRunOptions {
  v1::RunSpec spec;  // resolved
  int workers = 1;
  std::string run_file;     // for what is printed
  std::string data_folder;  // relative data files start here
  std::string coordinator_program;
  std::string worker_program;
  std::string log_level = "info";
  bool keep_state = true;
};

class LocalRun {
 public:
  // `output`, `out` and `interrupts` outlive the run.
  LocalRun(LocalRunOptions options, OutputFolder* output, const Interrupts* interrupts,
           std::ostream* out);

  // Returns the exit code; errors are on stderr.
  int Execute();

 private:
  absl::Status StartCoordinator();
  absl::Status StartWorkers();
  absl::Status SubmitOrResume();
  // Goes on with the folder's run, as the run file says now.
  absl::Status GoOn(const v1::RunStatus& last);
  // Until the run, which nobody works for yet, has ended with a checkpoint.
  absl::Status StopRun();
  // Until the run has ended. Unavailable: our programs keep dying.
  absl::StatusOr<v1::RunStatus> WatchToEnd();
  absl::Status HandleChildren();
  // Calls of the client, which are broken off when more interrupts than `patience` have come.
  absl::Status Interruptible(int patience, const std::function<absl::Status()>& call);
  void HandleInterrupt();
  absl::Status Collect(const v1::RunStatus& status);
  int Report(const v1::RunStatus& status);
  std::vector<std::string> CoordinatorArguments() const;

  LocalRunOptions options_;
  OutputFolder* output_;
  const Interrupts* interrupts_;
  std::ostream* out_;
  Display display_;
  Supervisor supervisor_;
  std::string address_;          // "" until the coordinator has told it
  std::string metrics_address_;  // likewise
  std::string port_file_;
  std::unique_ptr<TrainingClient> client_;
  uint64_t run_ = 0;
  int coordinator_ = -1;
  std::vector<int> workers_;
  bool stopping_ = false;
  absl::Time stop_by_ = absl::InfiniteFuture();
  std::jthread canceller_;
};

// {"listen": "127.0.0.1:41234", "metrics": "127.0.0.1:41235"}
absl::Status ParsePortFile(const std::string& json, std::string* listen, std::string* metrics);

}  // namespace gradloom

#endif  // GRADLOOM_COORDINATOR_CLI_LOCAL_RUN_H_
