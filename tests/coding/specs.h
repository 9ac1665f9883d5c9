// Specs as tests write them: by their text forms.
#ifndef GRADLOOM_TESTS_CODING_SPECS_H_
#define GRADLOOM_TESTS_CODING_SPECS_H_

#include <cstdlib>
#include <iostream>
#include <ostream>

#include "absl/strings/str_cat.h"
#include "coding/closing_kind.h"
#include "coding/codes/code_table.h"
#include "coding/scheme_kind.h"

namespace gradloom {

// Aborts when the text is wrong, as a test's own mistake.
inline SchemeSpec Spec(absl::string_view text, int slots) {
  absl::StatusOr<SchemeSpec> spec = ParseScheme(text);
  if (!spec.ok()) {
    std::cerr << spec.status() << std::endl;
    std::abort();
  }
  spec->slots = slots;
  return *spec;
}

inline ClosingRuleSpec Rule(absl::string_view text) {
  absl::StatusOr<ClosingRuleSpec> spec = ParseClosing(text);
  if (!spec.ok()) {
    std::cerr << spec.status() << std::endl;
    std::abort();
  }
  return *spec;
}

inline SchemeSpec Gc(int n, int s, absl::string_view code = kDefaultCode) {
  return Spec(absl::StrCat("gc:s=", s, ",code=", code), n);
}
inline SchemeSpec SrSgc(int n, int b, int w, int lambda, absl::string_view code = kDefaultCode) {
  return Spec(absl::StrCat("sr_sgc:b=", b, ",w=", w, ",lambda=", lambda, ",code=", code), n);
}
inline SchemeSpec MSgc(int n, int b, int w, int lambda, absl::string_view code = kDefaultCode) {
  return Spec(absl::StrCat("m_sgc:b=", b, ",w=", w, ",lambda=", lambda, ",code=", code), n);
}
inline SchemeSpec MultiMessage(int n, int reach = 0) {
  return Spec(absl::StrCat("multi_message:reach=", reach), n);
}

// In the names of parameterised tests.
inline void PrintTo(const SchemeSpec& spec, std::ostream* out) {
  *out << SchemeText(spec) << " over " << spec.slots;
}

}  // namespace gradloom

#endif  // GRADLOOM_TESTS_CODING_SPECS_H_
