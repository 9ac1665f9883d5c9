#include <memory>

#include "models/data/zip_archive.h"
#include "tests/fuzz/fuzz_dataset.h"

// Members whose parts are what their whole is.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const gradloom::MemoryFile file(data, size);
  auto opened = gradloom::OpenAsItIs(file.path(), "fuzz", "");
  if (!opened.ok()) abort();
  const auto archive = gradloom::ZipArchive::Open(*std::move(opened));
  if (!archive.ok()) return 0;
  for (size_t i = 0; i < std::min<size_t>(archive->members().size(), 3); ++i) {
    const auto member = archive->OpenMember(i);
    if (!member.ok() || (*member)->size() > 1 << 20) continue;
    std::string whole(static_cast<size_t>((*member)->size()), '\0');
    if (!(*member)->Read(0, whole).ok()) abort();
    std::string half(whole.size() - whole.size() / 2, '\0');
    if (!(*member)->Read(static_cast<int64_t>(whole.size() / 2), half).ok()) abort();
    if (whole.substr(whole.size() / 2) != half) abort();
  }
  return 0;
}
