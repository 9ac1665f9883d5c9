// The plans of a trial's jobs, by how many examples a job is asked to have. Immutable and
// thread-safe.
#ifndef GRADLOOM_MODELS_WORKLOADS_JOB_PLANS_H_
#define GRADLOOM_MODELS_WORKLOADS_JOB_PLANS_H_

#include <cstdint>
#include <memory>

#include "gradloom/v1/request.pb.h"
#include "gradloom/v1/run.pb.h"
#include "models/data/job_plan.h"
#include "models/workloads/workload.h"

namespace gradloom {

class JobPlans {
 public:
  // `workload` must outlive the plans.
  JobPlans(const Workload& workload, const v1::TrainingSpec& training, uint64_t seed)
      : workload_(&workload),
        training_(training),
        seed_(seed),
        usual_(workload.PlanJobs(training, seed)) {}

  // Of jobs that ask for nothing else.
  const JobPlan& usual() const { return *usual_; }
  std::shared_ptr<const JobPlan> For(const v1::Request& request) const {
    if (request.examples() == 0) return usual_;
    v1::TrainingSpec training = training_;
    training.set_batch_size(request.examples());
    return workload_->PlanJobs(training, seed_);
  }
  // Which of the plan's draws job `job` computes on.
  static int64_t Batch(const v1::Request& request, int64_t job) {
    return request.has_batch() ? static_cast<int64_t>(request.batch()) : job;
  }

 private:
  const Workload* workload_;
  v1::TrainingSpec training_;
  uint64_t seed_;
  std::shared_ptr<const JobPlan> usual_;
};

}  // namespace gradloom

#endif  // GRADLOOM_MODELS_WORKLOADS_JOB_PLANS_H_
