#include "coordinator/engine/status_book.h"

#include <algorithm>

namespace gradloom {
namespace {

constexpr int kWarningsMax = 8;

}  // namespace

v1::RunStatus StatusBook::Get() const {
  const MutexLock lock(mutex_);
  return status_;
}

bool StatusBook::ended() const {
  const MutexLock lock(mutex_);
  return IsEnded(status_.state());
}

void StatusBook::Change(absl::FunctionRef<void(v1::RunStatus&)> change) {
  const MutexLock lock(mutex_);
  change(status_);
  if (IsEnded(status_.state())) ended_.NotifyAll();
}

void StatusBook::Warn(const std::string& warning) {
  const MutexLock lock(mutex_);
  auto& warnings = *status_.mutable_warnings();
  warnings.erase(std::remove(warnings.begin(), warnings.end(), warning), warnings.end());
  if (warnings.size() >= kWarningsMax) warnings.erase(warnings.begin());
  *warnings.Add() = warning;
}

void StatusBook::WaitForEnd(absl::Duration limit) const {
  const MutexLock lock(mutex_);
  while (!IsEnded(status_.state())) {
    if (!ended_.WaitFor(mutex_, limit)) return;
  }
}

}  // namespace gradloom
