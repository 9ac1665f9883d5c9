#include "coordinator/service/run_registry.h"

#include <filesystem>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "coordinator/engine/start_from.h"
#include "coordinator/run_file/run_file.h"
#include "coordinator/run_file/run_update.h"
#include "coordinator/store/atomic_file.h"
#include "coordinator/store/json_file.h"
#include "proto/ops/logging.h"

namespace gradloom {
namespace {

constexpr size_t kActiveRunsMax = 64;
constexpr uint64_t kSummaryMax = 64 << 20;
// Until a run that is cancelled, or just ending, has written its files.
constexpr absl::Duration kEndPatience = absl::Seconds(60);

v1::RunState StateOf(const v1::RunRecord& record) {
  v1::RunState state = v1::RUN_STATE_UNSPECIFIED;
  v1::RunState_Parse(record.state(), &state);
  return state;
}

void SetState(v1::RunState state, const std::string& error, v1::RunRecord* record) {
  record->set_state(v1::RunState_Name(state));
  record->set_error(error);
}

absl::Status NoRun(uint64_t run) { return absl::NotFoundError(absl::StrCat("no run ", run)); }

absl::Status Stopping() { return absl::UnavailableError("the coordinator stops"); }

}  // namespace

class RunRegistry::Turn {
 public:
  static absl::StatusOr<Turn> Take(RunRegistry* registry, uint64_t run) {
    const MutexLock lock(registry->mutex_);
    for (;;) {
      const auto found = registry->runs_.find(run);
      if (found == registry->runs_.end()) return NoRun(run);
      if (registry->stopping_) return Stopping();
      if (!std::exchange(found->second.changing, true)) return Turn(registry, run);
      registry->changed_.Wait(registry->mutex_);
    }
  }
  Turn(Turn&& other) noexcept
      : registry_(std::exchange(other.registry_, nullptr)), run_(other.run_) {}
  Turn& operator=(Turn&&) = delete;
  ~Turn() {
    if (registry_ == nullptr) return;
    const MutexLock lock(registry_->mutex_);
    const auto found = registry_->runs_.find(run_);
    if (found != registry_->runs_.end()) found->second.changing = false;
    registry_->changed_.NotifyAll();
  }

 private:
  Turn(RunRegistry* registry, uint64_t run) : registry_(registry), run_(run) {}

  RunRegistry* registry_;
  uint64_t run_;
};

RunRegistry::RunRegistry(std::string state_folder, std::string data_folder, FleetLink* link,
                         CoordinatorMetrics* metrics, const ServerLimits& limits)
    : data_folder_(std::move(data_folder)),
      limits_(limits),
      link_(link),
      metrics_(metrics),
      state_folder_(std::move(state_folder)) {}

RunRegistry::~RunRegistry() { Stop(); }

absl::Status RunRegistry::Start(Listener listener) {
  listener_ = std::move(listener);
  absl::StatusOr<RunStore> store = RunStore::Open(state_folder_);
  if (!store.ok()) return store.status();
  store_ = std::make_unique<RunStore>(*std::move(store));
  absl::StatusOr<RunListing> listing = store_->List();
  if (!listing.ok()) return listing.status();
  for (const RunListing::Skipped& skipped : listing->skipped) Log(LogLevel::kError, skipped.reason);
  {
    const MutexLock lock(mutex_);
    for (const v1::RunRecord& record : listing->runs) runs_[record.run()].record = record;
    for (const RunListing::Skipped& skipped : listing->skipped) {
      Run& run = runs_[skipped.run];
      run.unreadable = true;
      run.record.set_run(skipped.run);
      SetState(v1::FAILED, skipped.reason, &run.record);
    }
  }
  for (v1::RunRecord& record : listing->runs) {
    if (StateOf(record) != v1::WAITING && StateOf(record) != v1::RUNNING) continue;
    const uint64_t id = record.run();
    Log(LogLevel::kInfo, absl::StrCat("resuming run ", id));
    const absl::StatusOr<Turn> turn = Turn::Take(this, id);
    absl::Status status = turn.ok() ? ResumeAs(record) : turn.status();
    if (status.ok()) continue;
    Log(LogLevel::kError, absl::StrCat("run ", id, " cannot be resumed: ", status.ToString()));
    SetState(v1::FAILED, absl::StrCat("cannot be resumed: ", status.message()), &record);
    if (absl::Status saved = Save(record); !saved.ok()) {
      Log(LogLevel::kError, absl::StrCat("run ", id, ": recording that: ", saved.ToString()));
    }
  }
  return absl::OkStatus();
}

void RunRegistry::Stop() {
  std::vector<std::shared_ptr<RunEngine>> engines;
  {
    const MutexLock lock(mutex_);
    stopping_ = true;
    changed_.NotifyAll();
    for (auto& [id, run] : runs_) {
      while (run.changing) changed_.Wait(mutex_);
      if (run.engine != nullptr) engines.push_back(std::move(run.engine));
      run.active = false;
    }
  }
  for (const std::shared_ptr<RunEngine>& engine : engines) engine->Stop();
}

absl::StatusOr<v1::RunRecord> RunRegistry::Record(uint64_t id) const {
  const MutexLock lock(mutex_);
  const auto found = runs_.find(id);
  if (found == runs_.end()) return NoRun(id);
  return found->second.record;
}

size_t RunRegistry::ActiveCount() const {
  const MutexLock lock(mutex_);
  size_t active = 0;
  for (const auto& [id, run] : runs_) active += run.active || run.changing ? 1 : 0;
  return active;
}

absl::Status RunRegistry::Save(const v1::RunRecord& record) {
  {
    const MutexLock lock(mutex_);
    runs_.at(record.run()).record = record;
  }
  return store_->Save(record);
}

absl::StatusOr<uint64_t> RunRegistry::Submit(const v1::RunSpec& spec, const Abandoned& abandoned) {
  absl::StatusOr<ResolvedRun> resolved = ResolveRunSpec(spec);
  if (!resolved.ok()) return resolved.status();
  absl::Status legal = CheckLimits(*resolved, limits_);
  if (legal.ok()) legal = PinStartFiles(data_folder_, &resolved->spec);
  if (!legal.ok()) return legal;
  ReleaseEnded();
  if (ActiveCount() >= kActiveRunsMax) {
    return absl::ResourceExhaustedError(
        absl::StrCat(kActiveRunsMax, " runs are active, which is the limit; cancel one first"));
  }
  v1::RunRecord record;
  *record.mutable_spec() = resolved->spec;
  SetState(v1::WAITING, "", &record);
  record.set_submitted_unix_seconds(absl::ToUnixSeconds(absl::Now()));
  {
    const MutexLock one_at_a_time(creating_);
    absl::StatusOr<uint64_t> id = store_->Create(record);
    if (!id.ok()) return id.status();
    record.set_run(*id);
    const MutexLock lock(mutex_);
    runs_[*id].record = record;
  }
  const uint64_t id = record.run();
  absl::Status status;
  {
    const absl::StatusOr<Turn> turn = Turn::Take(this, id);
    status = turn.ok() ? Activate(record, abandoned) : turn.status();
    if (status.ok()) return id;
    // Refused: nothing of it stays.
    const MutexLock lock(mutex_);
    runs_.erase(id);
  }
  PosixFileSystem().RemoveAll(store_->Folder(id)).IgnoreError();
  return status;
}

void RunRegistry::AwaitEnd(uint64_t run) {
  std::shared_ptr<RunEngine> engine;
  {
    const MutexLock lock(mutex_);
    const Run& state = runs_.at(run);
    if (state.active && !state.cancelled) return;
    engine = state.engine;
  }
  if (engine == nullptr) return;
  engine->WaitForEnd(kEndPatience);
  engine.reset();
  ReleaseEnded();
}

absl::StatusOr<v1::RunRecord> RunRegistry::Resumed(
    const v1::RunRecord& record, const std::optional<v1::RunSpec>& changed) const {
  v1::RunRecord resumed = record;
  bool trains_further = false;
  if (changed.has_value()) {
    const absl::StatusOr<ResolvedRun> wanted = ResolveRunSpec(*changed);
    if (!wanted.ok()) return wanted.status();
    if (absl::Status status = CheckLimits(*wanted, limits_); !status.ok()) return status;
    const absl::StatusOr<RunUpdate> update = UpdateRun(record.spec(), wanted->spec);
    if (!update.ok()) return update.status();
    *resumed.mutable_spec() = update->spec;
    trains_further = update->trains_further;
  }
  if (StateOf(record) == v1::SUCCEEDED && !trains_further) {
    return absl::FailedPreconditionError(absl::StrCat(
        "run ", record.run(), " has succeeded already; to train it further, resume it ",
        "with a larger training.epochs or training.jobs"));
  }
  return resumed;
}

absl::Status RunRegistry::Resume(uint64_t run, const std::optional<v1::RunSpec>& changed) {
  const absl::StatusOr<Turn> turn = Turn::Take(this, run);
  if (!turn.ok()) return turn.status();
  AwaitEnd(run);
  v1::RunRecord record;
  {
    const MutexLock lock(mutex_);
    const Run& state = runs_.at(run);
    if (state.unreadable) return absl::DataLossError(state.record.error());
    if (state.active && !state.cancelled) {
      if (!changed.has_value()) return absl::OkStatus();
      return absl::FailedPreconditionError(
          absl::StrCat("run ", run, " is under way; cancel it to change it"));
    }
    if (state.engine != nullptr) {
      return absl::UnavailableError(absl::StrCat("run ", run, " is just ending; try again"));
    }
    record = state.record;
  }
  absl::StatusOr<v1::RunRecord> resumed = Resumed(record, changed);
  if (!resumed.ok()) return resumed.status();
  absl::Status status = ResumeAs(*std::move(resumed));
  if (status.ok()) return status;
  // As it was, but for the number of tries: identifiers of tasks must not repeat.
  const absl::StatusOr<v1::RunRecord> tried = Record(run);
  if (tried.ok()) record.set_resumes(tried->resumes());
  if (absl::Status saved = Save(record); !saved.ok()) return saved;
  return status;
}

absl::Status RunRegistry::ResumeAs(v1::RunRecord record) {
  record.set_resumes(record.resumes() + 1);
  SetState(v1::WAITING, "", &record);
  if (absl::Status status = Save(record); !status.ok()) return status;
  return Activate(record, nullptr);
}

absl::Status RunRegistry::Activate(const v1::RunRecord& record, const Abandoned& abandoned) {
  const uint64_t id = record.run();
  absl::StatusOr<ResolvedRun> resolved = ResolveRunSpec(record.spec());
  if (!resolved.ok()) return resolved.status();
  RunEngineOptions options;
  options.run = id;
  options.spec = resolved->spec;
  options.trials = resolved->trials;
  options.submitted = absl::FromUnixSeconds(record.submitted_unix_seconds());
  options.resumes = record.resumes();
  options.data_folder = data_folder_;
  options.limits = limits_;
  options.folder = store_->Folder(id);
  options.link = link_;
  options.metrics = metrics_;
  options.on_settled = [this, id](uint32_t slots, const std::string& isa) {
    return OnSettled(id, slots, isa);
  };
  options.on_end = [this, id](v1::RunState state, const std::string& error) {
    OnEnd(id, state, error);
  };
  absl::StatusOr<std::unique_ptr<RunEngine>> created = RunEngine::Create(std::move(options));
  if (!created.ok()) return created.status();
  std::shared_ptr<RunEngine> engine = *std::move(created);
  if (abandoned != nullptr && abandoned()) {
    return absl::CancelledError("whoever submitted the run has gone away");
  }
  {
    const MutexLock lock(mutex_);
    if (stopping_) return Stopping();
    Run& run = runs_.at(id);
    run.engine = engine;
    run.active = true;
    run.cancelled = false;
  }
  metrics_->runs_active.Increment();
  // Its record is the loop's from here on.
  engine->Start();
  listener_.started(engine);
  return absl::OkStatus();
}

absl::Status RunRegistry::OnSettled(uint64_t id, uint32_t slots, const std::string& isa) {
  absl::StatusOr<v1::RunRecord> record = Record(id);
  if (!record.ok()) return record.status();
  SettleScheme(slots, record->mutable_spec()->mutable_scheme());
  record->mutable_spec()->mutable_fleet()->set_isa(isa);
  SetState(v1::RUNNING, "", &*record);
  return Save(*record);
}

void RunRegistry::OnEnd(uint64_t id, v1::RunState state, const std::string& error) {
  absl::StatusOr<v1::RunRecord> record = Record(id);
  if (!record.ok()) return;
  SetState(state, error, &*record);
  if (absl::Status status = Save(*record); !status.ok()) {
    Log(LogLevel::kError, absl::StrCat("run ", id, ": recording its end: ", status.ToString()));
  }
  {
    const MutexLock lock(mutex_);
    if (!std::exchange(runs_.at(id).active, false)) return;
  }
  metrics_->runs_active.Decrement();
  listener_.ended(id);
}

absl::Status RunRegistry::Cancel(uint64_t run) {
  const absl::StatusOr<Turn> turn = Turn::Take(this, run);
  if (!turn.ok()) return turn.status();
  const MutexLock lock(mutex_);
  Run& state = runs_.at(run);
  if (!state.active) return absl::OkStatus();
  state.cancelled = true;
  state.engine->Cancel();
  return absl::OkStatus();
}

absl::StatusOr<v1::RunStatus> RunRegistry::Status(uint64_t run) const {
  v1::RunRecord record;
  {
    const MutexLock lock(mutex_);
    const auto found = runs_.find(run);
    if (found == runs_.end()) return NoRun(run);
    if (found->second.engine != nullptr) return found->second.engine->Status();
    record = found->second.record;
  }
  v1::RunStatus status;
  // What the run wrote at its end; the record is the truth of how it ended.
  const std::string output = absl::StrCat(store_->Folder(run), "/output");
  if (absl::StatusOr<std::string> summary = ReadFile(output + "/summary.json", kSummaryMax);
      summary.ok() && !FromJson(*summary, &status).ok()) {
    status.Clear();
  }
  status.set_run(run);
  status.set_name(record.spec().name());
  status.set_state(StateOf(record));
  status.set_error(record.error());
  status.set_resumes(record.resumes());
  status.mutable_submitted()->set_seconds(record.submitted_unix_seconds());
  status.set_output(output);
  return status;
}

void RunRegistry::ReleaseEnded() {
  std::vector<std::shared_ptr<RunEngine>> ended;
  {
    const MutexLock lock(mutex_);
    for (auto& [id, run] : runs_) {
      if (run.engine != nullptr && !run.active && run.engine->ended()) {
        ended.push_back(std::move(run.engine));
      }
    }
  }
  for (const std::shared_ptr<RunEngine>& engine : ended) engine->Stop();
}

absl::StatusOr<v1::RunSpec> RunRegistry::Spec(uint64_t run) const {
  const MutexLock lock(mutex_);
  const auto found = runs_.find(run);
  if (found == runs_.end()) return NoRun(run);
  if (found->second.unreadable) return absl::DataLossError(found->second.record.error());
  return found->second.record.spec();
}

std::vector<v1::RunStatus> RunRegistry::List() const {
  std::vector<uint64_t> ids;
  {
    const MutexLock lock(mutex_);
    for (const auto& [id, run] : runs_) ids.push_back(id);
  }
  std::vector<v1::RunStatus> list;
  for (uint64_t id : ids) {
    if (absl::StatusOr<v1::RunStatus> status = Status(id); status.ok()) list.push_back(*status);
  }
  return list;
}

std::shared_ptr<RunEngine> RunRegistry::Active(uint64_t run) const {
  const MutexLock lock(mutex_);
  const auto found = runs_.find(run);
  return found == runs_.end() || !found->second.active ? nullptr : found->second.engine;
}

std::vector<std::shared_ptr<RunEngine>> RunRegistry::AllActive() const {
  std::vector<std::shared_ptr<RunEngine>> active;
  const MutexLock lock(mutex_);
  for (const auto& [id, run] : runs_) {
    if (run.active) active.push_back(run.engine);
  }
  return active;
}

void RunRegistry::WaitForEnd(uint64_t run, absl::Duration limit) const {
  std::shared_ptr<RunEngine> engine;
  {
    const MutexLock lock(mutex_);
    const auto found = runs_.find(run);
    if (found != runs_.end()) engine = found->second.engine;
  }
  if (engine != nullptr) engine->WaitForEnd(limit);
}

absl::StatusOr<std::string> RunRegistry::OutputFolder(uint64_t run) const {
  if (absl::StatusOr<v1::RunRecord> record = Record(run); !record.ok()) return record.status();
  return absl::StrCat(store_->Folder(run), "/output");
}

}  // namespace gradloom
