#include <string>

#include "tests/fuzz/fuzz_dataset.h"

// The input as an archive of arrays, and as a list of edges between three nodes.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const gradloom::MemoryFile file(data, size);
  gradloom::v1::DataSource source;
  source.mutable_graph_npz()->set_file(file.path());
  gradloom::OpenAndLoad(source);
  const std::string text = "1,0,0\n0,1,1\n2,2,0\n";
  const gradloom::MemoryFile nodes(reinterpret_cast<const uint8_t*>(text.data()), text.size());
  source.mutable_graph_csv()->set_edges(file.path());
  source.mutable_graph_csv()->mutable_nodes()->set_file(nodes.path());
  gradloom::OpenAndLoad(source);
  return 0;
}
