// Where a gradient reply's scalars are: behind the gradient, in this order.
#ifndef GRADLOOM_TESTS_MODELS_WORKLOADS_REPLY_SCALARS_H_
#define GRADLOOM_TESTS_MODELS_WORKLOADS_REPLY_SCALARS_H_

namespace gradloom {

enum ReplyScalar { kLossSum = 0, kCorrect = 1, kExamples = 2, kReplyScalars = 3 };

}  // namespace gradloom

#endif  // GRADLOOM_TESTS_MODELS_WORKLOADS_REPLY_SCALARS_H_
