#include "worker/run_opener.h"

#include <exception>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "proto/ops/logging.h"
#include "proto/ops/steady_clock.h"

namespace gradloom {
namespace {

v1::FromWorker Answer(const v1::RunOffer& offer,
                      const absl::StatusOr<std::shared_ptr<const ServedRun>>& run) {
  v1::FromWorker message;
  v1::RunReady& ready = *message.mutable_run_ready();
  ready.set_run(offer.run());
  if (run.ok()) {
    ready.set_data_checksum((*run)->data->info().checksum);
    ready.set_examples(static_cast<uint64_t>((*run)->data->info().examples));
    Log(LogLevel::kInfo, "run ready",
        {{"run", offer.run()}, {"name", offer.spec().name()}, {"trials", offer.trials_size()}});
  } else {
    ready.set_error(std::string(run.status().message()));
    Log(LogLevel::kError, "run cannot be served, will be tried again",
        {{"run", offer.run()}, {"error", ready.error()}});
  }
  return message;
}

}  // namespace

RunOpener::RunOpener(WorkerResources& resources, Tell tell)
    : resources_(resources),
      tell_(std::move(tell)),
      offers_(resources.options.open_again_first, resources.options.open_again_most) {}

void RunOpener::Start() {
  thread_ = std::jthread([this] { OpenRuns(); });
}

void RunOpener::Offer(const v1::RunOffer& offer) {
  const MutexLock lock(mutex_);
  offers_.Add(offer, SteadyNow());
  changed_.NotifyAll();
}

void RunOpener::EndRun(uint64_t run) {
  {
    const MutexLock lock(mutex_);
    offers_.EndRun(run);
    open_.erase(run);
  }
  resources_.Close(run);
}

std::shared_ptr<const ServedRun> RunOpener::Find(uint64_t run) const {
  const MutexLock lock(mutex_);
  const auto found = open_.find(run);
  return found == open_.end() ? nullptr : found->second;
}

void RunOpener::End() {
  {
    const MutexLock lock(mutex_);
    ending_ = true;
    changed_.NotifyAll();
  }
  if (thread_.joinable()) thread_.join();
}

absl::StatusOr<std::shared_ptr<const ServedRun>> RunOpener::Open(const v1::RunOffer& offer) {
  try {
    return resources_.Open(offer);
  } catch (const std::exception& error) {  // out of memory, say
    return absl::ResourceExhaustedError(absl::StrCat("the run cannot be opened: ", error.what()));
  }
}

std::optional<OfferBook::Attempt> RunOpener::NextAttempt() {
  const MutexLock lock(mutex_);
  while (!ending_) {
    const absl::Time now = SteadyNow();
    if (std::optional<OfferBook::Attempt> attempt = offers_.Take(now)) return attempt;
    const absl::Time next = offers_.NextTime();
    if (next == absl::InfiniteFuture()) {
      changed_.Wait(mutex_);
    } else {
      changed_.WaitFor(mutex_, next - now);
    }
  }
  return std::nullopt;
}

void RunOpener::OpenRuns() {
  while (const std::optional<OfferBook::Attempt> attempt = NextAttempt()) {
    const absl::Time begin = SteadyNow();
    const auto run = Open(attempt->offer);
    const std::string error(run.status().message());
    OfferBook::News news = OfferBook::News::kNone;
    {
      const MutexLock lock(mutex_);
      const absl::Time now = SteadyNow();
      news = offers_.Done(*attempt, error, now, now - begin);
      if (news == OfferBook::News::kTell && run.ok()) open_[attempt->offer.run()] = *run;
    }
    if (news == OfferBook::News::kOutdated) resources_.Close(attempt->offer.run());
    if (news == OfferBook::News::kTell) tell_(Answer(attempt->offer, run));
  }
}

}  // namespace gradloom
