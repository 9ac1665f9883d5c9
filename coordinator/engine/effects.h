// The loop's way to what may take long: decoding and applying, evaluating, the disk. Calls return
// at once; what they brought about comes back to the loop as an event, exactly one for each call.
#ifndef GRADLOOM_COORDINATOR_ENGINE_EFFECTS_H_
#define GRADLOOM_COORDINATOR_ENGINE_EFFECTS_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "coordinator/core/events.h"
#include "coordinator/core/invocation.h"
#include "coordinator/data_plane/job_sum.h"
#include "gradloom/v1/run.pb.h"
#include "models/workloads/workload.h"

namespace gradloom {

// A part of a view's evaluation that is the coordinator's to compute.
struct EvaluateChunk {
  uint64_t id = 0;
  int trial = 0;
  int64_t view = 0;
  TestChunk rows;   // nothing where the workload has its own test
  std::string isa;  // the level to compute at, where the processor has it
};

class Effects {
 public:
  virtual ~Effects() = default;
  // JobApplied, ViewDue with it, or EffectFailed. Nothing is added to `sum` meanwhile.
  // `count_tolerance`: of the examples that the decoded sum counts, relative.
  virtual void Apply(const ApplyJob& apply, std::shared_ptr<const JobSum> sum,
                     double count_tolerance) = 0;
  // JobMissed, ViewDue with it, or EffectFailed.
  virtual void Miss(const MissJob& miss) = 0;
  // EvaluationAnswered, of worker 0, or EffectFailed. Keeps no update waiting. The view is due
  // until then.
  virtual void Evaluate(const EvaluateChunk& chunk) = 0;
  // The trial's first view that is due is evaluated: takes note of it. EvaluationTaken or
  // EffectFailed.
  virtual void TakeEvaluation(int trial, int64_t view, const Evaluation& evaluation) = 0;
  // CheckpointSaved.
  virtual void Checkpoint() = 0;
  // RunClosed: after every effect asked for before, the last checkpoint and the run's final files
  // are written, which tell of `state` and `error`. `spec`: as it was settled.
  virtual void Finish(const v1::RunSpec& spec, int state, const std::string& error,
                      std::vector<InvocationObserved> invocations) = 0;
};

}  // namespace gradloom

#endif  // GRADLOOM_COORDINATOR_ENGINE_EFFECTS_H_
