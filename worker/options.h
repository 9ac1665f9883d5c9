// What a worker is told by its flags.
#ifndef GRADLOOM_WORKER_OPTIONS_H_
#define GRADLOOM_WORKER_OPTIONS_H_

#include <cstddef>
#include <cstdint>
#include <string>

#include "absl/time/time.h"
#include "proto/wire/heartbeat.h"
#include "worker/reconnect.h"
#include "worker/served_run.h"

namespace gradloom {

struct WorkerOptions {
  std::string coordinator;  // HOST:PORT
  std::string name;
  // Drawn at random when the process starts: tells it from another worker of its name. 0: unknown.
  uint64_t instance = 0;
  int capacity = 1;             // tasks computed at a time
  std::string isa;              // level in use, as told to the coordinator
  std::string metrics_address;  // as told to the coordinator; "" when none
  std::string data_folder;      // of relative data files
  // For versions of parameters (a quarter) and examples (the rest).
  size_t cache_bytes = size_t{2} << 30;
  absl::Duration heartbeat_every = kHeartbeatEvery;
  ReconnectOptions reconnect;
  // Pauses before a run that cannot be opened is tried again.
  absl::Duration open_again_first = absl::Seconds(1);
  absl::Duration open_again_most = absl::Minutes(1);
  StraggleFlags straggle;
};

}  // namespace gradloom

#endif  // GRADLOOM_WORKER_OPTIONS_H_
