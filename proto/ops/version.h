// Gradloom's version: coordinator and workers must be of the same one.
#ifndef GRADLOOM_PROTO_OPS_VERSION_H_
#define GRADLOOM_PROTO_OPS_VERSION_H_

namespace gradloom {

// "0.1.0"
const char* Version();

}  // namespace gradloom

#endif  // GRADLOOM_PROTO_OPS_VERSION_H_
