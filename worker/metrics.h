// The worker's Prometheus metrics, all named gradloom_worker_*. Thread-safe.
#ifndef GRADLOOM_WORKER_METRICS_H_
#define GRADLOOM_WORKER_METRICS_H_

#include <memory>
#include <string>

#include "prometheus/counter.h"
#include "prometheus/gauge.h"
#include "prometheus/histogram.h"
#include "prometheus/registry.h"

namespace gradloom {

class WorkerMetrics {
 public:
  WorkerMetrics(const std::string& worker, const std::string& isa);

  // To be served.
  std::shared_ptr<prometheus::Registry> registry() const { return registry_; }

 private:
  std::shared_ptr<prometheus::Registry> registry_;

 public:
  prometheus::Counter& tasks_done;     // accepted by the coordinator
  prometheus::Counter& tasks_late;     // sent, but no longer wanted
  prometheus::Counter& tasks_dropped;  // not finished, as told or because the stream ended
  prometheus::Counter& tasks_failed;
  prometheus::Counter& tasks_duplicate;  // assigned again, and ignored
  prometheus::Histogram& compute_seconds;
  prometheus::Counter& delay_seconds;  // of straggling on purpose
  prometheus::Counter& examples;
  prometheus::Counter& bytes_received;  // payload of parameters
  prometheus::Counter& bytes_sent;      // payload of replies
  prometheus::Counter& parameter_hits;
  prometheus::Counter& parameter_misses;
  prometheus::Counter& connections;
  prometheus::Gauge& connected;
  prometheus::Gauge& tasks_waiting;
};

}  // namespace gradloom

#endif  // GRADLOOM_WORKER_METRICS_H_
