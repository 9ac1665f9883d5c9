#ifndef GRADLOOM_CODING_CLOSING_RULES_DEADLINE_H_
#define GRADLOOM_CODING_CLOSING_RULES_DEADLINE_H_

namespace gradloom {

// Owners keep time in ticks, so that "ask again at d" may come back as a hair less than d.
inline bool DeadlineReached(double seconds, double deadline) { return seconds + 1e-9 >= deadline; }

}  // namespace gradloom

#endif  // GRADLOOM_CODING_CLOSING_RULES_DEADLINE_H_
