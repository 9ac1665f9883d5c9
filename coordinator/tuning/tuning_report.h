// What `gradloom tune` prints. Pure functions from results to text.
#ifndef GRADLOOM_COORDINATOR_TUNING_TUNING_REPORT_H_
#define GRADLOOM_COORDINATOR_TUNING_TUNING_REPORT_H_

#include <cstdint>
#include <string>

#include "coordinator/tuning/choice_search.h"

namespace gradloom {

struct TuningReport {
  FleetSize size;
  double floor_seconds = 0;  // what predictions are compared with
  int64_t reply_bytes = 0;   // of one gradient; 0: not known
};

// Best first. Columns: rank, scheme, arrangement, closing rule; predicted seconds, their central 80
// % over resampled fleets and their ratio to the floor; load of one invocation (fraction of a job's
// data); stragglers tolerated at least; copies of the data over the fleet; share of the data that a
// slot holds; versions of each lane's parameters that it may need; replies, or bytes, sent a job.
std::string TuningTable(const SearchResult& result, const TuningReport& report);
// The same, with every digit, under a heading of names.
std::string TuningCsv(const SearchResult& result, const TuningReport& report);
// Keys of a run file that say what was chosen, with a comment that says why.
std::string RunFileSnippet(const RankedChoice& choice, const FleetSize& size);

// "1.5 MB": decimal units.
std::string BytesText(double bytes);
// "24 copies of the data over the fleet, 1 version of the parameters at a time, up to 24 replies a
// job (4.8 MB)"; reply_bytes: of one, 0: unknown.
std::string CostText(const ChoiceCost& cost, double reply_bytes);

}  // namespace gradloom

#endif  // GRADLOOM_COORDINATOR_TUNING_TUNING_REPORT_H_
