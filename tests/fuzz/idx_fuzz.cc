#include "tests/fuzz/fuzz_dataset.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  // One input, two roles: the images, with labels made to fit what the header says.
  const gradloom::MemoryFile images(data, size);
  std::string labels("\0\0\x08\x01\0\0\0\0", 8);
  if (size >= 8) std::copy(data + 4, data + 8, labels.begin() + 4);
  const unsigned count = size >= 8 ? data[6] << 8 | data[7] : 0;
  labels.resize(8 + count, 1);
  const gradloom::MemoryFile labels_file(reinterpret_cast<const uint8_t*>(labels.data()),
                                         labels.size());
  gradloom::v1::DataSource source;
  source.mutable_idx()->set_images(images.path());
  source.mutable_idx()->set_labels(labels_file.path());
  gradloom::OpenAndLoad(source);
  source.mutable_idx()->set_labels(images.path());
  gradloom::OpenAndLoad(source);
  return 0;
}
