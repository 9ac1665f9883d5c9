// A small run for the worker's tests: softmax regression on generated data.
#ifndef GRADLOOM_TESTS_WORKER_TEST_RUN_H_
#define GRADLOOM_TESTS_WORKER_TEST_RUN_H_

#include <cstdint>
#include <vector>

#include "gradloom/v1/worker.pb.h"
#include "models/data/dataset.h"

namespace gradloom {

inline constexpr int kTestExamples = 600;
inline constexpr int kTestParameters = 3 * 8 + 3;

inline v1::RunOffer TestOffer(uint64_t run, uint64_t batch_size = 60) {
  v1::RunOffer offer;
  offer.set_run(run);
  v1::RunSpec& spec = *offer.mutable_spec();
  spec.set_name("test");
  spec.set_seed(1);
  auto& source = *spec.mutable_data()->mutable_train()->mutable_classification();
  source.set_count(kTestExamples);
  source.set_features(8);
  source.set_classes(3);
  source.set_seed(5);
  source.set_separation(2);
  v1::TrialSpec& trial = *offer.add_trials();
  trial.mutable_workload()->mutable_softmax_regression();
  trial.mutable_training()->set_batch_size(batch_size);
  trial.set_seed(3);
  offer.set_data_checksum(OpenData(spec.data(), "")->train->info().checksum);
  return offer;
}

// Terms are {begin, end, coefficient} of `denominator`.
struct TestTerm {
  uint64_t begin, end;
  double coefficient;
};
inline v1::Task TestTask(uint64_t id, uint64_t job, uint64_t denominator,
                         const std::vector<TestTerm>& terms) {
  v1::Task task;
  task.set_id(id);
  task.set_job(job);
  task.set_slot_invocation(static_cast<uint32_t>(job));
  task.add_reads()->set_version(job);
  task.set_denominator(denominator);
  for (const TestTerm& term : terms) {
    v1::Term& added = *task.add_terms();
    added.set_begin(term.begin);
    added.set_end(term.end);
    added.set_coefficient(term.coefficient);
  }
  return task;
}

inline std::vector<float> TestParameters(float scale = 0.01f) {
  std::vector<float> parameters(kTestParameters);
  for (int i = 0; i < kTestParameters; ++i) {
    parameters[i] = scale * static_cast<float>((i * 7) % 13 - 6);
  }
  return parameters;
}

}  // namespace gradloom

#endif  // GRADLOOM_TESTS_WORKER_TEST_RUN_H_
