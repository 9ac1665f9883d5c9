// Rounds exactly as published, for comparison with published totals; the coordinator itself does
// better; what each scheme makes of them is its own (coding/published_rounds.h). Krishnan,
// Ebrahimi, Khisti, "Sequential gradient coding for straggler mitigation" (ICLR 2023) and their
// code: round r takes row r of the recording (beginning again at the end) for every slot, with a
// barrier; slots later than (1 + mu) x the fastest are stragglers; a round whose pattern conforms
// lasts min((1 + mu) x the fastest, the slowest), any other waits for every slot and counts no
// stragglers; late results are lost. Loads are those of cyclic codes. Pure functions.
#ifndef GRADLOOM_COORDINATOR_SIMULATION_PAPER_ROUNDS_H_
#define GRADLOOM_COORDINATOR_SIMULATION_PAPER_ROUNDS_H_

#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "coding/published_rounds.h"
#include "coding/scheme_kind.h"
#include "coordinator/simulation/delay_model.h"

namespace gradloom {

struct PaperOptions {
  int64_t jobs = 25;
  double mu = 1;
  PaperCounting counting = PaperCounting::kPaper;
  bool record_rounds = false;
};

struct PaperRound {
  double seconds = 0;  // 0: skipped, since its job was complete
  bool waited_out = false;
  std::vector<int> repeating;   // slots that redo an earlier round's task
  std::vector<int> stragglers;  // by the mu-rule, before any wait-out
};

struct PaperResult {
  double total_seconds = 0;
  double load = 0;
  int tolerated = 0;
  int64_t rounds = 0;  // without skipped ones
  int64_t wait_outs = 0;
  int64_t stragglers = 0;
  std::vector<PaperRound> round;  // if asked for
};

// `spec.slots` slots; columns of the trace beyond them are left out. InvalidArgument names the
// parameter that is not legal.
absl::StatusOr<PaperResult> SimulatePaper(const SchemeSpec& spec, const Trace& trace, double slope,
                                          const PaperOptions& options);

// The parameters with the least total among all that the scheme has to offer with T <= `delay_max`.
// Ties go to the first.
struct PaperChoice {
  SchemeSpec spec;
  PaperResult result;
};
absl::StatusOr<PaperChoice> SearchPaper(const SchemeKind& kind, int slots, int delay_max,
                                        const Trace& trace, double slope,
                                        const PaperOptions& options);

// The clairvoyant floor: the sum over the rounds of the fastest slot's delay at load 1/slots.
double ClairvoyantFloor(int slots, int64_t rounds, const DelayModel& delays);

}  // namespace gradloom

#endif  // GRADLOOM_COORDINATOR_SIMULATION_PAPER_ROUNDS_H_
