// The coordinator's Prometheus metrics, declared once. Thread-safe.
#ifndef GRADLOOM_COORDINATOR_METRICS_COORDINATOR_METRICS_H_
#define GRADLOOM_COORDINATOR_METRICS_COORDINATOR_METRICS_H_

#include <memory>

#include "prometheus/counter.h"
#include "prometheus/gauge.h"
#include "prometheus/histogram.h"
#include "prometheus/registry.h"

namespace gradloom {

class CoordinatorMetrics {
 public:
  CoordinatorMetrics();
  std::shared_ptr<prometheus::Registry> registry() const { return registry_; }

 private:
  std::shared_ptr<prometheus::Registry> registry_;

 public:
  prometheus::Counter& rounds;
  prometheus::Histogram& round_seconds;
  prometheus::Counter& straggler_slots;
  prometheus::Counter& wait_avoided_seconds;
  prometheus::Counter& jobs;
  prometheus::Histogram& apply_seconds;
  prometheus::Counter& replies;
  prometheus::Counter& replies_late;
  prometheus::Counter& jobs_missed;
  prometheus::Counter& jobs_late;
  prometheus::Counter& reply_bytes;
  prometheus::Counter& replies_refused;
  prometheus::Counter& replies_differing;
  prometheus::Counter& parameter_bytes;
  prometheus::Counter& task_failures;
  prometheus::Counter& workers_lost;
  prometheus::Counter& workers_rested;
  prometheus::Gauge& workers;
  prometheus::Gauge& runs_active;
  prometheus::Counter& checkpoints;
  prometheus::Histogram& checkpoint_seconds;
  prometheus::Family<prometheus::Gauge>& trial_loss;
  prometheus::Family<prometheus::Gauge>& trial_accuracy;
};

}  // namespace gradloom

#endif  // GRADLOOM_COORDINATOR_METRICS_COORDINATOR_METRICS_H_
