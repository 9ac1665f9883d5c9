// The series that belong to one run's trials. They are there while the run is active and go with
// it, however it ends, so that /metrics does not grow with the runs there have been; what a trial
// came to stands in the run's summary.
#ifndef GRADLOOM_COORDINATOR_METRICS_RUN_SERIES_H_
#define GRADLOOM_COORDINATOR_METRICS_RUN_SERIES_H_

#include <cstdint>
#include <set>
#include <string>

#include "coordinator/metrics/coordinator_metrics.h"
#include "prometheus/family.h"
#include "prometheus/gauge.h"
#include "proto/ops/mutex.h"

namespace gradloom {

// Thread-safe. At a time one per run.
class RunSeries {
 public:
  // `metrics` must outlive this.
  RunSeries(CoordinatorMetrics& metrics, uint64_t run) : metrics_(metrics), run_(run) {}
  ~RunSeries() { Close(); }
  RunSeries(const RunSeries&) = delete;
  RunSeries& operator=(const RunSeries&) = delete;

  void SetLoss(const std::string& trial, double loss);
  void SetAccuracy(const std::string& trial, double accuracy);
  // Takes them away. What is set afterwards (by an effect that ends late) is ignored.
  void Close();

 private:
  using Gauges = prometheus::Family<prometheus::Gauge>;

  prometheus::Labels LabelsOf(const std::string& trial) const;
  void Set(Gauges& gauges, std::set<std::string>* trials, const std::string& trial, double value)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  CoordinatorMetrics& metrics_;
  const uint64_t run_;
  Mutex mutex_;
  bool closed_ ABSL_GUARDED_BY(mutex_) = false;
  std::set<std::string> with_loss_ ABSL_GUARDED_BY(mutex_);
  std::set<std::string> with_accuracy_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace gradloom

#endif  // GRADLOOM_COORDINATOR_METRICS_RUN_SERIES_H_
