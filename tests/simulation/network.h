// A simulated worker's way to the coordinator: what the service is to a real one. Answers come
// later, if at all.
#ifndef GRADLOOM_TESTS_SIMULATION_NETWORK_H_
#define GRADLOOM_TESTS_SIMULATION_NETWORK_H_

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "coordinator/core/events.h"
#include "gradloom/v1/worker.pb.h"

namespace gradloom {

// One stream between one process and one life of the coordinator. A later life gives the same ids
// again, so that only the life tells them apart.
struct Connection {
  uint64_t life = 0;
  WorkerId id = 0;  // 0: none
  friend bool operator==(const Connection&, const Connection&) = default;
};

struct PushedReply {
  TaskId task = 0;
  double examples = 0;
  double compute_seconds = 0;
  std::vector<float> sum = {};
};

class Network {
 public:
  virtual ~Network() = default;

  struct Hello {
    int worker = 0;  // whose
    std::string name;
    std::string isa;
    uint64_t instance = 0;  // of the process
  };
  // None when nobody answers, or it is refused.
  virtual Connection Connect(const Hello& hello) = 0;
  // The process has ended the connection, or does not exist any more.
  virtual void Disconnect(Connection connection) = 0;
  virtual void Tell(Connection connection, v1::FromWorker message) = 0;
  // At once. None when it is not kept (any more).
  virtual std::optional<std::vector<float>> Fetch(Connection connection, uint32_t trial,
                                                  const v1::SegmentVersion& segment) = 0;
  // `done` is called when the reply was taken or refused (true), or has broken off.
  virtual void Push(Connection connection, PushedReply reply, std::function<void(bool)> done) = 0;
};

}  // namespace gradloom

#endif  // GRADLOOM_TESTS_SIMULATION_NETWORK_H_
