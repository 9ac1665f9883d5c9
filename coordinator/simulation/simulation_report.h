// What a comparison of simulated schemes leaves behind: a table, a file of rounds, a picture. Pure
// functions from results to text.
#ifndef GRADLOOM_COORDINATOR_SIMULATION_SIMULATION_REPORT_H_
#define GRADLOOM_COORDINATOR_SIMULATION_SIMULATION_REPORT_H_

#include <cstdint>
#include <string>
#include <vector>

#include "coordinator/simulation/paper_rounds.h"
#include "coordinator/simulation/simulator.h"

namespace gradloom {

struct ReportedRun {
  std::string scheme;
  std::string fleet;
  std::string closing;
  int lanes = 1;
  double total_seconds = 0;
  int64_t rounds = 0;
  int64_t wait_outs = 0;   // rounds that closed with nobody missing, or waited for everybody
  int64_t stragglers = 0;  // slot-rounds closed without
  int64_t retries = 0;     // slot-rounds asked again for what they owed
  double load = 0;
  int tolerated = 0;
  double copies = 0;
  double replies_per_job = 0;  // that were sent
  std::vector<SimulatedRound> round;
};

// The rounds of the compatibility mode, one after the other.
ReportedRun ReportPaper(const PaperResult& result);
// The core's; wants SimulationOptions::record_rounds.
ReportedRun ReportSimulation(SimulationResult result, int64_t jobs);

// `floor_seconds`: what totals are compared with.
std::string ReportTable(const std::vector<ReportedRun>& runs, double floor_seconds);
// scheme,lanes,fleet,weave,round,start_seconds,end_seconds,stragglers,straggling_slots,
// retries,retrying_slots
std::string ReportCsv(const std::vector<ReportedRun>& runs);
// Per run a heat-map, slots x rounds in the order of their ends, of who was closed without and who
// was asked again; and finished rounds over time for all runs.
std::string ReportSvg(const std::vector<ReportedRun>& runs, int slots);

}  // namespace gradloom

#endif  // GRADLOOM_COORDINATOR_SIMULATION_SIMULATION_REPORT_H_
