#include "coordinator/metrics/coordinator_metrics.h"

#include <string>

namespace gradloom {
namespace {

prometheus::Counter& Counter(prometheus::Registry& registry, const std::string& name,
                             const std::string& help) {
  return prometheus::BuildCounter()
      .Name("gradloom_coordinator_" + name)
      .Help(help)
      .Register(registry)
      .Add({});
}

prometheus::Gauge& Gauge(prometheus::Registry& registry, const std::string& name,
                         const std::string& help) {
  return prometheus::BuildGauge()
      .Name("gradloom_coordinator_" + name)
      .Help(help)
      .Register(registry)
      .Add({});
}

prometheus::Family<prometheus::Gauge>& GaugeFamily(prometheus::Registry& registry,
                                                   const std::string& name,
                                                   const std::string& help) {
  return prometheus::BuildGauge()
      .Name("gradloom_coordinator_" + name)
      .Help(help)
      .Register(registry);
}

prometheus::Histogram& Seconds(prometheus::Registry& registry, const std::string& name,
                               const std::string& help) {
  return prometheus::BuildHistogram()
      .Name("gradloom_coordinator_" + name)
      .Help(help)
      .Register(registry)
      .Add({}, prometheus::Histogram::BucketBoundaries{0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3, 10,
                                                       30, 100, 300});
}

}  // namespace

CoordinatorMetrics::CoordinatorMetrics()
    : registry_(std::make_shared<prometheus::Registry>()),
      rounds(Counter(*registry_, "rounds_total", "Rounds closed")),
      round_seconds(Seconds(*registry_, "round_seconds", "Duration of rounds")),
      straggler_slots(Counter(*registry_, "straggler_slots_total",
                              "Slots that had not answered when their round closed")),
      wait_avoided_seconds(Counter(*registry_, "wait_avoided_seconds_total",
                                   "What waiting for every slot would have cost in addition")),
      jobs(Counter(*registry_, "jobs_total", "Jobs decoded and applied")),
      apply_seconds(Seconds(*registry_, "apply_seconds", "Decoding and applying a job")),
      replies(Counter(*registry_, "replies_total", "Whole replies received")),
      replies_late(Counter(*registry_, "replies_late_total", "Replies after their round closed")),
      jobs_missed(Counter(*registry_, "jobs_missed_total", "Jobs that were given up")),
      jobs_late(Counter(*registry_, "jobs_late_total", "Jobs applied after they were given up")),
      reply_bytes(Counter(*registry_, "reply_bytes_total", "Payload bytes of replies")),
      replies_refused(Counter(*registry_, "replies_refused_total",
                              "Replies that were no longer wanted, or damaged")),
      replies_differing(Counter(*registry_, "replies_differing_total",
                                "Frames that differ from a replica's: a worker computes wrongly")),
      parameter_bytes(Counter(*registry_, "parameter_bytes_total",
                              "Payload bytes of parameters sent to workers")),
      task_failures(Counter(*registry_, "task_failures_total", "Tasks that a worker gave up")),
      workers_lost(Counter(*registry_, "workers_lost_total", "Worker connections lost")),
      workers_rested(Counter(*registry_, "workers_rested_total",
                             "Workers whose slots went to others for a while: they failed at "
                             "tasks, or did not answer")),
      workers(Gauge(*registry_, "workers", "Workers connected")),
      runs_active(Gauge(*registry_, "runs_active", "Runs waiting or running")),
      checkpoints(Counter(*registry_, "checkpoints_total", "Checkpoints written")),
      checkpoint_seconds(Seconds(*registry_, "checkpoint_seconds", "Writing a checkpoint")),
      trial_loss(GaugeFamily(*registry_, "trial_loss", "Mean training loss of the last job")),
      trial_accuracy(GaugeFamily(*registry_, "trial_accuracy", "Last accuracy on the test data")) {}

}  // namespace gradloom
