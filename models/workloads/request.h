// What a job may ask of a workload (proto/gradloom/v1/request.proto), and how a reply is laid out.
#ifndef GRADLOOM_MODELS_WORKLOADS_REQUEST_H_
#define GRADLOOM_MODELS_WORKLOADS_REQUEST_H_

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "gradloom/v1/request.pb.h"

namespace gradloom {

// A reply is one vector of named parts, one behind the other. Every reply has a part `examples`,
// one number: how many are in the sum. Immutable.
class ReplyLayout {
 public:
  struct Part {
    std::string name;
    int64_t size = 0;
  };
  struct Range {
    int64_t offset = 0;
    int64_t size = 0;
  };

  ReplyLayout() = default;
  explicit ReplyLayout(std::vector<Part> parts);
  // `parts`, then the scalars loss, correct and examples.
  static ReplyLayout WithScalars(std::vector<Part> parts);
  // Of a sum of gradients: gradient, and the scalars.
  static ReplyLayout OfGradient(int64_t parameters) {
    return WithScalars({{"gradient", parameters}});
  }

  const std::vector<Part>& parts() const { return parts_; }
  int64_t length() const { return length_; }
  bool Has(absl::string_view name) const;
  // Of a part that is there.
  Range At(absl::string_view name) const;
  std::span<float> In(std::span<float> reply, absl::string_view name) const;

 private:
  std::vector<Part> parts_;
  int64_t length_ = 0;
};

// Over examples, as the scalars of a reply.
struct ExampleTotals {
  double loss = 0;
  double correct = 0;
  int64_t examples = 0;
};
void AddTotals(const ReplyLayout& layout, const ExampleTotals& totals, std::span<float> reply);

inline bool IsGradient(const v1::Request& request) {
  return request.kind() == v1::Request::KIND_UNSPECIFIED || request.kind() == v1::Request::GRADIENT;
}
// Whether it also reads a direction: a vector as long as the lane's segment.
bool ReadsDirection(const v1::Request& request);
// Whether a task's share is one of the parameters, and not of the examples.
inline bool SharesParameters(const v1::Request& request) {
  return request.kind() == v1::Request::GRAM;
}
// "hessian_vector", for people.
std::string NameOf(v1::Request::Kind kind);

}  // namespace gradloom

#endif  // GRADLOOM_MODELS_WORKLOADS_REQUEST_H_
