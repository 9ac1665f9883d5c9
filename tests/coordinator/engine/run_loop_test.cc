// A run's loop under a virtual clock: no thread, no socket, no disk beyond a temporary folder.
#include "coordinator/engine/run_loop.h"

#include <cmath>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "coordinator/engine/run_plan.h"
#include "coordinator/run_file/run_file.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/coordinator/store/temporary_folder.h"

namespace gradloom {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class FakeClock final : public Clock {
 public:
  absl::Time Now() const override { return now; }
  absl::Time now = absl::UnixEpoch() + absl::Hours(1);
};

// Keeps what was asked for until the test answers.
class FakeEffects final : public Effects {
 public:
  void Apply(const ApplyJob& apply, std::shared_ptr<const JobSum> sum, double) override {
    EXPECT_NE(sum, nullptr);
    applying.push_back(apply);
  }
  void Miss(const MissJob& miss) override { missing.push_back(miss); }
  void Evaluate(const EvaluateChunk& chunk) override { evaluating.push_back(chunk); }
  void TakeEvaluation(int trial, int64_t view, const Evaluation& evaluation) override {
    taking.push_back({trial, view, evaluation});
  }
  void Checkpoint() override { ++checkpoints; }
  void Finish(const v1::RunSpec& spec, int state, const std::string& error,
              std::vector<InvocationObserved>) override {
    finished.push_back({spec, static_cast<v1::RunState>(state), error});
  }
  struct Finished {
    v1::RunSpec spec;
    v1::RunState state;
    std::string error;
  };
  std::deque<ApplyJob> applying;
  struct Taking {
    int trial;
    int64_t view;
    Evaluation evaluation;
  };
  std::deque<MissJob> missing;
  std::deque<EvaluateChunk> evaluating;
  std::deque<Taking> taking;
  int checkpoints = 0;
  std::vector<Finished> finished;
};

class FakeLink final : public FleetLink {
 public:
  void Send(WorkerId worker, v1::ToWorker message) override {
    if (message.has_evaluate()) evaluations[worker].push_back(message.evaluate());
    if (message.has_drop()) {
      for (const uint64_t task : message.drop().tasks()) {
        std::erase_if(tasks[worker], [task](const v1::Task& t) { return t.id() == task; });
      }
    }
    for (const v1::Task& task : message.assign().tasks()) tasks[worker].push_back(task);
  }
  std::map<WorkerId, std::vector<v1::Task>> tasks;  // outstanding
  std::map<WorkerId, std::deque<v1::Evaluate>> evaluations;
};

class RunLoopTest : public testing::Test {
 protected:
  void Make(const std::string& fleet, const std::string& rest = "", uint64_t life = 0) {
    const auto spec =
        ParseRunFile(absl::StrCat("name: test\n"
                                  "data: {train: {regression: {count: 64, features: 3}}, "
                                  "test: {regression: {count: 512, features: 3}}}\n"
                                  "workload: {linear_regression: {}}\n"
                                  "training: {epochs: 3, batch_size: 16}\n",
                                  fleet, "\n", rest, "\n"),
                     "test.yaml");
    ASSERT_TRUE(spec.ok()) << spec.status();
    auto run = ResolveRunSpec(*spec);
    ASSERT_TRUE(run.ok()) << run.status();
    auto data = OpenData(run->spec.data(), "");
    ASSERT_TRUE(data.ok()) << data.status();
    auto trials = MakeTrials(run->spec, run->trials, *data);
    ASSERT_TRUE(trials.ok()) << trials.status();
    trials_ = std::make_unique<TrialSet>(*std::move(trials));
    if (before_ != nullptr) before_(*trials_->trials()[0]);
    replies_ = std::make_unique<ReplyBook>(trials_->lanes(), 4096);
    v1::RunStatus status;
    status.set_state(v1::WAITING);
    status.add_trials()->set_jobs(12);
    status_ = std::make_unique<StatusBook>(status);
    RunLoopOptions options;
    options.run = 1;
    options.spec = run->spec;
    options.life = life;
    options.test_examples = 512;
    options.journal_file = folder_.path() + "/schedule.json";
    options.on_settled = [this](uint32_t slots, const std::string& isa) {
      settled_.push_back(absl::StrCat(slots, " ", isa));
      return settling_;
    };
    options.on_end = [this](v1::RunState state, const std::string& error) {
      ends_.push_back(absl::StrCat(v1::RunState_Name(state), " ", error));
    };
    options.think = [](const std::function<void()>& search) { search(); };
    loop_ = std::make_unique<RunLoop>(std::move(options), *trials_,
                                      RunLoop::Ports{clock_, effects_, link_, PosixFileSystem()},
                                      replies_.get(), status_.get());
  }
  void Join(WorkerId worker, const std::string& name, const std::string& isa = "v3") {
    loop_->Handle(WorkerOffered{worker, name});
    loop_->Handle(WorkerReady{worker, name, isa});
  }
  void Answer(WorkerId worker) {
    std::vector<v1::Task>& tasks = link_.tasks[worker];
    ASSERT_FALSE(tasks.empty());
    const uint64_t task = tasks.front().id();
    tasks.erase(tasks.begin());
    loop_->Handle(Event(ReplyReceived{task}));
  }
  void ApplyAll() {
    while (!effects_.applying.empty()) {
      const ApplyJob apply = effects_.applying.front();
      effects_.applying.pop_front();
      loop_->Handle(Event(JobApplied{apply.lane}));
    }
  }
  // The job that is to be applied has made a view due.
  void ApplyWithView() {
    ASSERT_FALSE(effects_.applying.empty());
    const ApplyJob apply = effects_.applying.front();
    effects_.applying.pop_front();
    loop_->Handle(ViewDue{JobApplied{apply.lane}, 0, apply.lane_job + 1});
  }
  // Everybody's tasks, one round.
  void AnswerAll() {
    for (auto& [worker, tasks] : link_.tasks) {
      while (!tasks.empty()) Answer(worker);
    }
  }
  static EvaluationAnswered Evaluated(const v1::Evaluate& task, WorkerId worker, double loss) {
    return {.id = task.id(),
            .worker = worker,
            .result = EvaluationSums{.loss = loss,
                                     .examples = static_cast<int64_t>(task.end() - task.begin())}};
  }
  // The worker computes what it is asked for until nothing is left.
  void Evaluate(WorkerId worker) {
    std::deque<v1::Evaluate>& asked = link_.evaluations[worker];
    while (!asked.empty()) {
      const v1::Evaluate task = asked.front();
      asked.pop_front();
      loop_->Handle(Evaluated(task, worker, 1));
    }
  }
  // Until the run's files are asked for.
  void PlayToTheEnd() {
    for (int turn = 0; turn < 1000 && effects_.finished.empty(); ++turn) {
      clock_.now += absl::Milliseconds(10);
      for (auto& [worker, tasks] : link_.tasks) {
        while (!tasks.empty() && effects_.finished.empty()) Answer(worker);
      }
      ApplyAll();
    }
    ASSERT_EQ(effects_.finished.size(), 1u);
  }
  v1::RunStatus Status() const { return status_->Get(); }

  std::function<void(Trial&)> before_;  // what earlier lives have done
  TemporaryFolder folder_;
  FakeClock clock_;
  FakeEffects effects_;
  FakeLink link_;
  std::unique_ptr<TrialSet> trials_;
  std::unique_ptr<ReplyBook> replies_;
  std::unique_ptr<StatusBook> status_;
  std::vector<std::string> settled_, ends_;
  absl::Status settling_;
  std::unique_ptr<RunLoop> loop_;
};

TEST_F(RunLoopTest, TrainsToTheEndAndTellsSoOnceItsFilesAreThere) {
  Make("scheme: {slots: 2}");
  EXPECT_THAT(Status().waiting_for(), HasSubstr("0 ready of 2 expected"));
  Join(1, "a");
  EXPECT_THAT(settled_, IsEmpty());
  Join(2, "b");
  EXPECT_THAT(settled_, ElementsAre("2 v3"));
  EXPECT_EQ(Status().state(), v1::RUNNING);
  EXPECT_EQ(Status().waiting_for(), "");
  PlayToTheEnd();
  EXPECT_EQ(effects_.finished[0].state, v1::SUCCEEDED);
  EXPECT_EQ(loop_->counters().rounds, 12);
  EXPECT_THAT(ends_, IsEmpty()) << "not before the files are written";
  EXPECT_EQ(Status().state(), v1::RUNNING);
  loop_->Handle(RunClosed{absl::OkStatus()});
  EXPECT_TRUE(loop_->ended());
  EXPECT_THAT(ends_, ElementsAre("SUCCEEDED "));
  EXPECT_EQ(Status().state(), v1::SUCCEEDED);
}

TEST_F(RunLoopTest, F02_AClusterThatStartsBeforeItsWorkersIsPlannedForAllThatGather) {
  Make("");
  for (WorkerId worker = 1; worker <= 6; ++worker) {
    clock_.now += absl::Seconds(3);
    Join(worker, absl::StrCat("w", worker));
    EXPECT_EQ(Status().state(), v1::WAITING);
  }
  EXPECT_THAT(Status().waiting_for(), HasSubstr("6 ready"));
  clock_.now = loop_->NextTimeout();
  loop_->Wake();
  EXPECT_EQ(Status().state(), v1::RUNNING);
  EXPECT_THAT(settled_, ElementsAre("6 v3"));
  EXPECT_THAT(Status().scheme(), HasSubstr("GC(s=1"));
}

TEST_F(RunLoopTest, F18_OneWorkerWithoutTheDataIsNamedAndTheOthersTrain) {
  Make("fleet: {workers: 3}");
  loop_->Handle(WorkerOffered{1, "bad"});
  loop_->Handle(WorkerUnfit{1, "bad", "no such file"});
  Join(2, "b");
  Join(3, "c");
  ASSERT_THAT(Status().warnings(), ElementsAre("worker bad cannot serve the run: no such file"));
  clock_.now = loop_->NextTimeout();
  loop_->Wake();
  ASSERT_EQ(Status().state(), v1::RUNNING);
  // It may still come: the file has arrived.
  Join(1, "bad");
  EXPECT_EQ(Status().workers(), 3u);
  PlayToTheEnd();
  EXPECT_EQ(effects_.finished[0].state, v1::SUCCEEDED);
}

TEST_F(RunLoopTest, F18_AWorkerThatFailsIsNamedInTheStatus) {
  Make("scheme: {slots: 2}");
  Join(1, "a");
  Join(2, "sick");
  const uint64_t task = link_.tasks[2].front().id();
  loop_->Handle(Event(TaskFailedEvent{task, 2, false, "no space left on device"}));
  ASSERT_EQ(Status().warnings_size(), 1);
  EXPECT_THAT(Status().warnings(0), HasSubstr("worker sick failed at a task"));
  PlayToTheEnd();
  EXPECT_EQ(effects_.finished[0].state, v1::SUCCEEDED);
}

TEST_F(RunLoopTest, F20_AWorkerOfAnotherLevelServesNotAndIsTold) {
  Make("scheme: {slots: 2}");
  Join(1, "a");
  Join(2, "b");
  Join(3, "newcomer", "v4");
  EXPECT_EQ(Status().workers(), 2u);
  ASSERT_EQ(Status().warnings_size(), 1);
  EXPECT_THAT(Status().warnings(0), HasSubstr("start it with --isa=v3"));
  EXPECT_THAT(link_.tasks[3], IsEmpty());
}

TEST_F(RunLoopTest, F01_TasksOfAnotherLifeHaveOtherNumbers) {
  std::set<uint64_t> seen;
  for (const uint64_t life : {0, 1}) {
    Make("scheme: {slots: 2}", "", life);
    link_.tasks.clear();
    Join(1, "a");
    Join(2, "b");
    for (const auto& [worker, tasks] : link_.tasks) {
      for (const v1::Task& task : tasks) EXPECT_TRUE(seen.insert(task.id()).second);
    }
  }
  EXPECT_GE(seen.size(), 4u);
}

TEST_F(RunLoopTest, AWorkerThatIsGoneBeforeItIsReadyHoldsNothing) {
  Make("scheme: {slots: 2}");
  Join(1, "a");
  Join(2, "b");
  loop_->Handle(WorkerGone{3});
  EXPECT_EQ(Status().workers(), 2u);
  loop_->Handle(WorkerGone{2});
  loop_->Handle(WorkerGone{2});
  EXPECT_EQ(Status().workers_lost(), 1u);
}

TEST_F(RunLoopTest, F25_SavesCheckpointsEarlyAndOneAtATime) {
  Make("scheme: {slots: 2}");
  Join(1, "a");
  Join(2, "b");
  EXPECT_EQ(effects_.checkpoints, 0);
  clock_.now += absl::Seconds(1);
  loop_->Wake();
  EXPECT_EQ(effects_.checkpoints, 1);
  clock_.now += absl::Seconds(10);
  loop_->Wake();
  EXPECT_EQ(effects_.checkpoints, 1) << "one is being saved";
  loop_->Handle(CheckpointSaved{absl::OkStatus(), absl::Milliseconds(3)});
  clock_.now += absl::Seconds(2);
  loop_->Wake();
  EXPECT_EQ(effects_.checkpoints, 2);
  loop_->Handle(CheckpointSaved{absl::ResourceExhaustedError("no space left"), {}});
  ASSERT_EQ(effects_.finished.size(), 1u);
  EXPECT_EQ(effects_.finished[0].state, v1::FAILED);
  EXPECT_THAT(effects_.finished[0].error, HasSubstr("checkpoint: no space left"));
}

TEST_F(RunLoopTest, CancelledWhileItGathersOrRuns) {
  Make("scheme: {slots: 2}");
  loop_->Handle(Event(StopRequested{}));
  ASSERT_EQ(effects_.finished.size(), 1u);
  EXPECT_EQ(effects_.finished[0].state, v1::CANCELLED);
  effects_.finished.clear();
  Make("scheme: {slots: 2}");
  Join(1, "a");
  Join(2, "b");
  Answer(1);
  ASSERT_EQ(effects_.applying.size(), 1u);
  loop_->Handle(Event(StopRequested{}));
  EXPECT_THAT(effects_.finished, IsEmpty()) << "an update is under way";
  ApplyAll();
  ASSERT_EQ(effects_.finished.size(), 1u);
  EXPECT_EQ(effects_.finished[0].state, v1::CANCELLED);
}

TEST_F(RunLoopTest, WhatIsNotRecordedDoesNotStart) {
  settling_ = absl::ResourceExhaustedError("no space left");
  Make("scheme: {slots: 1}");
  Join(1, "a");
  EXPECT_THAT(link_.tasks[1], IsEmpty());
  ASSERT_EQ(effects_.finished.size(), 1u);
  EXPECT_EQ(effects_.finished[0].error, "no space left");
}

TEST_F(RunLoopTest, OutputThatCannotBeWrittenFailsTheRun) {
  Make("scheme: {slots: 1}");
  Join(1, "a");
  PlayToTheEnd();
  loop_->Handle(RunClosed{absl::ResourceExhaustedError("no space left")});
  EXPECT_THAT(ends_, ElementsAre("FAILED writing the output: no space left"));
}

TEST_F(RunLoopTest, AnEvaluationKeepsNoLaneWaiting) {
  Make("scheme: {slots: 1, uncoded: {}}");
  Join(1, "a");
  AnswerAll();
  ApplyWithView();
  EXPECT_EQ(link_.tasks[1].size(), 1u) << "the next job is under way";
  ASSERT_EQ(link_.evaluations[1].size(), 1u);
  const v1::Evaluate first = link_.evaluations[1].front();
  EXPECT_EQ(first.begin(), 0u);
  EXPECT_EQ(first.versions_size(), 1);
  Evaluate(1);
  ASSERT_EQ(effects_.taking.size(), 1u);
  EXPECT_EQ(effects_.taking[0].view, 1);
  EXPECT_EQ(effects_.taking[0].evaluation.examples, 512);
  EXPECT_GT(effects_.taking[0].evaluation.loss, 0);
  EXPECT_TRUE(effects_.evaluating.empty()) << "the worker did it all";
  loop_->Handle(EvaluationTaken{0, 1, {}, {}});
  EXPECT_EQ(link_.tasks[1].size(), 1u);
}

TEST_F(RunLoopTest, ALaneWaitsWithTheThirdViewThatIsDue) {
  Make("scheme: {slots: 1, uncoded: {}}");
  Join(1, "a");
  for (int view = 1; view <= 3; ++view) {
    AnswerAll();
    ApplyWithView();
  }
  EXPECT_THAT(link_.tasks[1], IsEmpty());
  Evaluate(1);
  ASSERT_EQ(effects_.taking.size(), 1u) << "in order, one at a time";
  EXPECT_THAT(link_.tasks[1], IsEmpty());
  loop_->Handle(EvaluationTaken{0, 1, {}, {2, 3}});
  EXPECT_EQ(link_.tasks[1].size(), 1u);
}

TEST_F(RunLoopTest, AnEvaluationMayEndLanesWhileTheirJobsAreUnderWay) {
  Make("scheme: {slots: 1, uncoded: {}}");
  Join(1, "a");
  AnswerAll();
  ApplyWithView();
  Evaluate(1);
  ASSERT_EQ(link_.tasks[1].size(), 1u);
  loop_->Handle(EvaluationTaken{0, 1, {0}, {}});
  EXPECT_THAT(link_.tasks[1], IsEmpty());
  ASSERT_EQ(effects_.finished.size(), 1u);
  EXPECT_EQ(effects_.finished[0].state, v1::SUCCEEDED);
}

TEST_F(RunLoopTest, WithoutWorkersTheCoordinatorEvaluates) {
  Make("scheme: {slots: 1, uncoded: {}}", "fleet: {rejoin_grace: 100s}");
  Join(1, "a");
  AnswerAll();
  ApplyWithView();
  loop_->Handle(WorkerGone{1});
  for (int chunk = 0; chunk < 64 && effects_.taking.empty(); ++chunk) {
    ASSERT_EQ(effects_.evaluating.size(), 1u) << "one at a time";
    const EvaluateChunk asked = effects_.evaluating.front();
    effects_.evaluating.pop_front();
    EXPECT_EQ(asked.isa, "v3");
    loop_->Handle(EvaluationAnswered{
        .id = asked.id,
        .worker = 0,
        .result = EvaluationSums{.loss = 1, .examples = asked.rows.end - asked.rows.begin}});
  }
  EXPECT_EQ(effects_.taking.size(), 1u);
}

// There is nobody else to ask: a run that waited for a better number would wait for ever.
TEST_F(RunLoopTest, WhatTheCoordinatorEvaluatesIsTakenWhateverItIs) {
  Make("scheme: {slots: 1, uncoded: {}}", "fleet: {rejoin_grace: 100s}");
  Join(1, "a");
  AnswerAll();
  ApplyWithView();
  loop_->Handle(WorkerGone{1});
  for (int chunk = 0; chunk < 64 && !effects_.evaluating.empty(); ++chunk) {
    const EvaluateChunk asked = effects_.evaluating.front();
    effects_.evaluating.pop_front();
    loop_->Handle(EvaluationAnswered{
        .id = asked.id,
        .worker = 0,
        .result = EvaluationSums{.loss = NAN, .examples = asked.rows.end - asked.rows.begin}});
  }
  EXPECT_EQ(effects_.taking.size(), 1u);
  EXPECT_EQ(Status().warnings_size(), 0);
}

// It is not believed, is told of, and not asked again.
TEST_F(RunLoopTest, SumsThatAreNoneOfTheChunkAreRefused) {
  for (const auto& [change, why] :
       std::vector<std::pair<std::function<void(EvaluationSums&)>, std::string>>{
           {[](EvaluationSums& sums) { sums.examples += 1; }, "examples; legal are"},
           {[](EvaluationSums& sums) { sums.loss = NAN; }, "loss nan"},
           {[](EvaluationSums& sums) { sums.correct = 1e9; }, "correct 1e+09"},
           {[](EvaluationSums& sums) { sums.target_spread = -1; }, "spread -1"}}) {
    effects_ = FakeEffects();
    link_ = FakeLink();
    Make("scheme: {slots: 1, uncoded: {}}");
    Join(1, "a");
    AnswerAll();
    ApplyWithView();
    EvaluationAnswered answer = Evaluated(link_.evaluations[1].front(), 1, 1);
    change(std::get<EvaluationSums>(*answer.result));
    loop_->Handle(answer);
    ASSERT_EQ(Status().warnings_size(), 1);
    EXPECT_THAT(Status().warnings(0), HasSubstr("worker a failed at an evaluation: its sums"));
    EXPECT_THAT(Status().warnings(0), HasSubstr(why));
    EXPECT_EQ(link_.evaluations[1].size(), 1u) << "that one";
    EXPECT_EQ(effects_.evaluating.size(), 1u);
  }
}

TEST_F(RunLoopTest, AResumedRunEndsOnceWhatWasDueIsEvaluated) {
  before_ = [](Trial& trial) {
    v1::LearnerProgress progress;
    v1::LearnerProgress::Lane* lane = progress.add_lanes();
    lane->set_jobs_done(12);
    lane->set_version(12);
    lane->set_finished(true);
    lane->set_ended(v1::LearnerProgress::LENGTH);
    v1::LearnerProgress::View* view = progress.add_views();
    view->set_number(12);
    view->add_lanes(0);
    view->add_jobs_done(12);
    ASSERT_TRUE(trial.Restore(progress).ok());
  };
  Make("scheme: {slots: 1, uncoded: {}}");
  EXPECT_THAT(effects_.finished, IsEmpty());
  for (int chunk = 0; chunk < 64 && effects_.taking.empty(); ++chunk) {
    ASSERT_EQ(effects_.evaluating.size(), 1u) << "nobody else is there";
    const EvaluateChunk asked = effects_.evaluating.front();
    effects_.evaluating.pop_front();
    loop_->Handle(EvaluationAnswered{
        .id = asked.id,
        .worker = 0,
        .result = EvaluationSums{.loss = 1, .examples = asked.rows.end - asked.rows.begin}});
  }
  ASSERT_EQ(effects_.taking.size(), 1u);
  EXPECT_EQ(effects_.taking[0].view, 12);
  EXPECT_THAT(effects_.finished, IsEmpty());
  loop_->Handle(EvaluationTaken{0, 12, {0}, {}});
  ASSERT_EQ(effects_.finished.size(), 1u);
  EXPECT_EQ(effects_.finished[0].state, v1::SUCCEEDED);
}

TEST_F(RunLoopTest, ACancelledRunWaitsForNoEvaluation) {
  Make("scheme: {slots: 1, uncoded: {}}");
  Join(1, "a");
  for (int view = 1; view <= 3; ++view) {
    AnswerAll();
    ApplyWithView();
  }
  loop_->Handle(Event(StopRequested{}));
  ASSERT_EQ(effects_.finished.size(), 1u);
  EXPECT_EQ(effects_.finished[0].state, v1::CANCELLED);
}

// The test's clock is decades behind the calendar: whatever asked the calendar would find every
// deadline long over, or would never come to one.
TEST_F(RunLoopTest, F19_DeadlinesAreReckonedByAClockThatNobodySets) {
  Make("scheme: {slots: 2, uncoded: {}}", "fleet: {rejoin_grace: 2s, round_timeout: 10m}");
  Join(1, "a");
  Join(2, "b");
  loop_->Handle(WorkerGone{2});
  const absl::Time died = clock_.now;
  Answer(1);
  loop_->Wake();
  EXPECT_THAT(link_.tasks[1], IsEmpty()) << "b may come back";
  EXPECT_THAT(effects_.finished, IsEmpty());
  ASSERT_LE(loop_->NextTimeout(), died + absl::Seconds(2));
  clock_.now = died + absl::Seconds(2);
  loop_->Wake();
  EXPECT_EQ(link_.tasks[1].size(), 1u) << "its slot has moved after the grace, not after an hour";
  clock_.now = died + absl::Minutes(9);
  loop_->Wake();
  EXPECT_THAT(effects_.finished, IsEmpty()) << "the round may last ten minutes";
}

}  // namespace
}  // namespace gradloom
