// A whole cluster on one thread, from one seed: a coordinator that crashes and comes back, its
// disk, workers, and the network between them, in which the scenario's faults happen. Safety is
// judged at every step (safety_book.h), liveness by the end: it must come within the scenario's
// bound.
#ifndef GRADLOOM_TESTS_SIMULATION_SIMULATED_CLUSTER_H_
#define GRADLOOM_TESTS_SIMULATION_SIMULATED_CLUSTER_H_

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "tests/simulation/draws.h"
#include "tests/simulation/event_trace.h"
#include "tests/simulation/network.h"
#include "tests/simulation/safety_book.h"
#include "tests/simulation/scenario.h"
#include "tests/simulation/simulated_coordinator.h"
#include "tests/simulation/simulated_disk.h"
#include "tests/simulation/simulated_run.h"
#include "tests/simulation/simulated_worker.h"
#include "tests/simulation/virtual_time.h"

namespace gradloom {

struct Outcome {
  std::optional<v1::RunState> state;  // none: the run has not ended in time
  std::string error;
  v1::RunStatus status;
  double seconds = 0;  // virtual, until the end
  uint64_t lives = 0;
  std::vector<std::string> unsafe;  // what must not happen, and has
  std::string not_live;             // why the run cannot go on; "": it has ended
  Trajectory trajectory;
  std::vector<float> parameters;      // of all trials
  std::string journal;                // of the schedule; "": there is none
  std::map<std::string, int> counts;  // of what has happened, by kind
  uint32_t checksum = 0;              // of the trace
  int64_t steps = 0;                  // of the trace
  std::string latest;                 // its last lines
};

class SimulatedCluster final : public Network {
 public:
  // `expected`: what an undisturbed run went through; null: nothing to compare with.
  SimulatedCluster(const Scenario& scenario, std::shared_ptr<const SimulatedRun> model,
                   uint64_t seed, const Trajectory* expected);

  SimulatedDisk& disk() { return disk_; }
  // Something that happens beside the faults.
  void At(double seconds, std::function<void()> what) {
    time_.After(absl::Seconds(seconds), std::move(what));
  }
  SimulatedCoordinator* coordinator() { return coordinator_.get(); }
  SimulatedWorker& worker(int number) { return *workers_[number]; }
  void Cut(int worker);
  void Crash();

  // Until the run has ended, and a while on. Once.
  Outcome Run();

  // ---- Network
  Connection Connect(const Hello& hello) override;
  void Disconnect(Connection connection) override;
  void Tell(Connection connection, v1::FromWorker message) override;
  std::optional<std::vector<float>> Fetch(Connection connection, uint32_t trial,
                                          const v1::SegmentVersion& segment) override;
  void Push(Connection connection, PushedReply reply, std::function<void(bool)> done) override;

 private:
  struct Link {
    int worker = 0;
    bool broken = false;
    absl::Time up, down;  // the latest message's arrival
  };
  bool troubled() const { return time_.seconds() < scenario_.faults.seconds; }
  bool Trouble(double rate) { return troubled() && draws_.Chance(rate); }
  Link* Find(Connection connection);
  void Break(Connection connection, double seen_at_coordinator, double seen_at_worker);
  void BreakAll();
  void SendDown(Connection connection, v1::ToWorker message);
  void Deliver(Connection connection, const PushedReply& reply, bool persistent,
               const std::function<void(bool)>& done);
  bool MayFail(const v1::Task& task);
  void PlanFaults();
  void Freeze(int worker);
  void Stop();
  void Begin();
  void JudgeTheEnd(Outcome* outcome);
  // Of the run's folder.
  std::string Read(const std::string& file);

  const Scenario scenario_;
  const std::shared_ptr<const SimulatedRun> model_;
  Draws draws_;
  VirtualTime time_;
  EventTrace trace_{time_};
  SimulatedDisk disk_;
  SafetyBook safety_;
  RunRecord record_;
  std::map<std::pair<uint64_t, WorkerId>, Link> links_;  // by life and id
  struct Sent {
    v1::Task task;
    Connection to;
  };
  std::map<TaskId, Sent> tasks_;
  std::map<std::tuple<uint32_t, uint64_t, uint32_t>, int> failures_;
  std::vector<std::unique_ptr<SimulatedWorker>> workers_;
  std::unique_ptr<SimulatedCoordinator> coordinator_;  // null while it is down
};

}  // namespace gradloom

#endif  // GRADLOOM_TESTS_SIMULATION_SIMULATED_CLUSTER_H_
