#include "coordinator/engine/run_engine.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "proto/ops/logging.h"
#include "proto/wire/frame.h"

namespace gradloom {
namespace {

v1::RunStatus FirstStatus(const RunEngineOptions& options, const OpenedRun& opened) {
  v1::RunStatus status = StatusOf(opened);
  status.set_run(options.run);
  status.set_name(options.spec.name());
  status.set_resumes(options.resumes);
  status.mutable_submitted()->set_seconds(absl::ToUnixSeconds(options.submitted));
  return status;
}

}  // namespace

absl::StatusOr<std::unique_ptr<RunEngine>> RunEngine::Create(RunEngineOptions options) {
  absl::StatusOr<std::unique_ptr<OpenedRun>> opened =
      OpenRun(options.spec, options.trials, options.data_folder, options.folder, options.limits);
  if (!opened.ok()) return opened.status();
  return std::unique_ptr<RunEngine>(new RunEngine(std::move(options), *std::move(opened)));
}

RunEngine::RunEngine(RunEngineOptions options, std::unique_ptr<OpenedRun> opened)
    : options_(std::move(options)),
      opened_(std::move(opened)),
      status_(FirstStatus(options_, *opened_)),
      replies_(opened_->trials.lanes(),
               FrameValues(options_.spec.wire().replies(), options_.spec.wire().frame_bytes())),
      effects_(std::make_unique<RunEffects>(options_.run, opened_.get(), &status_, options_.metrics,
                                            [this](RunEvent event) { Post(std::move(event)); })) {}

void RunEngine::Start() {
  for (const std::unique_ptr<Trial>& trial : opened_->trials.trials()) {
    if (options_.resumes == 0) break;
    Log(LogLevel::kInfo, absl::StrCat("run ", options_.run, ": trial ", trial->spec().name(),
                                      opened_->restored ? " resumes at job "
                                                        : " has no checkpoint: it begins at job ",
                                      trial->jobs_done(), " of ", trial->jobs()));
  }
  RunLoopOptions loop;
  loop.run = options_.run;
  loop.spec = options_.spec;
  loop.life = options_.resumes;
  loop.journal_file = options_.folder + "/schedule.json";
  loop.data_folder = options_.data_folder;
  loop.before = opened_->before;
  if (opened_->data.test != nullptr) loop.test_examples = opened_->test.rows;
  loop.on_settled = options_.on_settled;
  loop.on_end = options_.on_end;
  if (options_.spec.scheme().has_auto_()) searches_ = std::make_unique<EffectPool>(1);
  loop.think = [this](std::function<void()> search) {
    searches_->Post([this, search = std::move(search)] {
      search();
      Post(ScheduleChanged{});
    });
  };
  loop_ = std::make_unique<RunLoop>(
      std::move(loop), opened_->trials,
      RunLoop::Ports{clock_, *effects_, *options_.link, PosixFileSystem()}, &replies_, &status_);
  thread_ = std::jthread([this] { Run(); });
}

RunEngine::~RunEngine() { Stop(); }

void RunEngine::Stop() {
  if (std::exchange(stopped_, true)) return;
  const bool started = loop_ != nullptr;
  mailbox_.Close();
  if (thread_.joinable()) thread_.join();
  loop_.reset();
  searches_.reset();
  replies_.Close();
  if (!started || ended()) return;
  if (absl::Status status = effects_->SaveCheckpoint(); !status.ok()) {
    Log(LogLevel::kError,
        absl::StrCat("run ", options_.run, ": last checkpoint: ", status.ToString()));
  }
}

void RunEngine::Run() {
  while (!mailbox_.closed() && !loop_->ended()) {
    const absl::Time timeout = loop_->NextTimeout();
    const absl::Duration wait = std::max(absl::ZeroDuration(), timeout - clock_.Now());
    std::optional<RunEvent> event = mailbox_.Take(wait);
    if (mailbox_.closed()) return;
    const CoreCounters before = loop_->counters();
    const double extra_seconds = loop_->extra_seconds();
    loop_->Handle(event.has_value() ? *std::move(event) : RunEvent(Event(Tick{})));
    Count(before, extra_seconds);
  }
}

void RunEngine::Count(const CoreCounters& before, double extra_seconds_before) {
  CoordinatorMetrics& metrics = *options_.metrics;
  const CoreCounters now = loop_->counters();
  const auto add = [](prometheus::Counter& counter, auto before, auto after) {
    if (after > before) counter.Increment(static_cast<double>(after - before));
  };
  add(metrics.replies, before.replies, now.replies);
  add(metrics.replies_late, before.replies_late, now.replies_late);
  add(metrics.jobs_missed, before.jobs_missed, now.jobs_missed);
  add(metrics.jobs_late, before.jobs_late, now.jobs_late);
  add(metrics.task_failures, before.tasks_failed, now.tasks_failed);
  add(metrics.workers_rested, before.workers_rested, now.workers_rested);
  add(metrics.wait_avoided_seconds, extra_seconds_before, loop_->extra_seconds());
  for (const RoundClosed& round : loop_->TakeRounds()) {
    metrics.rounds.Increment();
    metrics.round_seconds.Observe(absl::ToDoubleSeconds(round.duration));
    metrics.straggler_slots.Increment(static_cast<double>(round.stragglers.size()));
  }
}

absl::StatusOr<Reply> RunEngine::BeginReply(TaskId task, WorkerId worker, double examples) {
  absl::StatusOr<ReplyBook::Entry> entry = replies_.Enter(task, worker, examples);
  if (absl::IsInvalidArgument(entry.status())) {
    Post(Event(TaskFailedEvent{task, worker, false, std::string(entry.status().message())}));
  }
  if (!entry.ok()) return entry.status();
  return Reply(options_.run, *std::move(entry), replies_.frame_values(), options_.metrics,
               [this](RunEvent event) { Post(std::move(event)); });
}

const Trial* RunEngine::trial(uint32_t index) const {
  const auto& trials = opened_->trials.trials();
  return index < trials.size() ? trials[index].get() : nullptr;
}

}  // namespace gradloom
