// The separate programs, as on several machines: a coordinator, and the workers that a test adds.
#ifndef GRADLOOM_TESTS_END_TO_END_CLUSTER_H_
#define GRADLOOM_TESTS_END_TO_END_CLUSTER_H_

#include <memory>
#include <string>
#include <vector>

#include "tests/end_to_end/process.h"

namespace gradloom {

// Logs, the coordinator's state (`state`) and its data (`.`) are in `folder`, which must live
// longer. The destructor kills what still runs.
class Cluster {
 public:
  // The coordinator is ready when this returns, or the test has failed and address() is empty.
  explicit Cluster(const TestFolder& folder, const std::vector<std::string>& flags = {});

  const std::string& address() const { return address_; }  // of the gRPC services
  Process& AddWorker(const std::string& name, const std::vector<std::string>& flags = {});
  // `gradloom WORDS... --coordinator ADDRESS`.
  Outcome Gradloom(std::vector<std::string> words, double seconds = 60) const;

 private:
  const TestFolder& folder_;
  std::string address_;
  std::vector<std::unique_ptr<Process>> processes_;
};

}  // namespace gradloom

#endif  // GRADLOOM_TESTS_END_TO_END_CLUSTER_H_
