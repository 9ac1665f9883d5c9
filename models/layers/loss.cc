#include "models/layers/loss.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "models/portable_math.h"

namespace gradloom {
namespace {

bool IsClass(float target, int64_t classes) {
  return target >= 0 && target < static_cast<float>(classes) && target == std::floor(target);
}

// One row of scores to its gradient; adds to the sums. Returns the row's loss.
double SquaredRow(float score, float target, float* gradient) {
  *gradient = score - target;
  return 0.5 * static_cast<double>(*gradient) * *gradient;
}

// -log sigmoid(score) for class 1, -log sigmoid(-score) for class 0. exp_size is exp(-|score|).
double LogisticRow(float score, float exp_size, float target, float* gradient, int64_t* correct) {
  const double e = exp_size;
  const double loss =
      (target > 0 ? (score < 0 ? -score : 0) : (score > 0 ? score : 0)) + PortableLog(1 + e);
  const double probability = score < 0 ? e / (1 + e) : 1 / (1 + e);
  *gradient = static_cast<float>(probability - target);
  *correct += (score > 0) == (target > 0) ? 1 : 0;
  return std::isfinite(score) ? loss : std::nan("");
}

LossSums Logistic(const Kernels& kernels, int64_t rows, const float* scores, const float* targets,
                  float* gradient) {
  LossSums sums;
  for (int64_t row = 0; row < rows; ++row) {
    const float score = scores[row];
    const float size = -std::abs(score);
    float exp_size;
    kernels.exp(1, &size, &exp_size);
    const double loss = LogisticRow(score, exp_size, targets[row], gradient + row, &sums.correct);
    if (sums.bad_row < 0 && (!std::isfinite(loss) || !IsClass(targets[row], 2))) sums.bad_row = row;
    sums.loss += loss;
  }
  return sums;
}

LossSums Softmax(const Kernels& kernels, int64_t rows, int64_t width, const float* scores,
                 const float* targets, float* gradient) {
  LossSums sums;
  for (int64_t row = 0; row < rows; ++row) {
    const float* const score = scores + row * width;
    float* const out = gradient + row * width;
    if (!IsClass(targets[row], width)) {
      if (sums.bad_row < 0) sums.bad_row = row;
      continue;
    }
    const auto target = static_cast<int64_t>(targets[row]);
    int64_t highest = 0;
    for (int64_t j = 1; j < width; ++j) highest = score[j] > score[highest] ? j : highest;
    const float top = score[highest];
    const double margin = static_cast<double>(top) - score[target];
    for (int64_t j = 0; j < width; ++j) out[j] = score[j] - top;
    kernels.exp(width, out, out);
    double total = 0;
    for (int64_t j = 0; j < width; ++j) total += out[j];
    const auto scale = static_cast<float>(1 / total);
    for (int64_t j = 0; j < width; ++j) out[j] *= scale;
    out[target] -= 1;
    const double loss = std::isfinite(total) ? margin + PortableLog(total) : total;
    if (sums.bad_row < 0 && !std::isfinite(loss)) sums.bad_row = row;
    sums.loss += loss;
    sums.correct += highest == target ? 1 : 0;
  }
  return sums;
}

LossSums Squared(int64_t rows, const float* scores, const float* targets, float* gradient) {
  LossSums sums;
  for (int64_t row = 0; row < rows; ++row) {
    const double loss = SquaredRow(scores[row], targets[row], gradient + row);
    if (sums.bad_row < 0 && !std::isfinite(loss)) sums.bad_row = row;
    sums.loss += loss;
  }
  return sums;
}

}  // namespace

LossSums ComputeLoss(LossKind kind, const Kernels& kernels, int64_t rows, int64_t width,
                     const float* scores, const float* targets, float* gradient) {
  switch (kind) {
    case LossKind::kSquared:
      return Squared(rows, scores, targets, gradient);
    case LossKind::kLogistic:
      return Logistic(kernels, rows, scores, targets, gradient);
    case LossKind::kSoftmax:
      break;
  }
  return Softmax(kernels, rows, width, scores, targets, gradient);
}

namespace {

// The probability's slope, p (1 - p), from the score's size: exact where p is near 0 or 1.
void MultiplyByLogistic(const Kernels& kernels, int64_t rows, const float* scores,
                        const float* direction, float* product) {
  for (int64_t row = 0; row < rows; ++row) {
    const float size = -std::abs(scores[row]);
    float exp_size;
    kernels.exp(1, &size, &exp_size);
    const double e = exp_size;
    product[row] = static_cast<float>(direction[row] * (e / ((1 + e) * (1 + e))));
  }
}

// p_j (v_j - sum over k of p_k v_k)
void MultiplyBySoftmax(const Kernels& kernels, int64_t rows, int64_t width, const float* scores,
                       const float* direction, float* product) {
  std::vector<float> size(width);  // of a score, under exp
  for (int64_t row = 0; row < rows; ++row) {
    const float* const score = scores + row * width;
    const float* const v = direction + row * width;
    const float top = *std::max_element(score, score + width);
    for (int64_t j = 0; j < width; ++j) size[j] = score[j] - top;
    kernels.exp(width, size.data(), size.data());
    double total = 0, mean = 0;
    for (int64_t j = 0; j < width; ++j) {
      total += size[j];
      mean += double{size[j]} * v[j];
    }
    mean /= total;
    for (int64_t j = 0; j < width; ++j) {
      product[row * width + j] = static_cast<float>(size[j] / total * (v[j] - mean));
    }
  }
}

}  // namespace

void MultiplyByLossHessian(LossKind kind, const Kernels& kernels, int64_t rows, int64_t width,
                           const float* scores, const float* direction, float* product) {
  switch (kind) {
    case LossKind::kSquared:
      if (product != direction) std::copy_n(direction, rows * width, product);
      return;
    case LossKind::kLogistic:
      MultiplyByLogistic(kernels, rows, scores, direction, product);
      return;
    case LossKind::kSoftmax:
      MultiplyBySoftmax(kernels, rows, width, scores, direction, product);
      return;
  }
}

}  // namespace gradloom
