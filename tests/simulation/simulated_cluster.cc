#include "tests/simulation/simulated_cluster.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "coordinator/store/atomic_file.h"

namespace gradloom {
namespace {

constexpr uint64_t kOwnDraws = 1000;  // those before are workers'
constexpr double kSilenceMax = 10;    // seconds that a worker may not be heard of
constexpr double kAfterTheEnd = 40;   // seconds that are played on
constexpr int kFailuresMax = 2;       // on purpose, of a part of a job: fewer than end a run

}  // namespace

SimulatedCluster::SimulatedCluster(const Scenario& scenario,
                                   std::shared_ptr<const SimulatedRun> model, uint64_t seed,
                                   const Trajectory* expected)
    : scenario_(scenario),
      model_(std::move(model)),
      draws_(seed, kOwnDraws),
      safety_(expected, scenario.same_bits) {
  for (size_t i = 0; i < scenario_.workers.size(); ++i) {
    workers_.push_back(std::make_unique<SimulatedWorker>(
        static_cast<int>(i), scenario_.workers[i], *model_, scenario_.faults,
        [this](const v1::Task& task) { return MayFail(task); }, Draws(seed, i), time_, *this));
  }
  if (scenario_.canary == Canary::kDiskForgets) disk_.Lie();
  Begin();
  PlanFaults();
}

void SimulatedCluster::Begin() {
  if (coordinator_ != nullptr || record_.state.has_value()) return;
  coordinator_ = std::make_unique<SimulatedCoordinator>(
      scenario_, *model_, Draws(static_cast<uint64_t>(draws_.Below(1 << 30)), record_.lives),
      SimulatedCoordinator::Ports{time_, disk_, safety_, trace_, record_,
                                  [this](Connection connection, v1::ToWorker message) {
                                    SendDown(connection, std::move(message));
                                  }});
}

// ---- faults -------------------------------------------------------------------------------------

void SimulatedCluster::PlanFaults() {
  const Faults& faults = scenario_.faults;
  const auto plan = [&](int at_most, const std::function<void()>& fault) {
    const int count = at_most > 0 ? draws_.Below(at_most + 1) : 0;
    for (int i = 0; i < count; ++i) time_.After(draws_.Between(0, faults.seconds), fault);
  };
  for (int i = 0; i < static_cast<int>(workers_.size()); ++i) {
    if (scenario_.workers[i].gone) continue;
    time_.After(draws_.Between(0, faults.late_start), [this, i] { workers_[i]->Start(); });
    plan(faults.kills, [this, i] {
      trace_.Note(workers_[i]->name(), " dies");
      trace_.Count("death");
      workers_[i]->Kill();
      time_.After(draws_.Between(0.1, 8), [this, i] { workers_[i]->Start(); });
    });
    plan(faults.cuts, [this, i] { Cut(i); });
    plan(faults.freezes, [this, i] { Freeze(i); });
    plan(faults.hangs, [this, i] {
      trace_.Note(workers_[i]->name(), " hangs");
      workers_[i]->Hang(draws_.Between(1, 30));
    });
  }
  plan(faults.crashes, [this] { Crash(); });
  plan(faults.restarts, [this] { Stop(); });
}

bool SimulatedCluster::MayFail(const v1::Task& task) {
  return failures_[{task.trial(), task.job(), task.part()}]++ < kFailuresMax;
}

void SimulatedCluster::Cut(int worker) {
  for (const auto& [id, link] : links_) {
    if (link.worker == worker && !link.broken) {
      trace_.Note(workers_[worker]->name(), " is cut off");
      trace_.Count("cut");
      return Break({id.first, id.second}, draws_.Seconds(0, 3), draws_.Seconds(0, 3));
    }
  }
}

void SimulatedCluster::Freeze(int worker) {
  if (!workers_[worker]->running()) return;
  trace_.Note(workers_[worker]->name(), " stands still");
  workers_[worker]->Freeze(draws_.Between(1, 25));
  for (const auto& [id, link] : links_) {
    if (link.worker != worker || link.broken) continue;
    const Connection connection{id.first, id.second};
    time_.After(absl::Seconds(kSilenceMax), [this, worker, connection] {
      if (!workers_[worker]->frozen() || Find(connection)->broken) return;
      trace_.Count("silence");
      Break(connection, 0, 0);
    });
  }
}

void SimulatedCluster::Crash() {
  if (coordinator_ == nullptr || record_.state.has_value()) return;
  trace_.Note("the coordinator crashes");
  trace_.Count("crash");
  if (draws_.Chance(0.5)) {
    // In the midst of writing.
    disk_.DieAfter(draws_.Below(16));
    coordinator_->SaveCheckpoint().IgnoreError();
  }
  coordinator_.reset();
  disk_.Crash();
  BreakAll();
}

void SimulatedCluster::Stop() {
  if (coordinator_ == nullptr || record_.state.has_value()) return;
  trace_.Note("the coordinator stops");
  trace_.Count("stop");
  if (absl::Status status = coordinator_->SaveCheckpoint(); !status.ok()) {
    safety_.Complain(absl::StrCat("last checkpoint: ", status.ToString()));
  }
  coordinator_.reset();
  BreakAll();
}

void SimulatedCluster::BreakAll() {
  for (auto& [id, link] : links_) {
    if (!link.broken) Break({id.first, id.second}, 0, draws_.Seconds(0, 1));
  }
  time_.After(draws_.Between(0.5, 6), [this] { Begin(); });
}

// ---- connections --------------------------------------------------------------------------------

SimulatedCluster::Link* SimulatedCluster::Find(Connection connection) {
  const auto found = links_.find({connection.life, connection.id});
  return found == links_.end() ? nullptr : &found->second;
}

Connection SimulatedCluster::Connect(const Hello& hello) {
  if (coordinator_ == nullptr) return {};
  const Connection connection = coordinator_->Admit(hello);
  if (connection.id == 0) return {};
  trace_.Note(hello.name, " connects as ", connection.id);
  for (auto& [id, link] : links_) {
    if (link.worker == hello.worker) link.broken = true;
  }
  links_[{connection.life, connection.id}] = {hello.worker, false, time_.Now(), time_.Now()};
  v1::ToWorker offer;
  offer.mutable_run_offer()->set_run(kRunId);
  SendDown(connection, offer);
  return connection;
}

void SimulatedCluster::Break(Connection connection, double seen_at_coordinator,
                             double seen_at_worker) {
  Link* link = Find(connection);
  if (link == nullptr || std::exchange(link->broken, true)) return;
  time_.After(absl::Seconds(seen_at_coordinator), [this, connection] {
    if (coordinator_ != nullptr && coordinator_->life() == connection.life) {
      coordinator_->Gone(connection.id);
    }
  });
  time_.After(absl::Seconds(seen_at_worker),
              [this, connection, worker = link->worker] { workers_[worker]->Lost(connection); });
}

void SimulatedCluster::Disconnect(Connection connection) {
  // Now and then nothing tells that a machine is gone, but that it is not heard of.
  const double seen = draws_.Chance(0.2) ? kSilenceMax : draws_.Seconds(0, 0.5);
  Break(connection, seen, 0);
}

void SimulatedCluster::SendDown(Connection connection, v1::ToWorker message) {
  for (const v1::Task& task : message.assign().tasks()) tasks_[task.id()] = {task, connection};
  Link* link = Find(connection);
  if (link == nullptr || link->broken) return;
  link->down = std::max(link->down, time_.Now() + draws_.Between(0.0005, 0.005));
  time_.At(link->down, [this, connection, message = std::move(message)] {
    const Link* still = Find(connection);
    if (!still->broken) workers_[still->worker]->Receive(connection, message);
  });
}

void SimulatedCluster::Tell(Connection connection, v1::FromWorker message) {
  Link* link = Find(connection);
  if (link == nullptr || link->broken) return;
  link->up = std::max(link->up, time_.Now() + draws_.Between(0.0005, 0.005));
  time_.At(link->up, [this, connection, message = std::move(message)] {
    if (coordinator_ == nullptr || coordinator_->life() != connection.life) return;
    if (!Find(connection)->broken) coordinator_->Receive(connection.id, message);
  });
}

std::optional<std::vector<float>> SimulatedCluster::Fetch(Connection connection, uint32_t trial,
                                                          const v1::SegmentVersion& segment) {
  if (coordinator_ == nullptr || coordinator_->life() != connection.life) return std::nullopt;
  return coordinator_->Read(trial, segment);
}

// ---- replies ------------------------------------------------------------------------------------

void SimulatedCluster::Push(Connection connection, PushedReply reply,
                            std::function<void(bool)> done) {
  const Faults& faults = scenario_.faults;
  const v1::Task& task = tasks_.at(reply.task).task;
  if (Trouble(faults.lost) && MayFail(task)) {
    time_.After(draws_.Between(0.001, 0.5), [done] { done(false); });
    return;
  }
  if (Trouble(faults.wrong)) {
    PushedReply wrong = reply;
    const auto other = tasks_.lower_bound(reply.task + 1 + draws_.Below(3));
    if (draws_.Chance(0.5) && MayFail(task)) {
      reply.examples += 1;
    } else if (other != tasks_.end() && other->second.to != connection) {
      wrong.task = other->first;
      time_.After(draws_.Between(0.001, 0.02),
                  [this, connection, wrong] { Deliver(connection, wrong, false, [](bool) {}); });
    }
  }
  if (Trouble(faults.twice)) {
    time_.After(draws_.Around(0.001, 1),
                [this, connection, reply] { Deliver(connection, reply, true, [](bool) {}); });
  }
  const bool stale = Trouble(faults.stale);
  const absl::Duration takes = stale ? draws_.Between(2, 30) : draws_.Around(0.001, 0.01);
  time_.After(takes, [this, connection, reply = std::move(reply), done = std::move(done), stale] {
    Deliver(connection, reply, stale, done);
  });
}

// `persistent`: it gets through though its connection is over, and to a later life.
void SimulatedCluster::Deliver(Connection connection, const PushedReply& reply, bool persistent,
                               const std::function<void(bool)>& done) {
  const bool over = Find(connection)->broken;
  if (coordinator_ == nullptr || (over && !persistent && draws_.Chance(0.5))) return done(false);
  if (coordinator_->life() != connection.life && !persistent) return done(false);
  if (coordinator_->life() != connection.life) trace_.Count("reply to an earlier life");
  if (coordinator_->life() == connection.life && over)
    trace_.Count("reply of an earlier connection");
  coordinator_->Push(connection.id, reply, done);
}

// ---- the run ------------------------------------------------------------------------------------

Outcome SimulatedCluster::Run() {
  const double deadline = scenario_.faults.seconds + scenario_.bound;
  Outcome outcome;
  while (!record_.state.has_value() && safety_.complaints().empty() && !time_.idle() &&
         time_.seconds() < deadline) {
    time_.Step();
  }
  outcome.seconds = time_.seconds();
  const double until = outcome.seconds + kAfterTheEnd;
  while (safety_.complaints().empty() && !time_.idle() && time_.seconds() < until) time_.Step();
  outcome.state = record_.state;
  outcome.error = record_.error;
  if (coordinator_ != nullptr) outcome.status = coordinator_->status();
  outcome.lives = record_.lives;
  if (!outcome.state.has_value()) {
    outcome.not_live =
        absl::StrCat("the run has not ended after ", outcome.seconds,
                     " s: ", v1::RunState_Name(outcome.status.state()), ", waiting for ",
                     outcome.status.waiting_for(), "; faults ended at ", scenario_.faults.seconds);
  } else if (*outcome.state == v1::SUCCEEDED && safety_.complaints().empty()) {
    JudgeTheEnd(&outcome);
  }
  if (disk_.KindOf("/run/schedule.json").value_or(FileKind::kNone) == FileKind::kFile) {
    outcome.journal = Read("schedule.json");
  }
  outcome.unsafe = safety_.complaints();
  outcome.trajectory = safety_.trajectory();
  outcome.counts = trace_.counts();
  outcome.checksum = trace_.checksum();
  outcome.steps = trace_.count();
  outcome.latest = trace_.Latest();
  return outcome;
}

std::string SimulatedCluster::Read(const std::string& file) {
  const std::string path = absl::StrCat("/run/", file);
  absl::StatusOr<std::string> text = ReadFile(path, 1 << 24, disk_);
  if (!text.ok()) safety_.Complain(absl::StrCat("the run's files: ", text.status().ToString()));
  return text.value_or("");
}

// What a run that has succeeded leaves: every job of every trial, once and in order.
void SimulatedCluster::JudgeTheEnd(Outcome* outcome) {
  std::vector<std::string> lines =
      absl::StrSplit(Read("output/metrics.csv"), '\n', absl::SkipEmpty());
  if (lines.empty()) return safety_.Complain("the history is empty");
  const std::vector<std::string> columns = absl::StrSplit(lines[0], ',');
  const auto column = [&](const std::string& name) {
    return std::find(columns.begin(), columns.end(), name) - columns.begin();
  };
  std::map<std::string, std::vector<std::string>> jobs;
  for (size_t i = 1; i < lines.size(); ++i) {
    const std::vector<std::string> cells = absl::StrSplit(lines[i], ',');
    jobs[cells[column("trial")]].push_back(cells[column("job")]);
  }
  for (const v1::TrialStatus& trial : outcome->status.trials()) {
    std::vector<std::string> all;
    for (uint64_t job = 0; job < trial.jobs(); ++job) all.push_back(absl::StrCat(job));
    if (jobs[trial.name()] != all) {
      safety_.Complain(absl::StrCat("the history of ", trial.name(), " has jobs ",
                                    absl::StrJoin(jobs[trial.name()], " ")));
    }
    if (trial.jobs_done() != trial.jobs() || !trial.finished()) {
      safety_.Complain(absl::StrCat(trial.name(), " has done ", trial.jobs_done(), " jobs of ",
                                    trial.jobs(), " in a run that has succeeded"));
    }
    Read(absl::StrCat("output/", trial.file()));
  }
  Read("output/summary.json");
  outcome->parameters = coordinator_->Parameters();
  if (coordinator_->replies_differing() > 0) {
    safety_.Complain("replicas of a part have sent other bits");
  }
}

}  // namespace gradloom
