// What a multi-block bilevel problem is made of, apart from how it is solved:
//   min_x (1/m) sum_i f_i(x, y_i(x)),   y_i(x) = argmin_y g_i(x, y),
// g_i a mean over block i's training rows, f_i over its validation rows, both plus terms that no
// row has a part in. In double: replies are differences of nearby gradients. Immutable and
// thread-safe.
#ifndef GRADLOOM_MODELS_WORKLOADS_BILEVEL_PROBLEM_H_
#define GRADLOOM_MODELS_WORKLOADS_BILEVEL_PROBLEM_H_

#include <cstdint>
#include <span>

namespace gradloom {

// Sizes, and where the rows of blocks lie in the data set: block by block, in each the training
// rows before the validation rows; or all blocks have the same rows.
struct BilevelShape {
  int blocks = 0;                                  // m
  int64_t dx = 0;                                  // of x
  int64_t dy = 0;                                  // of y_i
  int64_t training_rows = 0, validation_rows = 0;  // of a block
  bool shared_rows = false;

  int64_t block_rows() const { return training_rows + validation_rows; }
  int64_t rows() const { return shared_rows ? block_rows() : blocks * block_rows(); }
  int64_t hessian_size() const { return dy * (dy + 1) / 2; }
  // The data set's number of a block's k-th row of either kind.
  int64_t Row(int block, bool validation, int64_t k) const {
    return (shared_rows ? 0 : block * block_rows()) + (validation ? training_rows : 0) + k;
  }
  // And back; block is -1 where all blocks have the row.
  struct Place {
    int block;
    bool validation;
  };
  Place PlaceOf(int64_t row) const {
    return {shared_rows ? -1 : static_cast<int>(row / block_rows()),
            row % block_rows() >= training_rows};
  }
};

// One row; `columns` is empty when values has all features.
struct BilevelRow {
  int64_t number = 0;  // in the data set
  std::span<const int32_t> columns;
  std::span<const float> values;
  float target = 0;

  // a^T y, and y += by * a.
  double Dot(std::span<const double> y) const;
  void AddTo(double by, std::span<double> y) const;
};

struct BilevelPoint {
  std::span<const double> x, y, v;
};

// Sums at one point, to be added to; those that are empty are not wanted. H_xy is dx x dy.
struct BilevelTerms {
  std::span<double> gy;       // grad_y g
  std::span<double> q;        // H_yy g v - grad_y f
  std::span<double> gx;       // grad_x f - H_xy g v
  std::span<double> hessian;  // H_yy g: the lower triangle, row by row
  double loss = 0;            // f, not weighted
  double correct = 0;         // validation rows that y_i classifies rightly
};

class BilevelProblem {
 public:
  virtual ~BilevelProblem() = default;
  const BilevelShape& shape() const { return shape_; }
  // Whether rows come from the run's data, or are known to the problem by number.
  virtual bool reads_examples() const { return true; }

  virtual void InitialX(uint64_t seed, std::span<double> x) const = 0;
  // Onto the set of legal x.
  virtual void ProjectX(std::span<double> /*x*/) const {}

  // Add weight times the row's part, except to loss and correct.
  virtual void AddTraining(int block, const BilevelRow& row, const BilevelPoint& at, double weight,
                           BilevelTerms& terms) const = 0;
  virtual void AddValidation(int block, const BilevelRow& row, const BilevelPoint& at,
                             double weight, BilevelTerms& terms) const = 0;
  // What no row has a part in: g's ridge. A batch's part of weight w brings w of it, so that a
  // reply is complete in itself, however late.
  virtual void AddDataFree(int block, const BilevelPoint& at, double weight,
                           BilevelTerms& terms) const = 0;

 protected:
  explicit BilevelProblem(const BilevelShape& shape) : shape_(shape) {}

 private:
  BilevelShape shape_;
};

// Adds w a a^T to a packed lower triangle.
void AddOuter(const BilevelRow& row, double w, std::span<double> hessian);
void AddOuter(std::span<const double> a, double w, std::span<double> hessian);
inline void AddScaled(double by, std::span<const double> from, std::span<double> to) {
  for (size_t i = 0; i < to.size(); ++i) to[i] += by * from[i];
}
double Dot(std::span<const double> a, std::span<const double> b);

// Of the loss log(1 + exp(-m)) at margin m: its value, s = sigma(-m) (minus its slope) and its
// curvature k = s (1 - s). IEEE operations only, so replicas agree on every processor.
struct LogisticLoss {
  double value, s, k;
};
LogisticLoss LogisticLossAt(double margin);
double ExpOf(double x);
double SigmoidOf(double x);
double TanhOf(double x);

}  // namespace gradloom

#endif  // GRADLOOM_MODELS_WORKLOADS_BILEVEL_PROBLEM_H_
