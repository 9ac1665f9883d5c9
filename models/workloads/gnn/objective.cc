#include "models/workloads/gnn/objective.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>

#include "models/kernels/kernels.h"

namespace gradloom {
namespace {

// x (rows x units) y^T (columns x units) * scale.
Matrix Similarities(const float* x, int64_t rows, const float* y, int64_t columns, int64_t units,
                    float scale) {
  Matrix s(rows, columns);
  kernels().gemm(false, true, rows, columns, units, x, units, y, units, false, s.values.data(),
                 columns);
  for (float& value : s.values) value *= scale;
  return s;
}

// Every row to its softmax.
void Softmax(Matrix& logits) {
  for (int64_t i = 0; i < logits.rows; ++i) {
    float* const row = logits.row(i);
    const float top = *std::max_element(row, row + logits.columns);
    for (int64_t j = 0; j < logits.columns; ++j) row[j] -= top;
    kernels().exp(logits.columns, row, row);
    const float total = std::accumulate(row, row + logits.columns, 0.0f);
    for (int64_t j = 0; j < logits.columns; ++j) row[j] /= total;
  }
}

float Sigmoid(float x) {
  float size = -std::abs(x);
  kernels().exp(1, &size, &size);
  return x < 0 ? size / (1 + size) : 1 / (1 + size);
}

// What objectives on nodes have in common: a score a class.
class NodeObjective : public Objective {
 public:
  NodeObjective(Split split, int64_t nodes, int classes)
      : Objective(std::move(split)), nodes_(nodes), classes_(classes) {}

  std::vector<int32_t> Rows(std::span<const int64_t> ids) const override {
    std::vector<int32_t> rows;
    rows.reserve(ids.size());
    for (const int64_t id : ids) rows.push_back(split().train.node[id]);
    return rows;
  }
  Scores NoScores() const override { return {nodes_, classes_}; }
  Evaluation Judge(const Scores& scores, int64_t terms) const override {
    Evaluation evaluation;
    evaluation.examples = split().test.size();
    evaluation.accuracy = Accuracy(split().test, scores);
    evaluation.validation = Accuracy(split().validation, scores);
    for (int64_t i = 0; i < split().test.size(); ++i) {
      const auto label = static_cast<int64_t>(split().test.target[i]);
      evaluation.loss += SampleLoss(scores.row(split().test.node[i]), label, terms);
    }
    evaluation.loss /= static_cast<double>(split().test.size());
    return evaluation;
  }

 protected:
  std::vector<float> Targets(std::span<const int64_t> ids) const {
    std::vector<float> targets;
    targets.reserve(ids.size());
    for (const int64_t id : ids) targets.push_back(split().train.target[id]);
    return targets;
  }
  // Scores are sums of probabilities, unless said otherwise.
  virtual double SampleLoss(const float* scores, int64_t label, int64_t terms) const {
    return -std::log(std::max(1e-30, static_cast<double>(scores[label]) / terms));
  }
  int64_t nodes() const { return nodes_; }
  int classes() const { return classes_; }

 private:
  double Accuracy(const Samples& samples, const Scores& scores) const {
    int64_t correct = 0;
    for (int64_t i = 0; i < samples.size(); ++i) {
      const float* const row = scores.row(samples.node[i]);
      correct +=
          std::max_element(row, row + classes_) - row == static_cast<int64_t>(samples.target[i])
              ? 1
              : 0;
    }
    return static_cast<double>(correct) / static_cast<double>(samples.size());
  }

  int64_t nodes_;  // real ones
  int classes_;
};

class SimilarityObjective final : public NodeObjective {
 public:
  SimilarityObjective(Split split, int64_t nodes, int classes, float temperature)
      : NodeObjective(std::move(split), nodes, classes), scale_(1 / temperature) {}

  std::vector<int32_t> Rows(std::span<const int64_t> ids) const override {
    std::vector<int32_t> rows = NodeObjective::Rows(ids);
    for (int c = 0; c < classes(); ++c) rows.push_back(static_cast<int32_t>(nodes() + c));
    return rows;
  }
  LossSums Loss(std::span<const int64_t> ids, const std::vector<const Matrix*>& out,
                const Above* above, std::vector<Matrix>* gradients) const override {
    const auto rows = static_cast<int64_t>(ids.size());
    Matrix mixed;
    const Matrix& h = Mix(*out[0], above, Rows(ids), mixed);
    const int64_t units = h.columns;
    const float* const classes_h = h.row(rows);
    Matrix logits = Similarities(h.values.data(), rows, classes_h, classes(), units, scale_);
    const std::vector<float> targets = Targets(ids);
    const LossSums sums = ComputeLoss(LossKind::kSoftmax, kernels(), rows, classes(),
                                      logits.values.data(), targets.data(), logits.values.data());
    if (sums.bad_row >= 0) return sums;
    const float scale = above == nullptr ? scale_ : scale_ / static_cast<float>(1 + above->layers);
    for (float& value : logits.values) value *= scale;
    Matrix& gradient = (*gradients)[0] = Matrix(h.rows, units);
    kernels().gemm(false, false, rows, units, classes(), logits.values.data(), classes(), classes_h,
                   units, false, gradient.values.data(), units);
    kernels().gemm(true, false, classes(), units, rows, logits.values.data(), classes(),
                   h.values.data(), units, false, gradient.row(rows), units);
    return sums;
  }
  void AddScores(const Matrix& out, int /*view*/, const Above* above,
                 Scores& scores) const override {
    Matrix mixed;
    const Matrix& h = Mix(out, above, {}, mixed);
    Matrix logits =
        Similarities(h.values.data(), nodes(), h.row(nodes()), classes(), h.columns, scale_);
    Softmax(logits);
    kernels().add(nodes() * classes(), logits.values.data(), scores.values.data());
  }

 private:
  // The mean with the layers above; `rows` empty: all.
  static const Matrix& Mix(const Matrix& out, const Above* above, const std::vector<int32_t>& rows,
                           Matrix& mixed) {
    if (above == nullptr || above->layers == 0) return out;
    mixed = out;
    const float share = 1 / static_cast<float>(1 + above->layers);
    for (int64_t i = 0; i < out.rows; ++i) {
      const float* const upper = above->sum.row(rows.empty() ? i : rows[i]);
      for (int64_t j = 0; j < out.columns; ++j) {
        mixed.row(i)[j] = (mixed.row(i)[j] + upper[j]) * share;
      }
    }
    return mixed;
  }

  float scale_;
};

class LogitsObjective final : public NodeObjective {
 public:
  using NodeObjective::NodeObjective;

  LossSums Loss(std::span<const int64_t> ids, const std::vector<const Matrix*>& out,
                const Above* /*above*/, std::vector<Matrix>* gradients) const override {
    Matrix& gradient = (*gradients)[0] = Matrix(out[0]->rows, classes());
    const std::vector<float> targets = Targets(ids);
    return ComputeLoss(LossKind::kSoftmax, kernels(), gradient.rows, classes(),
                       out[0]->values.data(), targets.data(), gradient.values.data());
  }
  void AddScores(const Matrix& out, int /*view*/, const Above* /*above*/,
                 Scores& scores) const override {
    Matrix probabilities = out;
    Softmax(probabilities);
    kernels().add(nodes() * classes(), probabilities.values.data(), scores.values.data());
  }
};

float Goodness(const float* h, int64_t units) {
  float sum = 0;
  for (int64_t j = 0; j < units; ++j) sum += h[j] * h[j];
  return sum;
}

class GoodnessObjective final : public NodeObjective {
 public:
  GoodnessObjective(Split split, int64_t nodes, int classes, float threshold)
      : NodeObjective(std::move(split), nodes, classes), threshold_(threshold) {}

  LossSums Loss(std::span<const int64_t> ids, const std::vector<const Matrix*>& out,
                const Above* /*above*/, std::vector<Matrix>* gradients) const override {
    const auto rows = static_cast<int64_t>(ids.size());
    const int64_t units = out[0]->columns;
    LossSums sums;
    std::vector<float> scores(rows), slopes(rows);
    std::vector<float> right(rows), wrong(rows, -INFINITY);
    for (size_t view = 0; view < out.size(); ++view) {
      const float share = view == 0 ? 1 : 1 / static_cast<float>(out.size() - 1);
      for (int64_t i = 0; i < rows; ++i) {
        scores[i] = Goodness(out[view]->row(i), units) - threshold_;
        if (view == 0) right[i] = scores[i];
        if (view > 0) wrong[i] = std::max(wrong[i], scores[i]);
      }
      const std::vector<float> targets(rows, view == 0 ? 1.0f : 0.0f);
      const LossSums part = ComputeLoss(LossKind::kLogistic, kernels(), rows, 1, scores.data(),
                                        targets.data(), slopes.data());
      if (part.bad_row >= 0) return part;
      sums.loss += share * part.loss;
      Matrix& gradient = (*gradients)[view] = *out[view];
      for (int64_t i = 0; i < rows; ++i) {
        const float slope = 2 * share * slopes[i];
        for (int64_t j = 0; j < units; ++j) gradient.row(i)[j] *= slope;
      }
    }
    for (int64_t i = 0; i < rows; ++i) sums.correct += right[i] > wrong[i] ? 1 : 0;
    return sums;
  }
  void AddScores(const Matrix& out, int view, const Above* /*above*/,
                 Scores& scores) const override {
    for (int64_t i = 0; i < nodes(); ++i) {
      scores.row(i)[view] +=
          Goodness(out.row(i), out.columns) / static_cast<float>(out.columns) - threshold_;
    }
  }

 protected:
  double SampleLoss(const float* scores, int64_t label, int64_t /*terms*/) const override {
    const double top = *std::max_element(scores, scores + classes());
    double total = 0;
    for (int c = 0; c < classes(); ++c) total += std::exp(scores[c] - top);
    return std::log(total) - (scores[label] - top);
  }

 private:
  float threshold_;
};

// Area under the ROC curve: the probability that an edge scores higher than another pair.
double AreaUnderCurve(const Samples& pairs, const float* scores) {
  std::vector<int64_t> order(pairs.size());
  std::iota(order.begin(), order.end(), 0);
  std::sort(order.begin(), order.end(),
            [&](int64_t a, int64_t b) { return scores[a] < scores[b]; });
  double above = 0, joined = 0, apart = 0;
  for (size_t first = 0; first < order.size();) {
    size_t last = first;
    double joined_here = 0, apart_here = 0;
    while (last < order.size() && scores[order[last]] == scores[order[first]]) {
      (pairs.target[order[last++]] > 0 ? joined_here : apart_here) += 1;
    }
    above += joined_here * (apart + apart_here / 2);
    joined += joined_here;
    apart += apart_here;
    first = last;
  }
  return above / (joined * apart);
}

class LinkObjective final : public Objective {
 public:
  LinkObjective(Split split, bool goodness, float threshold)
      : Objective(std::move(split)), goodness_(goodness), threshold_(threshold) {}

  std::vector<int32_t> Rows(std::span<const int64_t> ids) const override {
    std::vector<int32_t> rows;
    for (const int64_t id : ids) {
      rows.push_back(split().train.node[id]);
      rows.push_back(split().train.other[id]);
    }
    std::sort(rows.begin(), rows.end());
    rows.erase(std::unique(rows.begin(), rows.end()), rows.end());
    return rows;
  }
  LossSums Loss(std::span<const int64_t> ids, const std::vector<const Matrix*>& out,
                const Above* /*above*/, std::vector<Matrix>* gradients) const override {
    const Matrix& h = *out[0];
    const std::vector<int32_t> rows = Rows(ids);
    const auto place = [&rows](int32_t node) {
      return std::lower_bound(rows.begin(), rows.end(), node) - rows.begin();
    };
    std::vector<std::pair<int64_t, int64_t>> ends;
    std::vector<float> scores, targets;
    for (const int64_t id : ids) {
      ends.emplace_back(place(split().train.node[id]), place(split().train.other[id]));
      scores.push_back(Score(h.row(ends.back().first), h.row(ends.back().second), h.columns));
      targets.push_back(split().train.target[id]);
    }
    const LossSums sums =
        ComputeLoss(LossKind::kLogistic, kernels(), static_cast<int64_t>(ids.size()), 1,
                    scores.data(), targets.data(), scores.data());
    if (sums.bad_row >= 0) return sums;
    Matrix& gradient = (*gradients)[0] = Matrix(h.rows, h.columns);
    for (size_t p = 0; p < ends.size(); ++p) {
      const auto [a, b] = ends[p];
      for (int64_t j = 0; j < h.columns; ++j) {
        const float x = h.row(a)[j], y = h.row(b)[j];
        const float slope = goodness_ ? 2 * scores[p] * x * y : scores[p];
        gradient.row(a)[j] += slope * y;
        gradient.row(b)[j] += slope * x;
      }
    }
    return sums;
  }
  void AddScores(const Matrix& out, int /*view*/, const Above* /*above*/,
                 Scores& scores) const override {
    float* score = scores.values.data();
    for (const Samples* samples : {&split().validation, &split().test}) {
      for (int64_t p = 0; p < samples->size(); ++p) {
        *score++ +=
            Sigmoid(Score(out.row(samples->node[p]), out.row(samples->other[p]), out.columns));
      }
    }
  }
  Scores NoScores() const override { return {split().validation.size() + split().test.size(), 1}; }
  Evaluation Judge(const Scores& scores, int64_t terms) const override {
    const float* const test = scores.values.data() + split().validation.size();
    Evaluation evaluation;
    evaluation.examples = split().test.size();
    evaluation.validation = AreaUnderCurve(split().validation, scores.values.data());
    evaluation.accuracy = AreaUnderCurve(split().test, test);
    for (int64_t p = 0; p < split().test.size(); ++p) {
      const double joined = static_cast<double>(test[p]) / terms;
      const double right = split().test.target[p] > 0 ? joined : 1 - joined;
      evaluation.loss -= std::log(std::max(1e-30, right));
    }
    evaluation.loss /= static_cast<double>(split().test.size());
    return evaluation;
  }

 private:
  float Score(const float* x, const float* y, int64_t units) const {
    float sum = 0;
    for (int64_t j = 0; j < units; ++j) {
      const float both = x[j] * y[j];
      sum += goodness_ ? both * both : both;
    }
    return goodness_ ? sum - threshold_ : sum;
  }

  bool goodness_;
  float threshold_;
};

}  // namespace

std::unique_ptr<Objective> MakeSimilarityObjective(Split split, int64_t nodes, int classes,
                                                   float temperature) {
  return std::make_unique<SimilarityObjective>(std::move(split), nodes, classes, temperature);
}
std::unique_ptr<Objective> MakeLogitsObjective(Split split, int64_t nodes, int classes) {
  return std::make_unique<LogitsObjective>(std::move(split), nodes, classes);
}
std::unique_ptr<Objective> MakeGoodnessObjective(Split split, int64_t nodes, int classes,
                                                 float threshold) {
  return std::make_unique<GoodnessObjective>(std::move(split), nodes, classes, threshold);
}
std::unique_ptr<Objective> MakeLinkObjective(Split split, bool goodness, float threshold) {
  return std::make_unique<LinkObjective>(std::move(split), goodness, threshold);
}

}  // namespace gradloom
