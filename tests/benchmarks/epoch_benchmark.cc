// Time per epoch of layer-local learning: the sums of a full-batch job of every lane, as workers
// compute them. over_backpropagation: times the time of backpropagation's epoch, measured in turns
// in the same run. Graphs: one of Cora's size, two layers of 128, against backpropagation on the
// same layers; what is computed once a layer (the aggregated inputs) is not counted. Images: 2,000
// of 28x28 pixels, against an `mlp` of the same widths (convolutional blocks: of a block's).
#include <google/protobuf/text_format.h>
#include <time.h>

#include <algorithm>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "benchmark/benchmark.h"
#include "models/workloads/workload.h"

namespace gradloom {
namespace {

double ProcessorSeconds() {
  timespec now;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

std::unique_ptr<Dataset> Open(const std::string& text) {
  v1::DataSource source;
  google::protobuf::TextFormat::ParseFromString(text, &source);
  return *OpenDataset(source, "data.train", "");
}

const Dataset& CoraSized() {
  static const std::unique_ptr<Dataset> graph =
      Open("block_model { count: 2708 classes: 7 features: 1433 words: 18 degree: 4 }");
  return *graph;
}

const Dataset& Images() {
  static const std::unique_ptr<Dataset> glyphs = Open("glyphs { count: 2000 }");
  return *glyphs;
}

class Epoch {
 public:
  Epoch(const std::string& workload, const Dataset& data) {
    v1::WorkloadSpec spec;
    google::protobuf::TextFormat::ParseFromString(workload, &spec);
    workload_ = *MakeWorkload(spec, data.info());
    for (size_t s = 0; s < workload_->segments().size(); ++s) {
      segments_.emplace_back(workload_->segments()[s].size);
      workload_->Initialise(1, static_cast<int>(s), segments_[s]);
    }
    v1::TrainingSpec full_batch;
    full_batch.set_batch_size(0);
    plan_ = workload_->PlanJobs(full_batch, 1);
    const int64_t size = workload_->sub_batch();
    const bool graph = spec.has_forward_gnn();  // ids say it all
    for (int lane = 0; lane < static_cast<int>(workload_->lanes().size()); ++lane) {
      std::vector<SubBatch>& lane_batches = batches_.emplace_back();
      const std::vector<int64_t> ids = plan_->Draw(lane, 1, 0, plan_->batch_size(lane));
      for (size_t at = 0; at < ids.size(); at += size) {
        const size_t count = std::min<size_t>(size, ids.size() - at);
        SubBatch& batch = lane_batches.emplace_back();
        batch.ids.assign(ids.begin() + at, ids.begin() + at + count);
        const auto first = static_cast<int64_t>(at);
        if (!graph) batch.examples = *data.Load(first, first + static_cast<int64_t>(count));
      }
    }
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
      std::vector<float> sum(workload_->lanes()[lane].reply.length());
      for (const SubBatch& batch : batches_[lane]) {
        ok &= workload_->AddSum(inputs, batch.examples, batch.ids, sum).ok();
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
  struct SubBatch {
    std::vector<int64_t> ids;
    Examples examples;
  };
  std::unique_ptr<Workload> workload_;
  std::vector<std::vector<float>> segments_;
  std::unique_ptr<JobPlan> plan_;
  std::vector<std::vector<SubBatch>> batches_;  // by lane
};

void BM_Epoch(benchmark::State& state, const std::string& workload, const std::string& baseline,
              const Dataset& (*data)()) {
  Epoch epoch(workload, data()), backpropagation(baseline, data());
  if (!epoch.Run() || !backpropagation.Run()) state.SkipWithError("AddSum");
  double seconds = 1e9, baseline_seconds = 1e9;
  for (auto _ : state) {
    seconds = std::min(seconds, epoch.Seconds());
    baseline_seconds = std::min(baseline_seconds, backpropagation.Seconds());
  }
  state.counters["epoch_ms"] = 1e3 * seconds;
  state.counters["over_backpropagation"] = seconds / baseline_seconds;
}

void Register(const std::string& name, const std::string& workload, const std::string& baseline,
              const Dataset& (*data)()) {
  benchmark::RegisterBenchmark(absl::StrCat("BM_Epoch/", name).c_str(), BM_Epoch, workload,
                               baseline, data)
      ->Iterations(10);
}

const bool registered = [] {
  for (const char* method : {"SF", "SF_TOP2LOSS", "SF_TOP2INPUT", "FF_LA", "FF_VN"}) {
    for (const char* convolution : {"GCN", "SAGE", "GAT"}) {
      const auto spec = [&](const char* by) {
        return absl::StrCat("forward_gnn { method: ", by, " convolution: ", convolution, " }");
      };
      Register(absl::StrCat(method, "/", convolution), spec(method), spec("BACKPROPAGATION"),
               &CoraSized);
    }
  }
  const std::string mlp = "mlp { hidden: 128 }";
  Register("NOPROP_DT", "noprop { hidden: 128 }", mlp, &Images);
  Register("NOPROP_CT", "noprop { variant: CT hidden: 128 }", mlp, &Images);
  Register("NOPROP_FM", "noprop { variant: FM hidden: 128 }", mlp, &Images);
  Register("NOPROP_CT/CONVOLUTIONAL",
           "noprop { variant: CT block: CONVOLUTIONAL channels: [8, 16] hidden: 64 dropout: 0 }",
           "cnn { layers { conv { channels: 8 padding: 1 } } layers { max_pool {} } "
           "layers { conv { channels: 16 padding: 1 } } layers { max_pool {} } "
           "layers { dense { units: 64 } } layers { dense { units: 64 } } }",
           &Images);
  Register("FORWARD_FORWARD", "forward_forward { hidden: [256, 256] }",
           "mlp { hidden: [256, 256] }", &Images);
  return true;
}();

}  // namespace
}  // namespace gradloom
