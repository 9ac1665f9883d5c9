// Time per epoch of ForwardGNN on a generated graph of Cora's size: a full-batch job of every
// layer, two layers of 128. over_backpropagation: times the time of backpropagation's epoch,
// measured in turns in the same run. What is computed once a layer (the aggregated inputs) is not
// counted.
#include <time.h>

#include <algorithm>
#include <numeric>
#include <string>
#include <vector>

#include "benchmark/benchmark.h"
#include "models/workloads/workload.h"

namespace gradloom {
namespace {

double ProcessorSeconds() {
  timespec now;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

const Dataset& CoraSized() {
  static const std::unique_ptr<Dataset> graph = [] {
    v1::DataSource source;
    v1::BlockModelSource& blocks = *source.mutable_block_model();
    blocks.set_count(2708);
    blocks.set_classes(7);
    blocks.set_features(1433);
    blocks.set_words(18);
    blocks.set_degree(4);
    return *OpenDataset(source, "data.train", "");
  }();
  return *graph;
}

class Epoch {
 public:
  Epoch(v1::ForwardGnn::Method method, v1::ForwardGnn::Convolution convolution) {
    v1::WorkloadSpec spec;
    spec.mutable_forward_gnn()->set_method(method);
    spec.mutable_forward_gnn()->set_convolution(convolution);
    workload_ = *MakeWorkload(spec, CoraSized().info());
    for (size_t s = 0; s < workload_->segments().size(); ++s) {
      segments_.emplace_back(workload_->segments()[s].size);
      workload_->Initialise(1, static_cast<int>(s), segments_[s]);
    }
    v1::TrainingSpec full_batch;
    full_batch.set_batch_size(0);
    plan_ = workload_->PlanJobs(full_batch, 1);
  }
  bool Run() {
    bool ok = true;
    // Layers side by side are all new in every job.
    if (!workload_->lanes()[0].needs.empty()) {
      for (std::vector<float>& segment : segments_) segment[0] += 1e-3f;
    }
    for (int lane = 0; lane < static_cast<int>(workload_->lanes().size()); ++lane) {
      JobInputs inputs{.segments = {}, .lane = lane, .job = 1};
      for (const SegmentVersion& read : workload_->Reads(lane, 1)) {
        inputs.segments.push_back(segments_[read.segment]);
      }
      std::vector<float> sum(workload_->lanes()[lane].reply_length);
      const std::vector<int64_t> ids = plan_->Draw(lane, 1, 0, plan_->batch_size(lane));
      for (size_t at = 0; at < ids.size(); at += workload_->sub_batch()) {
        const size_t count = std::min<size_t>(workload_->sub_batch(), ids.size() - at);
        ok &= workload_->AddSum(inputs, {}, std::span(ids).subspan(at, count), sum).ok();
      }
    }
    return ok;
  }
  double Seconds() {
    const double start = ProcessorSeconds();
    Run();
    return ProcessorSeconds() - start;
  }

 private:
  std::unique_ptr<Workload> workload_;
  std::vector<std::vector<float>> segments_;
  std::unique_ptr<JobPlan> plan_;
};

void BM_Epoch(benchmark::State& state, v1::ForwardGnn::Method method,
              v1::ForwardGnn::Convolution convolution) {
  Epoch epoch(method, convolution), baseline(v1::ForwardGnn::BACKPROPAGATION, convolution);
  if (!epoch.Run() || !baseline.Run()) state.SkipWithError("AddSum");
  double seconds = 1e9, baseline_seconds = 1e9;
  for (auto _ : state) {
    seconds = std::min(seconds, epoch.Seconds());
    baseline_seconds = std::min(baseline_seconds, baseline.Seconds());
  }
  state.counters["epoch_ms"] = 1e3 * seconds;
  state.counters["over_backpropagation"] = seconds / baseline_seconds;
}

const bool registered = [] {
  using Gnn = v1::ForwardGnn;
  for (const auto method : {Gnn::SF, Gnn::SF_TOP2LOSS, Gnn::SF_TOP2INPUT, Gnn::FF_LA, Gnn::FF_VN}) {
    for (const auto convolution : {Gnn::GCN, Gnn::SAGE, Gnn::GAT}) {
      const std::string name =
          "BM_Epoch/" + Gnn::Method_Name(method) + "/" + Gnn::Convolution_Name(convolution);
      benchmark::RegisterBenchmark(name.c_str(), BM_Epoch, method, convolution)->Iterations(10);
    }
  }
  return true;
}();

}  // namespace
}  // namespace gradloom
