// What is remembered of the latest invocations of each run, the oldest (least) forgotten first.
// Thread-compatible.
#ifndef GRADLOOM_WORKER_LATEST_INVOCATIONS_H_
#define GRADLOOM_WORKER_LATEST_INVOCATIONS_H_

#include <cstddef>
#include <cstdint>
#include <map>

namespace gradloom {

template <typename Record>
class LatestInvocations {
 public:
  // A fresh record if the invocation is not known.
  Record& Of(uint64_t run, uint64_t invocation) {
    std::map<uint64_t, Record>& of_run = runs_[run];
    while (of_run.size() >= kMax && !of_run.contains(invocation)) of_run.erase(of_run.begin());
    return of_run[invocation];
  }
  // Null if it is not known.
  const Record* Find(uint64_t run, uint64_t invocation) const {
    const auto of_run = runs_.find(run);
    if (of_run == runs_.end()) return nullptr;
    const auto found = of_run->second.find(invocation);
    return found == of_run->second.end() ? nullptr : &found->second;
  }
  void EndRun(uint64_t run) { runs_.erase(run); }

 private:
  static constexpr size_t kMax = 1024;
  std::map<uint64_t, std::map<uint64_t, Record>> runs_;
};

}  // namespace gradloom

#endif  // GRADLOOM_WORKER_LATEST_INVOCATIONS_H_
