// A run as this worker serves it: its data opened, its trials' workloads built. Immutable and
// thread-safe; tasks under way share it.
#ifndef GRADLOOM_WORKER_SERVED_RUN_H_
#define GRADLOOM_WORKER_SERVED_RUN_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "gradloom/v1/worker.pb.h"
#include "models/data/dataset.h"
#include "models/workloads/job_plans.h"
#include "models/workloads/workload.h"
#include "worker/straggler.h"

namespace gradloom {

// Straggling that the worker's flags ask for.
struct StraggleFlags {
  std::optional<v1::StraggleSpec> model;  // instead of the run file's model
  std::vector<uint64_t> crash_at_jobs;
  std::vector<std::pair<uint64_t, absl::Duration>> freeze_at_jobs;
};

struct ServedTrial {
  std::unique_ptr<Workload> workload;
  std::optional<JobPlans> plans;
  uint64_t seed = 0;
};

struct ServedRun {
  uint64_t serial = 0;  // unique in this process: keys caches
  uint64_t run = 0;
  std::shared_ptr<const Dataset> data;  // the training set
  std::shared_ptr<const Dataset> test;  // null: there is none
  uint64_t test_checksum = 0;           // of the coordinator's; 0: it has none
  std::vector<ServedTrial> trials;
  Straggler straggler;
  v1::NumberFormat reply_format = v1::FP32;
  bool exact_parameters = true;  // tasks read them as they are
  uint32_t frame_bytes = 0;
  std::string offer;  // its OfferKey
};

// Of equal offers, so that one after a reconnect finds everything in place. A new life of a run has
// other parameters, but the same data.
std::string OfferKey(v1::RunOffer offer);

// Errors name the field and what is legal: missing or damaged data, data of another checksum than
// the coordinator's, a workload that does not fit the data. Relative files are relative to
// `data_folder`.
absl::StatusOr<std::shared_ptr<const ServedRun>> OpenRun(const v1::RunOffer& offer,
                                                         const std::string& data_folder,
                                                         const StraggleFlags& straggle);

}  // namespace gradloom

#endif  // GRADLOOM_WORKER_SERVED_RUN_H_
