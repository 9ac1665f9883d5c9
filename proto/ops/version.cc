#include "proto/ops/version.h"

namespace gradloom {

const char* Version() { return GRADLOOM_VERSION; }

}  // namespace gradloom
