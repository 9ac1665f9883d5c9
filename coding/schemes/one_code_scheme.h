// One code, no delay: every slot computes its coded sum of job r in round r, which closes when
// enough have arrived.
#ifndef GRADLOOM_CODING_SCHEMES_ONE_CODE_SCHEME_H_
#define GRADLOOM_CODING_SCHEMES_ONE_CODE_SCHEME_H_

#include <memory>
#include <string>

#include "absl/strings/string_view.h"
#include "coding/code.h"
#include "coding/scheme.h"

namespace gradloom {

// `name`: of the kind, of static storage duration.
std::unique_ptr<Scheme> MakeOneCodeScheme(absl::string_view name, std::string description,
                                          std::unique_ptr<GradientCode> code);

}  // namespace gradloom

#endif  // GRADLOOM_CODING_SCHEMES_ONE_CODE_SCHEME_H_
