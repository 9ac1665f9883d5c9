#include <iostream>

#include "coordinator/cli/command.h"

namespace gradloom {

int Fail(const absl::Status& status) {
  std::cout.flush();
  std::cerr << "gradloom: " << status.message() << std::endl;
  return kExitFailure;
}

}  // namespace gradloom
