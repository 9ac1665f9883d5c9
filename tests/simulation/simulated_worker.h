// A worker process under a virtual clock: the shipped core and executor of a worker, between a
// network that is simulated and time that is drawn. It dials, opens the run, works off what it is
// assigned, reports what fails, and can die, stand still or hang.
#ifndef GRADLOOM_TESTS_SIMULATION_SIMULATED_WORKER_H_
#define GRADLOOM_TESTS_SIMULATION_SIMULATED_WORKER_H_

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "gradloom/v1/worker.pb.h"
#include "tests/simulation/draws.h"
#include "tests/simulation/network.h"
#include "tests/simulation/scenario.h"
#include "tests/simulation/simulated_run.h"
#include "tests/simulation/virtual_time.h"
#include "worker/chunk_executor.h"
#include "worker/worker_core.h"

namespace gradloom {

class SimulatedWorker {
 public:
  // `may_fail(task)`: whether a task may fail on purpose now. All outlive the worker.
  SimulatedWorker(int number, WorkerTraits traits, const SimulatedRun& model, const Faults& faults,
                  std::function<bool(const v1::Task&)> may_fail, Draws draws, VirtualTime& time,
                  Network& network)
      : number_(number),
        traits_(std::move(traits)),
        model_(model),
        faults_(faults),
        may_fail_(std::move(may_fail)),
        draws_(draws),
        time_(time),
        network_(network) {}

  const std::string& name() const { return traits_.name; }
  bool running() const { return core_.has_value(); }
  bool frozen() const { return time_.Now() < frozen_until_; }

  // A process begins. Not while one runs.
  void Start();
  void Kill();
  void Freeze(absl::Duration duration) { frozen_until_ = time_.Now() + duration; }
  void Hang(absl::Duration duration) { hangs_until_ = time_.Now() + duration; }

  // ---- the network's
  void Receive(Connection connection, const v1::ToWorker& message);
  void Lost(Connection connection);

 private:
  struct InHand {
    WaitingTask waiting;
    std::vector<std::vector<float>> segments;
    bool ready = false;  // has its segments
    bool computing = false;
    absl::Time computing_since;
  };

  // Unless the connection has ended by then; when the process stands still, after that.
  void Later(absl::Duration delay, std::function<void()> what);
  void Run(uint64_t epoch, std::function<void()> what);
  void Dial();
  void Forget();  // the connection, and all tasks
  void Answer();  // whether it can serve the run
  void StartTasks();
  void Prepare(TaskKey key);
  void ComputeWhatMay();
  void Compute(TaskKey key);
  void Send(TaskKey key, PushedReply reply);
  void PutDown(TaskKey key);
  void Drop(const v1::Drop& drop);
  // In spare time.
  void Evaluate(const v1::Evaluate& task);
  void TellFailed(TaskKey key, const std::string& error, bool fatal);
  void TellDropped(const WaitingTask& task);
  bool troubled() const { return time_.seconds() < faults_.seconds; }
  absl::Duration ComputeTime();

  const int number_;
  const WorkerTraits traits_;
  const SimulatedRun& model_;
  const Faults& faults_;
  const std::function<bool(const v1::Task&)> may_fail_;
  Draws draws_;
  VirtualTime& time_;
  Network& network_;

  ChunkExecutor executor_{size_t{1} << 20};
  uint64_t instance_ = 0;  // of the process
  uint64_t epoch_ = 0;     // of what is to come
  Connection connection_;
  std::optional<WorkerCore> core_;  // while a process runs
  std::map<TaskKey, InHand> tasks_;
  absl::Time frozen_until_ = absl::InfinitePast();
  absl::Time hangs_until_ = absl::InfinitePast();
};

}  // namespace gradloom

#endif  // GRADLOOM_TESTS_SIMULATION_SIMULATED_WORKER_H_
