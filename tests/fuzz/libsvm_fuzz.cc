#include "tests/fuzz/fuzz_dataset.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const gradloom::MemoryFile file(data, size);
  gradloom::v1::DataSource source;
  source.mutable_libsvm()->set_file(file.path());
  gradloom::OpenAndLoad(source);
  return 0;
}
