// The recorded traces of the shared data, for tests that skip when there are none.
#ifndef GRADLOOM_TESTS_COORDINATOR_SIMULATION_RECORDED_TRACES_H_
#define GRADLOOM_TESTS_COORDINATOR_SIMULATION_RECORDED_TRACES_H_

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <optional>
#include <string>

#include "coordinator/simulation/delay_model.h"

namespace gradloom {

inline std::string TraceFolder() {
  const char* data = std::getenv("GRADLOOM_DATA");
  return std::string(data != nullptr ? data : GRADLOOM_DEFAULT_DATA) + "/traces";
}

// `load` as in the file's name: "0_250". Nothing when the file is not there.
inline std::optional<Trace> RecordedTrace(const std::string& family, const std::string& load,
                                          const std::string& rest) {
  std::ifstream file(TraceFolder() + "/" + family + "-l" + load + rest + ".csv");
  if (!file) return std::nullopt;
  const std::string text((std::istreambuf_iterator<char>(file)), {});
  auto trace = ParseTrace(family, text);
  if (!trace.ok()) return std::nullopt;
  std::string number = load;
  number[1] = '.';
  trace->load = std::stod(number);
  return *std::move(trace);
}

inline std::optional<Trace> CnnDesktopLong(const std::string& load) {
  return RecordedTrace("cnn_desktop_long__w256-n30", load, "-b2048-Canada");
}

}  // namespace gradloom

#endif  // GRADLOOM_TESTS_COORDINATOR_SIMULATION_RECORDED_TRACES_H_
