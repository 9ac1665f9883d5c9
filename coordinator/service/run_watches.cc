#include "coordinator/service/run_watches.h"

#include <chrono>
#include <utility>

#include "absl/strings/str_cat.h"
#include "coordinator/service/grpc_status.h"

namespace gradloom {
namespace {

constexpr std::chrono::milliseconds kEvery(200);

bool Ended(v1::RunState state) {
  return state == v1::SUCCEEDED || state == v1::FAILED || state == v1::CANCELLED;
}

}  // namespace

// One status, shared by all who are told of it.
struct RunWatches::Update {
  v1::WatchResponse response;
  std::string bytes;
  bool last = false;
};

// One stream. Kept alive by the list and, until OnDone, by itself.
class RunWatches::Watcher final : public grpc::ServerWriteReactor<v1::WatchResponse> {
 public:
  Watcher(RunWatches* watches, uint64_t run) : run_(run), watches_(watches) {}

  uint64_t run() const { return run_; }
  void Keep(std::shared_ptr<Watcher> self) { self_ = std::move(self); }

  void Tell(std::shared_ptr<const Update> update) {
    std::lock_guard lock(mutex_);
    if (finished_ || update == newest_) return;
    newest_ = std::move(update);
    if (writing_ == nullptr) WriteLocked();
  }

  void End(const grpc::Status& status) {
    std::lock_guard lock(mutex_);
    FinishLocked(status);
  }

  void OnWriteDone(bool ok) override {
    std::lock_guard lock(mutex_);
    const auto written = std::exchange(writing_, nullptr);
    if (!ok) FinishLocked(grpc::Status::CANCELLED);
    if (!finished_ && newest_ != written) WriteLocked();
  }
  void OnCancel() override { End(grpc::Status::CANCELLED); }
  void OnDone() override {
    watches_->Remove(this);
    self_.reset();
  }

 private:
  void WriteLocked() {
    writing_ = newest_;
    if (!newest_->last) {
      StartWrite(&newest_->response);
      return;
    }
    finished_ = true;
    StartWriteAndFinish(&newest_->response, grpc::WriteOptions(), grpc::Status::OK);
  }
  void FinishLocked(const grpc::Status& status) {
    if (std::exchange(finished_, true)) return;
    Finish(status);
  }

  const uint64_t run_;
  RunWatches* watches_;
  std::shared_ptr<Watcher> self_;
  std::mutex mutex_;
  std::shared_ptr<const Update> newest_, writing_;
  bool finished_ = false;
};

RunWatches::RunWatches(Runs runs, size_t most)
    : runs_(std::move(runs)),
      most_(most),
      thread_([this](const std::stop_token& stop) { Loop(stop); }) {}

RunWatches::~RunWatches() = default;

grpc::ServerWriteReactor<v1::WatchResponse>* RunWatches::Watch(uint64_t run) {
  std::lock_guard lock(mutex_);
  if (stopped_) {
    return new RefusedStream<v1::WatchResponse>(
        grpc::Status(grpc::StatusCode::UNAVAILABLE, "the coordinator stops"));
  }
  if (watchers_.size() >= most_) {
    return new RefusedStream<v1::WatchResponse>(grpc::Status(
        grpc::StatusCode::RESOURCE_EXHAUSTED,
        absl::StrCat(most_,
                     " watches are under way, which is the limit; try again later, or ask "
                     "with gradloom status")));
  }
  auto watcher = std::make_shared<Watcher>(this, run);
  watcher->Keep(watcher);
  watchers_.push_back(watcher);
  woken_ = true;
  changed_.notify_all();
  return watcher.get();
}

void RunWatches::Wake() {
  std::lock_guard lock(mutex_);
  woken_ = true;
  changed_.notify_all();
}

void RunWatches::Stop() {
  std::list<std::shared_ptr<Watcher>> watchers;
  {
    std::lock_guard lock(mutex_);
    stopped_ = true;
    watchers = watchers_;
  }
  for (const auto& watcher : watchers) {
    watcher->End(grpc::Status(grpc::StatusCode::UNAVAILABLE, "the coordinator stops"));
  }
}

void RunWatches::Remove(Watcher* watcher) {
  std::lock_guard lock(mutex_);
  watchers_.remove_if([watcher](const auto& one) { return one.get() == watcher; });
}

void RunWatches::Loop(const std::stop_token& stop) {
  while (!stop.stop_requested()) {
    std::map<uint64_t, std::list<std::shared_ptr<Watcher>>> by_run;
    {
      std::unique_lock lock(mutex_);
      // Nobody to tell: nothing to do until somebody comes.
      if (watchers_.empty()) changed_.wait(lock, stop, [this] { return woken_; });
      changed_.wait_for(lock, stop, kEvery, [this] { return woken_; });
      woken_ = false;
      if (stopped_) continue;
      for (const auto& watcher : watchers_) by_run[watcher->run()].push_back(watcher);
    }
    std::erase_if(told_, [&](const auto& told) { return !by_run.contains(told.first); });
    for (const auto& [run, watchers] : by_run) Tell(run, watchers);
  }
}

void RunWatches::Tell(uint64_t run, const std::list<std::shared_ptr<Watcher>>& watchers) {
  absl::StatusOr<v1::RunStatus> status = runs_.status(run);
  if (!status.ok()) {
    for (const auto& watcher : watchers) watcher->End(ToGrpc(status.status()));
    return;
  }
  auto update = std::make_shared<Update>();
  *update->response.mutable_status() = *std::move(status);
  update->bytes = update->response.SerializeAsString();
  update->last = Ended(update->response.status().state());
  std::shared_ptr<const Update>& told = told_[run];
  if (told == nullptr || told->bytes != update->bytes) told = update;
  for (const auto& watcher : watchers) watcher->Tell(told);
  if (told->last) runs_.ended();
}

}  // namespace gradloom
