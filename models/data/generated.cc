#include "models/data/generated.h"

#include <numeric>
#include <utility>
#include <vector>

#include "models/random.h"

namespace gradloom {

int BalancedLabel(uint64_t seed, int64_t example, int classes) {
  const int64_t block = example / classes;
  const int64_t place = example % classes;
  RandomStream stream(seed, Purpose::kGeneratedData, static_cast<uint64_t>(block), kLabel);
  std::vector<int> order(classes);
  std::iota(order.begin(), order.end(), 0);
  for (int64_t i = 0; i <= place; ++i) {
    std::swap(order[i], order[i + static_cast<int64_t>(stream.NextBelow(classes - i))]);
  }
  return order[place];
}

}  // namespace gradloom
