// What the end-to-end tests read of a run's summary.json.
#ifndef GRADLOOM_TESTS_END_TO_END_SUMMARY_H_
#define GRADLOOM_TESTS_END_TO_END_SUMMARY_H_

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace gradloom {

struct Summary {
  std::string state;
  std::vector<std::string> sha256;  // of every trial, in order
  std::vector<double> accuracy;
  std::vector<double> loss;
  double seconds = 0;  // of running
  uint64_t rounds = 0;
  uint64_t stragglers_tolerated = 0;
  uint64_t workers_lost = 0;
  uint64_t resumes = 0;
  uint64_t jobs_missed = 0;
  uint64_t jobs_late = 0;
};

// An empty `state` when the file is absent or no JSON.
Summary ReadSummary(const std::filesystem::path& file);

// The number of the newest complete checkpoint below a state folder (run 1); 0: none.
int NewestCheckpoint(const std::filesystem::path& state);

}  // namespace gradloom

#endif  // GRADLOOM_TESTS_END_TO_END_SUMMARY_H_
