#include "coordinator/metrics/run_series.h"

namespace gradloom {

prometheus::Labels RunSeries::LabelsOf(const std::string& trial) const {
  return {{"run", std::to_string(run_)}, {"trial", trial}};
}

void RunSeries::Set(Gauges& gauges, std::set<std::string>* trials, const std::string& trial,
                    double value) {
  if (closed_) return;
  trials->insert(trial);
  gauges.Add(LabelsOf(trial)).Set(value);
}

void RunSeries::SetLoss(const std::string& trial, double loss) {
  const MutexLock lock(mutex_);
  Set(metrics_.trial_loss, &with_loss_, trial, loss);
}

void RunSeries::SetAccuracy(const std::string& trial, double accuracy) {
  const MutexLock lock(mutex_);
  Set(metrics_.trial_accuracy, &with_accuracy_, trial, accuracy);
}

void RunSeries::Close() {
  const MutexLock lock(mutex_);
  closed_ = true;
  // Add finds the gauge that is there: none is kept, so none can be gone.
  for (const std::string& trial : with_loss_) {
    metrics_.trial_loss.Remove(&metrics_.trial_loss.Add(LabelsOf(trial)));
  }
  for (const std::string& trial : with_accuracy_) {
    metrics_.trial_accuracy.Remove(&metrics_.trial_accuracy.Add(LabelsOf(trial)));
  }
  with_loss_.clear();
  with_accuracy_.clear();
}

}  // namespace gradloom
