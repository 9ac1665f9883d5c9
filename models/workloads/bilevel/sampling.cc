#include "models/workloads/bilevel/sampling.h"

#include <numeric>
#include <set>
#include <utility>

#include "models/random.h"

namespace gradloom {
namespace {

// `count` of 0 .. n - 1, ascending (Floyd's algorithm: no memory grows with n).
std::set<int64_t> Choose(RandomStream& stream, int64_t n, int64_t count) {
  std::set<int64_t> chosen;
  for (int64_t j = n - count; j < n; ++j) {
    const auto drawn = static_cast<int64_t>(stream.NextBelow(static_cast<uint64_t>(j) + 1));
    if (!chosen.insert(drawn).second) chosen.insert(j);
  }
  return chosen;
}

}  // namespace

std::vector<int> BilevelSampler::Blocks(uint64_t seed, int64_t step) const {
  RandomStream stream(seed, Purpose::kSampledBlocks, static_cast<uint64_t>(step));
  std::vector<int> blocks(shape.blocks);
  std::iota(blocks.begin(), blocks.end(), 0);
  for (int p = 0; p < sampled; ++p) {
    std::swap(blocks[p], blocks[p + stream.NextBelow(static_cast<uint64_t>(shape.blocks - p))]);
  }
  blocks.resize(sampled);
  return blocks;
}

std::vector<int64_t> BilevelSampler::Rows(uint64_t seed, int64_t step, int block) const {
  RandomStream stream(seed, Purpose::kBlockRows, static_cast<uint64_t>(step),
                      shape.shared_rows ? 0 : static_cast<uint32_t>(block));
  std::vector<int64_t> rows;
  for (const int64_t k : Choose(stream, shape.training_rows, batch)) {
    rows.push_back(shape.Row(block, false, k));
  }
  for (const int64_t k : Choose(stream, shape.validation_rows, validation_batch)) {
    rows.push_back(shape.Row(block, true, k));
  }
  return rows;
}

int64_t BilevelJobs::batch_size(int /*lane*/) const {
  const int64_t block = sampler_.batch + sampler_.validation_batch;
  return sampler_.shape.shared_rows ? block : block * lanes_.places_in_lane();
}

int64_t BilevelJobs::jobs_per_epoch() const {
  const int64_t step = sampler_.sampled * sampler_.batch;
  const int64_t all = sampler_.shape.blocks * sampler_.shape.training_rows;
  return (all + step - 1) / step * lanes_.phases;
}

std::pair<int64_t, int64_t> BilevelJobs::ExampleRange(int /*lane*/, int64_t /*job*/, int64_t first,
                                                      int64_t last) const {
  return {0, first < last ? sampler_.shape.rows() : 0};
}

std::vector<int64_t> BilevelJobs::Draw(int lane, int64_t job, int64_t first, int64_t last) const {
  const int64_t step = job / lanes_.phases;
  const std::vector<int> blocks = sampler_.Blocks(seed_, step);
  const int64_t block_size = sampler_.batch + sampler_.validation_batch;
  std::vector<int64_t> rows;
  for (int64_t at = first; at < last;) {
    const int64_t place = at / block_size;
    const std::vector<int64_t> of_block =
        sampler_.Rows(seed_, step, blocks[lanes_.first_place(lane) + place]);
    const int64_t end = std::min(last, (place + 1) * block_size);
    rows.insert(rows.end(), of_block.begin() + (at - place * block_size),
                of_block.begin() + (end - place * block_size));
    at = end;
  }
  return rows;
}

}  // namespace gradloom
