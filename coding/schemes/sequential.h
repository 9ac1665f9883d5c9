// What schemes for bursts of stragglers share: jobs that last over some rounds, and parameters b, w
// and lambda, of the (B, W, lambda)-bursty model (coding/straggler_model.h), over an exact code.
#ifndef GRADLOOM_CODING_SCHEMES_SEQUENTIAL_H_
#define GRADLOOM_CODING_SCHEMES_SEQUENTIAL_H_

#include <cstdint>
#include <functional>
#include <memory>

#include "absl/status/statusor.h"
#include "coding/code.h"
#include "coding/codes/code_table.h"
#include "coding/scheme_kind.h"

namespace gradloom {

struct Burst {
  int b = 1;
  int w = 2;
  int lambda = 1;
};
Burst BurstOf(const SchemeSpec& spec);

inline constexpr Parameter kSequentialParameters[] = {
    {.name = "b", .otherwise = 1, .always_shown = true, .min = 1},
    {.name = "w", .otherwise = 2, .always_shown = true},  // what is legal depends on b
    {.name = "lambda", .otherwise = 1, .always_shown = true, .min = 1},
    {.name = "code", .otherwise = kDefaultCode, .names = CodeNames},
    {.name = "seed", .otherwise = uint64_t{1}},
};

// Adds a problem where lambda exceeds the slots, or `window`, the rounds that the scheme's
// straggler model looks at, what such a model remembers; `windows` says how w makes it.
void CheckBurst(const SchemeSpec& spec, int64_t window, absl::string_view windows,
                Problems* problems);

// The code, made for s stragglers; InvalidArgument if it is not exact.
absl::StatusOr<std::unique_ptr<GradientCode>> MakeInnerCode(const SchemeSpec& spec, int s);

// Adds `spec` with lambda = 1, 2, ... up to its slots. `groups(lambda)`: into how many parts the
// code then cuts the data, 0 if it cannot; such lambdas are left out if the scheme `needs_code`,
// and of a distinct space all but the last of each number of groups.
void AddLambdas(const SchemeSpace& space, SchemeSpec spec, bool needs_code,
                const std::function<int(int lambda)>& groups, const SchemeKind::Add& add);

}  // namespace gradloom

#endif  // GRADLOOM_CODING_SCHEMES_SEQUENTIAL_H_
