// One life of a coordinator process that serves one run: the shipped loop with its books, the
// trials and files as the disk has them, a roster of connections. What the engine and the service
// wire with threads and streams is wired by time here.
#ifndef GRADLOOM_TESTS_SIMULATION_SIMULATED_COORDINATOR_H_
#define GRADLOOM_TESTS_SIMULATION_SIMULATED_COORDINATOR_H_

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "coordinator/engine/fleet_link.h"
#include "coordinator/engine/opened_run.h"
#include "coordinator/engine/reply.h"
#include "coordinator/engine/reply_book.h"
#include "coordinator/engine/run_loop.h"
#include "coordinator/engine/status_book.h"
#include "coordinator/metrics/coordinator_metrics.h"
#include "gradloom/v1/worker.pb.h"
#include "tests/simulation/draws.h"
#include "tests/simulation/event_trace.h"
#include "tests/simulation/network.h"
#include "tests/simulation/safety_book.h"
#include "tests/simulation/simulated_disk.h"
#include "tests/simulation/simulated_effects.h"
#include "tests/simulation/simulated_run.h"
#include "tests/simulation/virtual_time.h"

namespace gradloom {

// What a run's record keeps over lives.
struct RunRecord {
  uint64_t lives = 0;
  uint32_t slots = 0;  // 0: not settled
  std::string isa;
  std::optional<v1::RunState> state;  // once ended
  std::string error;
};

class SimulatedCoordinator final : public FleetLink {
 public:
  struct Ports {
    VirtualTime& time;
    SimulatedDisk& disk;
    SafetyBook& safety;
    EventTrace& trace;
    RunRecord& record;
    // Delivers to a worker.
    std::function<void(Connection, v1::ToWorker)> send;
  };
  // Begins the next life. All outlive it.
  SimulatedCoordinator(const Scenario& scenario, const SimulatedRun& model, Draws draws,
                       Ports ports);
  ~SimulatedCoordinator() override;

  uint64_t life() const { return life_; }
  v1::RunStatus status() const { return status_->Get(); }
  // The run's files are asked for.
  bool finishing() const { return ports_.safety.finishing(); }
  // Of all trials, as they stand.
  std::vector<float> Parameters() const;
  double replies_differing() const { return metrics_.replies_differing.Value(); }

  // ---- the service's
  Connection Admit(const Network::Hello& hello);
  void Gone(WorkerId worker);
  bool Knows(WorkerId worker) const { return roster_.contains(worker); }
  void Receive(WorkerId worker, const v1::FromWorker& message);
  std::optional<std::vector<float>> Read(uint32_t trial, const v1::SegmentVersion& segment) const;
  // A reply's frames come one after the other; `done` is called when it is over.
  void Push(WorkerId worker, const PushedReply& reply, std::function<void(bool)> done);
  void Cancel() { Post(Event(StopRequested{})); }
  void Send(WorkerId worker, v1::ToWorker message) override;

  // Ends in order: what has been trained is saved.
  absl::Status SaveCheckpoint() { return effects_->SaveCheckpoint(); }

 private:
  struct Open {
    Reply reply;
    PushedReply pushed;
    std::function<void(bool)> done;
  };
  void Start();
  absl::Status OpenFiles();
  // Unless this life has ended by then.
  void Later(absl::Duration delay, std::function<void()> what);
  void Post(RunEvent event);
  void Turn();
  void Handle(const RunEvent& event);
  void SetTimer();
  void Tell(const RunEvent& event);
  void PushFrame(const std::shared_ptr<Open>& open, size_t frame);

  const Scenario& scenario_;
  const SimulatedRun& model_;
  Draws draws_;
  Ports ports_;
  const uint64_t life_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
  struct Member {
    Network::Hello hello;
  };
  std::map<WorkerId, Member> roster_;
  WorkerId next_worker_ = 1;
  CoordinatorMetrics metrics_;
  OpenedRun opened_;
  std::unique_ptr<StatusBook> status_;
  std::unique_ptr<ReplyBook> replies_;
  std::unique_ptr<SimulatedEffects> effects_;
  std::unique_ptr<RunLoop> loop_;
  std::deque<RunEvent> mailbox_;
  std::map<TaskId, WorkerId> holders_;  // of all tasks that were asked
  absl::Time timer_ = absl::InfiniteFuture();
  absl::Time last_turn_ = absl::InfinitePast();
  int turns_at_once_ = 0;
};

}  // namespace gradloom

#endif  // GRADLOOM_TESTS_SIMULATION_SIMULATED_COORDINATOR_H_
