// Threads for the pure searches: the adapter of ParallelFor.
#ifndef GRADLOOM_COORDINATOR_CLI_PARALLEL_FOR_H_
#define GRADLOOM_COORDINATOR_CLI_PARALLEL_FOR_H_

#include "coordinator/tuning/choice_search.h"

namespace gradloom {

// `threads` threads take the next number each; 1: the caller's own.
ParallelFor ThreadedFor(int threads);

}  // namespace gradloom

#endif  // GRADLOOM_COORDINATOR_CLI_PARALLEL_FOR_H_
