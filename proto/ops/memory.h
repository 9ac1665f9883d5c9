// How much memory there is.
#ifndef GRADLOOM_PROTO_OPS_MEMORY_H_
#define GRADLOOM_PROTO_OPS_MEMORY_H_

#include <cstdint>

namespace gradloom {

// Bytes of memory that this process may use at most: the machine's, or less where its control group
// (a container's) says so.
uint64_t MemoryBytes();

}  // namespace gradloom

#endif  // GRADLOOM_PROTO_OPS_MEMORY_H_
