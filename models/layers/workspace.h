// Memory for the activations of one sub-batch. Blocks are taken one after the other and all given
// back by Reset; after the first round of a size nothing is allocated any more. One per thread.
#ifndef GRADLOOM_MODELS_LAYERS_WORKSPACE_H_
#define GRADLOOM_MODELS_LAYERS_WORKSPACE_H_

#include <cstdint>
#include <cstdlib>
#include <memory>
#include <vector>

namespace gradloom {

class Workspace {
 public:
  // The calling thread's, reset.
  static Workspace& OfThisThread();

  // `count` uninitialised floats, aligned to 64 bytes, valid until Reset.
  float* Take(int64_t count);
  // Likewise, filled with zeros.
  float* TakeZeros(int64_t count);
  void Reset();

 private:
  struct Free {
    void operator()(float* memory) const { std::free(memory); }
  };
  struct Block {
    std::unique_ptr<float, Free> memory;
    int64_t size = 0;
  };
  void AddBlock(int64_t size);

  std::vector<Block> blocks_;  // the last one is being used
  int64_t used_ = 0;           // of the last block
};

}  // namespace gradloom

#endif  // GRADLOOM_MODELS_LAYERS_WORKSPACE_H_
