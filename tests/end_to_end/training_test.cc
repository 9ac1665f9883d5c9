// Models are really trained: on real input where it is at hand, on generated data everywhere.
#include <Eigen/Dense>
#include <cmath>
#include <cstdlib>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "tests/end_to_end/process.h"
#include "tests/end_to_end/summary.h"

namespace gradloom {
namespace {

std::string DataFolder() {
  const char* folder = std::getenv("GRADLOOM_DATA");
  return folder != nullptr ? folder : GRADLOOM_SOURCE "/../shared/data";
}

class Training : public ::testing::Test {
 protected:
  Summary Train(const std::string& text) {
    WriteText(folder_ / "run.yaml", text);
    const Outcome outcome = RunProgram(
        {GRADLOOM, "run", folder_ / "run.yaml", "--workers", "3", "--output", folder_ / "out"},
        folder_ / "log", 120);
    EXPECT_EQ(outcome.code, 0) << outcome.output;
    Summary summary = ReadSummary(folder_ / "out" / "summary.json");
    if (summary.accuracy.empty()) summary.accuracy = {0};
    if (summary.loss.empty()) summary.loss = {1e9};
    return summary;
  }

  TestFolder folder_;
};

TEST_F(Training, GlyphsWithAnMlp) {
  const Summary summary = Train(R"(
data:
  train: {glyphs: {count: 12000}}
  test: {glyphs: {first: 60000, count: 2000}}
workload: {mlp: {hidden: [128]}}
optimizer: {kind: adam, learning_rate: 0.003}
training: {batch_size: 200, epochs: 8, evaluate_every: 0}
scheme: {slots: 6, gc: {s: 1}}
)");
  EXPECT_GE(summary.accuracy[0], 0.93);
}

TEST_F(Training, MnistWithAnMlp) {
  const std::string folder = DataFolder() + "/mnist10k/";
  if (!std::ifstream(folder + "t10k-labels-idx1-ubyte.gz")) {
    GTEST_SKIP() << "no MNIST in " << folder << " (set GRADLOOM_DATA)";
  }
  const Summary summary = Train(absl::StrCat(R"(
data:
  train: {idx: {images: )",
                                             folder, "t10k-images-idx3-ubyte.gz, labels: ", folder,
                                             R"(t10k-labels-idx1-ubyte.gz}}
  holdout: 2000
workload: {mlp: {hidden: [256]}}
optimizer: {kind: adam, learning_rate: 0.002, schedule: {kind: cosine}}
training: {batch_size: 200, epochs: 10, evaluate_every: 0}
scheme: {slots: 6, gc: {s: 1}}
)"));
  EXPECT_GE(summary.accuracy[0], 0.945);
}

// LIBSVM text into a dense design matrix with a last column of ones, labels 0 and 1.
struct Problem {
  Eigen::MatrixXd x;
  Eigen::VectorXd y;
};
Problem ReadLibsvm(const std::string& file, int features) {
  std::ifstream in(file);
  std::vector<std::string> lines;
  for (std::string line; std::getline(in, line);) {
    if (!line.empty()) lines.push_back(line);
  }
  Problem problem{Eigen::MatrixXd::Zero(static_cast<int64_t>(lines.size()), features + 1),
                  Eigen::VectorXd(static_cast<int64_t>(lines.size()))};
  for (size_t i = 0; i < lines.size(); ++i) {
    const auto row = static_cast<int64_t>(i);
    std::istringstream words(lines[i]);
    double label = 0;
    words >> label;
    problem.y[row] = label > 0 ? 1 : 0;
    for (std::string word; words >> word;) {
      const size_t colon = word.find(':');
      problem.x(row, std::stoi(word.substr(0, colon)) - 1) = std::stod(word.substr(colon + 1));
    }
    problem.x(row, features) = 1;
  }
  return problem;
}

double MeanLoss(const Problem& problem, const Eigen::VectorXd& w) {
  const Eigen::ArrayXd z = (problem.x * w).array();
  return (z.max(0) - z * problem.y.array() + (-z.abs()).exp().log1p()).mean();
}

double Accuracy(const Problem& problem, const Eigen::VectorXd& w) {
  const Eigen::ArrayXd z = (problem.x * w).array();
  return ((z > 0) == (problem.y.array() > 0.5)).cast<double>().mean();
}

// The optimum of mean loss + ridge/2 |w|^2, by Newton's method with halved steps.
Eigen::VectorXd Newton(const Problem& problem, double ridge) {
  Eigen::VectorXd w = Eigen::VectorXd::Zero(problem.x.cols());
  const auto objective = [&](const Eigen::VectorXd& v) {
    return MeanLoss(problem, v) + ridge / 2 * v.squaredNorm();
  };
  for (int step = 0; step < 30; ++step) {
    const Eigen::ArrayXd p = 1 / (1 + (-(problem.x * w).array()).exp());
    const double n = static_cast<double>(problem.x.rows());
    const Eigen::VectorXd gradient =
        problem.x.transpose() * (p.matrix() - problem.y) / n + ridge * w;
    if (gradient.norm() < 1e-10) break;
    Eigen::MatrixXd hessian =
        problem.x.transpose() * (p * (1 - p)).matrix().asDiagonal() * problem.x / n;
    hessian.diagonal().array() += ridge;
    Eigen::VectorXd move = hessian.ldlt().solve(gradient);
    while (objective(w - move) > objective(w) && move.norm() > 1e-12) move /= 2;
    w -= move;
  }
  return w;
}

TEST_F(Training, LogisticRegressionReachesTheOptimum) {
  const std::string folder = DataFolder() + "/libsvm/";
  if (!std::ifstream(folder + "a8a")) {
    GTEST_SKIP() << "no a8a in " << folder << " (set GRADLOOM_DATA)";
  }
  const double ridge = 1e-3;
  const Problem train = ReadLibsvm(folder + "a8a", 123);
  const Problem test = ReadLibsvm(folder + "a9a.t", 123);
  const Eigen::VectorXd optimum = Newton(train, ridge);
  const Summary summary =
      Train(absl::StrCat(R"(
data:
  train: {libsvm: {file: )",
                         folder, "a8a, features: 123}}\n  test: {libsvm: {file: ", folder,
                         R"(a9a.t, features: 123}}
workload: logistic_regression
optimizer: {kind: nesterov, learning_rate: 1, weight_decay: 0.001}
training: {batch_size: 0, jobs: 400, evaluate_every: 0}
scheme: {slots: 6, gc: {s: 1}}
)"));
  EXPECT_NEAR(summary.loss[0], MeanLoss(train, optimum), 1e-4);
  EXPECT_NEAR(summary.accuracy[0], Accuracy(test, optimum), 0.001);
}

TEST_F(Training, GeneratedRegressionFindsTheLine) {
  const Summary summary = Train(R"(
data:
  train: {regression: {count: 3000, features: 20, noise: 0.1}}
  test: {regression: {first: 3000, count: 1000, features: 20, noise: 0.1}}
workload: linear_regression
optimizer: {kind: nesterov, learning_rate: 0.1}
training: {batch_size: 0, jobs: 150, evaluate_every: 0}
scheme: {slots: 4, gc: {s: 1, code: dual}}
)");
  EXPECT_NEAR(summary.loss[0], 0.01 / 2, 0.001) << "half the noise's variance";
  EXPECT_GE(summary.accuracy[0], 0.99) << "R^2";
}

}  // namespace
}  // namespace gradloom
