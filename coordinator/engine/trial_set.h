// The trials of a run and the run's numbering of their lanes: trial by trial. Immutable; the trials
// are thread-safe themselves.
#ifndef GRADLOOM_COORDINATOR_ENGINE_TRIAL_SET_H_
#define GRADLOOM_COORDINATOR_ENGINE_TRIAL_SET_H_

#include <algorithm>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "coordinator/engine/trial.h"

namespace gradloom {

class TrialSet {
 public:
  explicit TrialSet(std::vector<std::unique_ptr<Trial>> trials) : trials_(std::move(trials)) {
    for (size_t trial = 0; trial < trials_.size(); ++trial) {
      first_lane_.push_back(lanes());
      for (int lane = 0; lane < trials_[trial]->lanes(); ++lane) {
        lanes_.push_back({static_cast<int>(trial), lane});
      }
    }
  }

  struct Place {
    int trial = 0;
    int lane = 0;  // of the trial
  };
  int lanes() const { return static_cast<int>(lanes_.size()); }
  Place place(int lane) const { return lanes_[lane]; }
  int lane(int trial, int lane_of_trial) const { return first_lane_[trial] + lane_of_trial; }
  Trial& of_lane(int lane) const { return *trials_[lanes_[lane].trial]; }
  const LaneSpec& lane_spec(int lane) const {
    return of_lane(lane).workload().lanes()[lanes_[lane].lane];
  }
  const std::vector<std::unique_ptr<Trial>>& trials() const { return trials_; }

  bool finished() const {
    return std::all_of(trials_.begin(), trials_.end(),
                       [](const std::unique_ptr<Trial>& trial) { return trial->finished(); });
  }
  // Of the whole run; lanes of the trial.
  std::vector<int> FinishedLanes(int trial) const {
    std::vector<int> finished;
    for (int lane = 0; lane < trials_[trial]->lanes(); ++lane) {
      if (trials_[trial]->progress(lane).finished) finished.push_back(first_lane_[trial] + lane);
    }
    return finished;
  }

 private:
  std::vector<std::unique_ptr<Trial>> trials_;
  std::vector<Place> lanes_;
  std::vector<int> first_lane_;  // of a trial
};

}  // namespace gradloom

#endif  // GRADLOOM_COORDINATOR_ENGINE_TRIAL_SET_H_
