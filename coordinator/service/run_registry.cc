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

v1::RunState StateOf(const v1::RunRecord& record) {
  v1::RunState state = v1::RUN_STATE_UNSPECIFIED;
  v1::RunState_Parse(record.state(), &state);
  return state;
}

bool IsActive(v1::RunState state) { return state == v1::WAITING || state == v1::RUNNING; }

}  // namespace

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
  for (const std::string& skipped : listing->skipped) Log(LogLevel::kError, skipped);
  std::vector<uint64_t> unfinished;
  {
    std::lock_guard lock(mutex_);
    for (v1::RunRecord& record : listing->runs) {
      const uint64_t id = record.run();
      if (IsActive(StateOf(record))) unfinished.push_back(id);
      runs_[id].record = std::move(record);
    }
  }
  for (uint64_t id : unfinished) {
    Log(LogLevel::kInfo, absl::StrCat("resuming run ", id));
    if (absl::Status status = Resume(id); !status.ok()) {
      Log(LogLevel::kError, absl::StrCat("run ", id, " cannot be resumed: ", status.ToString()));
      OnEnd(id, v1::FAILED, absl::StrCat("cannot be resumed: ", status.message()));
    }
  }
  return absl::OkStatus();
}

void RunRegistry::Stop() {
  std::vector<std::shared_ptr<RunEngine>> engines;
  {
    std::lock_guard lock(mutex_);
    for (auto& [id, run] : runs_) {
      if (run.engine != nullptr) engines.push_back(std::move(run.engine));
      run.active = false;
    }
  }
  engines.clear();  // joins their threads, writes their checkpoints
}

absl::StatusOr<uint64_t> RunRegistry::Submit(const v1::RunSpec& spec) {
  absl::StatusOr<ResolvedRun> resolved = ResolveRunSpec(spec);
  if (!resolved.ok()) return resolved.status();
  if (absl::Status status = CheckLimits(*resolved, limits_); !status.ok()) return status;
  if (absl::Status status = PinStartFiles(data_folder_, &resolved->spec); !status.ok()) {
    return status;
  }
  ReleaseEnded();
  if (AllActive().size() >= kActiveRunsMax) {
    return absl::ResourceExhaustedError(
        absl::StrCat(kActiveRunsMax, " runs are active, which is the limit; cancel one first"));
  }
  v1::RunRecord record;
  *record.mutable_spec() = resolved->spec;
  record.set_state(v1::RunState_Name(v1::WAITING));
  record.set_submitted_unix_seconds(absl::ToUnixSeconds(absl::Now()));
  absl::StatusOr<uint64_t> id;
  {
    std::lock_guard lock(mutex_);
    id = store_->Create(record);
    if (!id.ok()) return id.status();
    record.set_run(*id);
    runs_[*id].record = record;
  }
  if (absl::Status status = Activate(*id); !status.ok()) {
    // Refused: nothing of it stays.
    std::lock_guard lock(mutex_);
    runs_.erase(*id);
    std::error_code ignored;
    std::filesystem::remove_all(store_->Folder(*id), ignored);
    return status;
  }
  return *id;
}

absl::StatusOr<v1::RunRecord> RunRegistry::ResumedLocked(
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
  resumed.set_resumes(record.resumes() + 1);
  resumed.set_state(v1::RunState_Name(v1::WAITING));
  resumed.clear_error();
  return resumed;
}

absl::Status RunRegistry::Resume(uint64_t run, const std::optional<v1::RunSpec>& changed) {
  ReleaseEnded();
  v1::RunRecord before;
  {
    std::lock_guard lock(mutex_);
    const auto found = runs_.find(run);
    if (found == runs_.end()) return absl::NotFoundError(absl::StrCat("no run ", run));
    if (found->second.active) {
      if (!changed.has_value()) return absl::OkStatus();
      return absl::FailedPreconditionError(
          absl::StrCat("run ", run, " is under way; cancel it to change it"));
    }
    if (found->second.engine != nullptr) {
      return absl::UnavailableError(absl::StrCat("run ", run, " is just ending; try again"));
    }
    before = found->second.record;
    absl::StatusOr<v1::RunRecord> resumed = ResumedLocked(before, changed);
    if (!resumed.ok()) return resumed.status();
    found->second.record = *std::move(resumed);
    if (absl::Status status = store_->Save(found->second.record); !status.ok()) return status;
  }
  absl::Status status = Activate(run);
  if (status.ok()) return status;
  // What cannot go on stays as it was.
  std::lock_guard lock(mutex_);
  runs_.at(run).record = before;
  if (absl::Status saved = store_->Save(before); !saved.ok()) {
    Log(LogLevel::kError, absl::StrCat("run ", run, ": recording it: ", saved.ToString()));
  }
  return status;
}

absl::Status RunRegistry::Activate(uint64_t id) {
  RunEngineOptions options;
  {
    std::lock_guard lock(mutex_);
    const v1::RunRecord& record = runs_.at(id).record;
    absl::StatusOr<ResolvedRun> resolved = ResolveRunSpec(record.spec());
    if (!resolved.ok()) return resolved.status();
    options.spec = resolved->spec;
    options.trials = resolved->trials;
    options.submitted = absl::FromUnixSeconds(record.submitted_unix_seconds());
    options.resumes = record.resumes();
  }
  options.run = id;
  options.data_folder = data_folder_;
  options.limits = limits_;
  options.folder = store_->Folder(id);
  options.link = link_;
  options.metrics = metrics_;
  options.on_slots = [this, id](uint32_t slots) { OnSlots(id, slots); };
  options.on_end = [this, id](v1::RunState state, const std::string& error) {
    OnEnd(id, state, error);
  };
  absl::StatusOr<std::unique_ptr<RunEngine>> created = RunEngine::Create(std::move(options));
  if (!created.ok()) return created.status();
  std::shared_ptr<RunEngine> engine = *std::move(created);
  {
    std::lock_guard lock(mutex_);
    Run& run = runs_.at(id);
    run.engine = engine;
    run.active = true;
  }
  metrics_->runs_active.Increment();
  listener_.started(engine);
  return absl::OkStatus();
}

void RunRegistry::OnSlots(uint64_t id, uint32_t slots) {
  std::lock_guard lock(mutex_);
  v1::RunRecord& record = runs_.at(id).record;
  SettleScheme(slots, record.mutable_spec()->mutable_scheme());
  record.set_state(v1::RunState_Name(v1::RUNNING));
  if (absl::Status status = store_->Save(record); !status.ok()) {
    Log(LogLevel::kError, absl::StrCat("run ", id, ": recording it: ", status.ToString()));
  }
}

void RunRegistry::OnEnd(uint64_t id, v1::RunState state, const std::string& error) {
  bool was_active = false;
  {
    std::lock_guard lock(mutex_);
    Run& run = runs_.at(id);
    was_active = std::exchange(run.active, false);
    run.record.set_state(v1::RunState_Name(state));
    run.record.set_error(error);
    if (absl::Status status = store_->Save(run.record); !status.ok()) {
      Log(LogLevel::kError, absl::StrCat("run ", id, ": recording its end: ", status.ToString()));
    }
  }
  if (!was_active) return;
  metrics_->runs_active.Decrement();
  listener_.ended(id);
}

absl::Status RunRegistry::Cancel(uint64_t run) {
  std::lock_guard lock(mutex_);
  const auto found = runs_.find(run);
  if (found == runs_.end()) return absl::NotFoundError(absl::StrCat("no run ", run));
  if (found->second.active) found->second.engine->Cancel();
  return absl::OkStatus();
}

absl::StatusOr<v1::RunStatus> RunRegistry::Status(uint64_t run) const {
  std::lock_guard lock(mutex_);
  const auto found = runs_.find(run);
  if (found == runs_.end()) return absl::NotFoundError(absl::StrCat("no run ", run));
  if (found->second.engine != nullptr) return found->second.engine->Status();
  const v1::RunRecord& record = found->second.record;
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
  std::vector<std::shared_ptr<RunEngine>> ended;  // goes after the lock: it joins threads
  std::lock_guard lock(mutex_);
  for (auto& [id, run] : runs_) {
    if (run.engine != nullptr && !run.active && run.engine->ended()) {
      ended.push_back(std::move(run.engine));
    }
  }
}

absl::StatusOr<v1::RunSpec> RunRegistry::Spec(uint64_t run) const {
  std::lock_guard lock(mutex_);
  const auto found = runs_.find(run);
  if (found == runs_.end()) return absl::NotFoundError(absl::StrCat("no run ", run));
  return found->second.record.spec();
}

std::vector<v1::RunStatus> RunRegistry::List() const {
  std::vector<uint64_t> ids;
  {
    std::lock_guard lock(mutex_);
    for (const auto& [id, run] : runs_) ids.push_back(id);
  }
  std::vector<v1::RunStatus> list;
  for (uint64_t id : ids) {
    if (absl::StatusOr<v1::RunStatus> status = Status(id); status.ok()) list.push_back(*status);
  }
  return list;
}

std::shared_ptr<RunEngine> RunRegistry::Active(uint64_t run) const {
  std::lock_guard lock(mutex_);
  const auto found = runs_.find(run);
  return found == runs_.end() || !found->second.active ? nullptr : found->second.engine;
}

std::vector<std::shared_ptr<RunEngine>> RunRegistry::AllActive() const {
  std::vector<std::shared_ptr<RunEngine>> active;
  std::lock_guard lock(mutex_);
  for (const auto& [id, run] : runs_) {
    if (run.active) active.push_back(run.engine);
  }
  return active;
}

void RunRegistry::WaitForEnd(uint64_t run, std::chrono::milliseconds limit) const {
  std::shared_ptr<RunEngine> engine;
  {
    std::lock_guard lock(mutex_);
    const auto found = runs_.find(run);
    if (found != runs_.end()) engine = found->second.engine;
  }
  if (engine != nullptr) engine->WaitForEnd(limit);
}

absl::StatusOr<std::string> RunRegistry::OutputFolder(uint64_t run) const {
  std::lock_guard lock(mutex_);
  if (!runs_.contains(run)) return absl::NotFoundError(absl::StrCat("no run ", run));
  return absl::StrCat(store_->Folder(run), "/output");
}

}  // namespace gradloom
