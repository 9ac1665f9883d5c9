#include "worker/delay_book.h"

#include <algorithm>

namespace gradloom {

DelayBook::Begun DelayBook::Begin(uint64_t run, const v1::Task& task, const Straggler& straggler,
                                  absl::Time now) {
  const auto until = [&] { return now + straggler.Delay(task.slot(), task.slot_invocation()); };
  if (task.invocation() == 0) return {until(), true};
  Invocation& invocation = invocations_.Of(run, task.invocation());
  if (!invocation.slow_until.has_value()) invocation.slow_until = until();
  return {*invocation.slow_until, invocation.jobs.insert(task.job()).second};
}

absl::Duration DelayBook::Left(uint64_t run, const v1::Task& task, const Straggler& straggler,
                               absl::Time now) const {
  const Invocation* known = invocations_.Find(run, task.invocation());
  if (known == nullptr || task.invocation() == 0) {
    return straggler.Delay(task.slot(), task.slot_invocation());
  }
  return std::max(absl::ZeroDuration(), *known->slow_until - now);
}

}  // namespace gradloom
