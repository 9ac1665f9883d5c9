// Replies through the coordinator's whole path (WorkerServiceImpl::PushReply, FrameReader, JobSum,
// then the decoded sum) against a bare gRPC client stream of the very same frames, received and
// thrown away: real gRPC over loopback, one reply after the other, interleaved in one run, medians.
// The coordinator is the real one, with a linear regression of as many parameters and a worker that
// knows its replies beforehand.
//
//   ingest_benchmark [MEGABYTES...]     (default: 16 64 256)
#include <grpcpp/grpcpp.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "coordinator/service/run_registry.h"
#include "coordinator/service/worker_service.h"
#include "proto/ops/logging.h"
#include "proto/wire/frame.h"

namespace gradloom {
namespace {

constexpr int kParts = 4;
constexpr int kExamplesPerPart = 2;
constexpr char kVersion[] = "benchmark";

double Now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

double Median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

void Check(bool ok, const std::string& what) {
  if (ok) return;
  std::cerr << "ingest_benchmark: " << what << "\n";
  std::exit(1);
}

// Receives frames and throws them away.
class BareService final : public v1::WorkerService::CallbackService {
 public:
  grpc::ServerReadReactor<v1::Frame>* PushReply(grpc::CallbackServerContext*,
                                                v1::PushReplyResponse* response) override {
    class Stream final : public grpc::ServerReadReactor<v1::Frame> {
     public:
      Stream() { StartRead(&frame_); }
      void OnReadDone(bool ok) override {
        if (ok) {
          StartRead(&frame_);
        } else {
          Finish(grpc::Status::OK);
        }
      }
      void OnDone() override { delete this; }

     private:
      v1::Frame frame_;
    };
    response->set_accepted(true);
    return new Stream;
  }
};

std::unique_ptr<grpc::Server> Serve(grpc::Service* service, int* port) {
  grpc::ServerBuilder builder;
  builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), port);
  // As the coordinator does.
  builder.AddChannelArgument(GRPC_ARG_HTTP2_BDP_PROBE, 0);
  builder.AddChannelArgument(GRPC_ARG_HTTP2_STREAM_LOOKAHEAD_BYTES, 4 << 20);
  builder.RegisterService(service);
  return builder.BuildAndStart();
}

std::unique_ptr<v1::WorkerService::Stub> Connect(int port) {
  return v1::WorkerService::NewStub(
      grpc::CreateChannel(absl::StrCat("127.0.0.1:", port), grpc::InsecureChannelCredentials()));
}

// Seconds to push one reply.
double Push(v1::WorkerService::Stub& stub, const std::vector<v1::Frame>& frames) {
  grpc::ClientContext context;
  v1::PushReplyResponse response;
  const double start = Now();
  const auto writer = stub.PushReply(&context, &response);
  for (const v1::Frame& frame : frames) {
    if (!writer->Write(frame)) break;
  }
  writer->WritesDone();
  const grpc::Status status = writer->Finish();
  const double seconds = Now() - start;
  Check(status.ok() && response.accepted(), status.error_message() + response.reason());
  return seconds;
}

std::vector<float> ReplyValues(size_t parameters) {
  std::vector<float> values(parameters + kReplyScalars, 0.0f);
  for (size_t i = 0; i < parameters; ++i) {
    values[i] = static_cast<float>(static_cast<int>(i * 2654435761u >> 8 & 0xffff) - 32768) * 1e-6f;
  }
  values[parameters + kExamples] = kExamplesPerPart;
  values[parameters + kLossSum] = 1;
  return values;
}

std::vector<v1::Frame> Frames(const std::vector<float>& values) {
  v1::VectorHeader header;
  header.set_format(v1::FP32);
  FrameWriter writer(header, values);
  std::vector<v1::Frame> frames;
  while (!writer.done()) writer.Next(frames.emplace_back());
  return frames;
}

// A coordinator with one run under way, and the one worker of its fleet.
class Coordinator {
 public:
  Coordinator(const std::string& folder, size_t parameters, int jobs)
      : workers_(kVersion, &metrics_), registry_(folder + "/state", folder, &workers_, &metrics_) {
    workers_.SetRegistry(&registry_);
    const absl::Status started =
        registry_.Start({[this](std::shared_ptr<RunEngine> engine) { workers_.RunStarted(engine); },
                         [this](uint64_t run) { workers_.RunEnded(run); }});
    Check(started.ok(), started.ToString());
    int port = 0;
    server_ = Serve(&workers_, &port);
    stub_ = Connect(port);
    std::ofstream data(folder + "/data.libsvm");
    for (int i = 0; i < kParts * kExamplesPerPart; ++i) data << "0 " << i + 1 << ":1\n";
    data.close();
    v1::RunSpec spec;
    v1::LibsvmSource* source = spec.mutable_data()->mutable_train()->mutable_libsvm();
    source->set_file("data.libsvm");
    source->set_features(parameters);
    spec.set_name("ingest");
    spec.mutable_workload()->mutable_linear_regression()->set_intercept(false);
    spec.mutable_optimizer()->set_kind(v1::OptimizerSpec::SGD);
    spec.mutable_training()->set_batch_size(0);
    spec.mutable_training()->set_jobs(jobs);
    spec.mutable_training()->set_evaluate_every(0);
    spec.mutable_scheme()->mutable_uncoded();
    spec.mutable_scheme()->set_slots(kParts);
    const absl::StatusOr<uint64_t> run = registry_.Submit(spec);
    Check(run.ok(), run.status().ToString());
    run_ = *run;
    Join();
  }
  ~Coordinator() {
    context_.TryCancel();
    stream_->Finish();
    registry_.Stop();
    server_->Shutdown();
  }

  uint64_t run() const { return run_; }
  uint64_t generation() const { return generation_; }
  v1::WorkerService::Stub& stub() { return *stub_; }
  // The next job's tasks; blocks until the job before has been applied.
  std::vector<uint64_t> Tasks() {
    std::vector<uint64_t> tasks;
    for (v1::ToWorker message; tasks.size() < kParts && stream_->Read(&message);) {
      for (const v1::Task& task : message.assign().tasks()) tasks.push_back(task.id());
    }
    Check(tasks.size() == kParts, "the run ended early");
    return tasks;
  }

 private:
  void Join() {
    stream_ = stub_->Connect(&context_);
    v1::FromWorker hello;
    hello.mutable_hello()->set_worker("benchmark");
    hello.mutable_hello()->set_version(kVersion);
    hello.mutable_hello()->set_isa("any");
    hello.mutable_hello()->set_capacity(1);
    stream_->Write(hello);
    for (v1::ToWorker message; stream_->Read(&message);) {
      if (message.has_welcome()) generation_ = message.welcome().generation();
      if (message.has_run_offer()) break;
    }
    v1::FromWorker ready;
    ready.mutable_run_ready()->set_run(run_);
    ready.mutable_run_ready()->set_data_checksum(registry_.Active(run_)->data_checksum());
    stream_->Write(ready);
  }

  CoordinatorMetrics metrics_;
  WorkerServiceImpl workers_;
  RunRegistry registry_;
  std::unique_ptr<grpc::Server> server_;
  std::unique_ptr<v1::WorkerService::Stub> stub_;
  grpc::ClientContext context_;
  std::unique_ptr<grpc::ClientReaderWriter<v1::FromWorker, v1::ToWorker>> stream_;
  uint64_t run_ = 0;
  uint64_t generation_ = 0;
};

// Decoding alone, as the engine does it: block by block into a buffer that stays in the cache.
double DecodeSeconds(const std::vector<float>& values, size_t frame_values) {
  JobSum sum(values.size(), frame_values, 1, true);
  for (size_t frame = 0; frame < sum.frames(); ++frame) {
    const size_t offset = frame * frame_values;
    Check(
        sum.AddFrame(
               sum.epoch(), 0, frame,
               std::span(values).subspan(offset, std::min(frame_values, values.size() - offset)), 0)
            .ok(),
        "frame refused");
  }
  std::vector<float> block(16 * ReproducibleSum::kBlock);
  const double start = Now();
  for (size_t offset = 0; offset < values.size(); offset += block.size()) {
    sum.Decode({}, offset, std::span(block).first(std::min(block.size(), values.size() - offset)));
  }
  return Now() - start;
}

void Measure(size_t megabytes) {
  const size_t parameters = megabytes * 250000 - kReplyScalars;
  const int repetitions = megabytes > 100 ? 5 : 9;
  char folder[] = "/tmp/gradloom-ingest-XXXXXX";
  Check(mkdtemp(folder) != nullptr, "mkdtemp failed");
  BareService bare_service;
  int port = 0;
  const auto bare_server = Serve(&bare_service, &port);
  const auto bare_stub = Connect(port);
  const std::vector<float> values = ReplyValues(parameters);
  std::vector<v1::Frame> frames = Frames(values);
  std::vector<double> bare, ingest, decode, whole;
  {
    Coordinator coordinator(folder, parameters, repetitions + 2);
    std::vector<uint64_t> tasks = coordinator.Tasks();
    for (int i = 0; i <= repetitions; ++i) {  // the first one warms up
      double bare_seconds = 0, ingest_seconds = 0;
      for (int part = 0; part < kParts; ++part) bare_seconds += Push(*bare_stub, frames);
      const double start = Now();
      for (uint64_t task : tasks) {
        v1::VectorHeader* header = frames[0].mutable_header();
        header->set_run(coordinator.run());
        header->set_task(task);
        header->set_generation(coordinator.generation());
        ingest_seconds += Push(coordinator.stub(), frames);
      }
      tasks = coordinator.Tasks();
      const double whole_seconds = Now() - start;
      if (i == 0) continue;
      bare.push_back(bare_seconds);
      ingest.push_back(ingest_seconds);
      whole.push_back(whole_seconds);
      decode.push_back(DecodeSeconds(values, frames[0].header().frame_values()));
    }
  }
  std::filesystem::remove_all(folder);
  const double reference = Median(bare);
  std::printf(
      "%4zu MB: bare stream %.2f GB/s | ingest %.2f | ingest + decode %.2f | "
      "and optimiser step %.2f of it\n",
      megabytes, static_cast<double>(kParts * megabytes) * 1e-3 / reference,
      reference / Median(ingest), reference / (Median(ingest) + Median(decode)),
      reference / Median(whole));
  std::fflush(stdout);
}

}  // namespace
}  // namespace gradloom

int main(int argc, char** argv) {
  (void)gradloom::SetUpLogging("ingest_benchmark", "text", "error");
  std::vector<size_t> sizes;
  for (int i = 1; i < argc; ++i) sizes.push_back(std::strtoul(argv[i], nullptr, 10));
  if (sizes.empty()) sizes = {16, 64, 256};
  std::printf("%d replies a job, sent one after the other; target: ingest + decode >= 0.8\n",
              gradloom::kParts);
  for (size_t size : sizes) gradloom::Measure(size);
  return 0;
}
