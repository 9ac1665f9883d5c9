// How much memory a job takes beside parameters and graph, by depth: every allocation of this
// program is counted.
#include <google/protobuf/text_format.h>
#include <gtest/gtest.h>
#include <malloc.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <new>
#include <numeric>

#include "tests/models/learners/local_trainer.h"

namespace {
std::atomic<int64_t> live = 0, peak = 0;

void* Counted(void* memory) {
  if (memory == nullptr) throw std::bad_alloc();
  const int64_t now = live += static_cast<int64_t>(malloc_usable_size(memory));
  if (now > peak) peak = now;
  return memory;
}
void Uncount(void* memory) {
  if (memory == nullptr) return;
  live -= static_cast<int64_t>(malloc_usable_size(memory));
  std::free(memory);
}
}  // namespace

void* operator new(size_t size) { return Counted(std::malloc(size)); }
void* operator new[](size_t size) { return Counted(std::malloc(size)); }
void operator delete(void* memory) noexcept { Uncount(memory); }
void operator delete[](void* memory) noexcept { Uncount(memory); }
void operator delete(void* memory, size_t) noexcept { Uncount(memory); }
void operator delete[](void* memory, size_t) noexcept { Uncount(memory); }

namespace gradloom {
namespace {

constexpr int64_t kWidth = 64;

// The most that any lane's job, or the evaluation of all layers, takes beyond what was there before
// and the copies of parameters that results are found again by.
int64_t ActivationBytes(const std::string& method, int layers, bool evaluate) {
  v1::DataSource source;
  source.mutable_block_model()->set_count(2000);
  const std::shared_ptr<const Dataset> data = *OpenDataset(source, "data.train", "");
  v1::WorkloadSpec spec;
  EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(method, spec.mutable_forward_gnn()));
  spec.mutable_forward_gnn()->set_layers(layers);
  spec.mutable_forward_gnn()->set_width(kWidth);
  const std::unique_ptr<Workload> workload = *MakeWorkload(spec, data->info());
  std::vector<std::vector<float>> segments;
  TrialView view;
  for (size_t s = 0; s < workload->segments().size(); ++s) {
    segments.emplace_back(workload->segments()[s].size);
    workload->Initialise(1, static_cast<int>(s), segments[s]);
  }
  for (const auto& segment : segments) view.segments.push_back(segment);
  int64_t most = 0;
  const auto measure = [&](int64_t copied, auto work) {
    const int64_t before = live;
    peak = before;
    work();
    most = std::max(most, peak - before - copied * static_cast<int64_t>(sizeof(float)));
  };
  if (evaluate) {
    const int64_t last = workload->segments().back().size;
    measure(workload->parameters() - last,
            [&] { EXPECT_TRUE(workload->Evaluate(view, nullptr).ok()); });
  }
  std::vector<int64_t> ids(workload->sub_batch());
  std::iota(ids.begin(), ids.end(), 0);
  for (int lane = 0; !evaluate && lane < static_cast<int>(workload->lanes().size()); ++lane) {
    std::vector<float> sum(workload->lanes()[lane].reply.length());
    JobInputs inputs{.segments = {}, .lane = lane};
    for (const SegmentVersion& read : workload->Reads(lane, 0)) {
      inputs.segments.push_back(segments[read.segment]);
    }
    int64_t below = 0;
    for (size_t r = 1; r < inputs.segments.size(); ++r) {
      below += static_cast<int64_t>(inputs.segments[r].size());
    }
    measure(below, [&] { EXPECT_TRUE(workload->AddSum(inputs, {}, ids, sum).ok()); });
  }
  return most;
}

class GreedyMemory : public testing::TestWithParam<std::string> {};
TEST_P(GreedyMemory, DoesNotGrowWithDepth) {
  for (const bool evaluate : {false, true}) {
    const int64_t two = ActivationBytes(GetParam(), 2, evaluate);
    const int64_t four = ActivationBytes(GetParam(), 4, evaluate);
    const int64_t eight = ActivationBytes(GetParam(), 8, evaluate);
    RecordProperty(evaluate ? "evaluation" : "job",
                   std::to_string(two) + " " + std::to_string(four) + " " + std::to_string(eight));
    // A tenth of one layer's outputs.
    const auto slack = static_cast<int64_t>(2000 * kWidth * sizeof(float) / 10);
    EXPECT_GT(two, 2000 * kWidth * static_cast<int64_t>(sizeof(float)));
    EXPECT_LE(four, two + slack) << "evaluate " << evaluate;
    EXPECT_LE(eight, two + slack) << "evaluate " << evaluate;
  }
}
INSTANTIATE_TEST_SUITE_P(Table, GreedyMemory,
                         testing::Values("method: SF", "method: SF convolution: SAGE",
                                         "method: SF convolution: GAT", "method: FF_VN",
                                         "task: LINK_PREDICTION"));

// The measure would see it.
TEST(BackpropagationMemory, GrowsWithDepth) {
  const int64_t two = ActivationBytes("method: BACKPROPAGATION", 2, false);
  const int64_t eight = ActivationBytes("method: BACKPROPAGATION", 8, false);
  RecordProperty("job", std::to_string(two) + " " + std::to_string(eight));
  // Six more layers, each with at least its outputs, its state and its inputs.
  EXPECT_GE(eight - two, 6 * 3 * 2000 * kWidth * static_cast<int64_t>(sizeof(float)));
}

}  // namespace
}  // namespace gradloom
