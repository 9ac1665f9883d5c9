#include <memory>

#include "models/data/zip_archive.h"
#include "tests/fuzz/fuzz_dataset.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const gradloom::MemoryFile file(data, size);
  auto opened = gradloom::OpenFile(file.path(), "fuzz", "");
  if (!opened.ok()) abort();
  const std::shared_ptr<const gradloom::ByteSource> archive = *std::move(opened);
  const auto members = gradloom::ReadZipDirectory(*archive);
  if (!members.ok()) return 0;
  for (size_t i = 0; i < std::min<size_t>(members->size(), 3); ++i) {
    const auto member = gradloom::OpenZipMember(archive, (*members)[i]);
    if (member.ok() && (*member)->size() != (*members)[i].bytes) abort();
  }
  return 0;
}
