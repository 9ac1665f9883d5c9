// A genuine freeze: the whole process stops, heartbeats and all, as if its machine hung.
#ifndef GRADLOOM_WORKER_FREEZE_H_
#define GRADLOOM_WORKER_FREEZE_H_

#include "absl/time/time.h"

namespace gradloom {

// Stops this process (SIGSTOP) until a forked child wakes it (SIGCONT) after `duration`. Without
// effect in the first process of a container, which Linux does not let stop: run it under an init.
void FreezeProcess(absl::Duration duration);

}  // namespace gradloom

#endif  // GRADLOOM_WORKER_FREEZE_H_
