// The product-limit estimate (Kaplan and Meier 1958) of a distribution from values of which some
// are only known to be exceeded. Pure.
#ifndef GRADLOOM_COORDINATOR_TUNING_SURVIVAL_CURVE_H_
#define GRADLOOM_COORDINATOR_TUNING_SURVIVAL_CURVE_H_

#include <vector>

namespace gradloom {

class SurvivalCurve {
 public:
  struct Value {
    double value = 0;
    bool at_least = false;
  };

  explicit SurvivalCurve(std::vector<Value> values);

  // What is left where the curve stops knowing; 1 when nothing is known.
  double known_until() const { return survival_.empty() ? 1 : survival_.back(); }
  // The largest known value.
  double end() const { return end_; }
  // P(X > value).
  double Survival(double value) const;
  // The least value that a share of 1 - survival does not exceed, survival in (0, 1]. Beyond the
  // largest known value the curve falls exponentially with the mean excess of its upper half.
  double AtSurvival(double survival) const;

 private:
  std::vector<double> values_;    // known ones, ascending
  std::vector<double> survival_;  // after each
  double end_ = 0;                // where the curve stops knowing
  double excess_ = 0;             // mean excess beyond it
};

// The log-rank statistic (Mantel 1966) of two samples, standard normal if both have one
// distribution: positive when the first ends sooner.
double LogRank(const std::vector<SurvivalCurve::Value>& first,
               const std::vector<SurvivalCurve::Value>& second);

}  // namespace gradloom

#endif  // GRADLOOM_COORDINATOR_TUNING_SURVIVAL_CURVE_H_
