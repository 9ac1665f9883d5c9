// Replies through the coordinator's whole path (WorkerServiceImpl::PushReply, frame checks, JobSum,
// then the decoded sum) against a bare gRPC client stream of the very same frames, received by
// generated code and thrown away: real gRPC over loopback with the coordinator's own transport
// settings for both, from a client process of its own, interleaved in one run, medians. The
// coordinator is the real one, with a linear regression of as many parameters and a worker that
// knows its replies beforehand.
//
//   ingest_benchmark                          all shapes, the headline first
//   ingest_benchmark PARTS MEGABYTES MODE     one; MODE: sequential (the parts' replies come one
//                                             after the other), concurrent (over as many
//                                             connections), bf16 or wide (sequential, of 16 bits;
//                                             of values that take the longer way to an exact sum)
#include <grpcpp/grpcpp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <map>
#include <mutex>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "coordinator/service/run_registry.h"
#include "coordinator/service/transport.h"
#include "coordinator/service/worker_service.h"
#include "proto/ops/channel.h"
#include "proto/ops/logging.h"
#include "proto/wire/frame.h"
#include "proto/wire/heartbeat.h"
#include "tests/models/workloads/reply_scalars.h"

namespace gradloom {
namespace {

constexpr int kMaxParts = 64;
constexpr int kExamplesPerPart = 2;
constexpr char kVersion[] = "benchmark";

struct Shape {
  int parts = 4;
  size_t megabytes = 64;    // of a reply on the wire
  bool concurrent = false;  // every part over a connection of its own, all at once
  v1::NumberFormat format = v1::FP32;
  bool wide = false;  // magnitudes over so many binades that no plain sum is exact
  size_t values() const { return megabytes * 1'000'000 / BytesPerValue(format); }
};

double Now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

// Of all threads of this process.
double CpuNow() {
  timespec time;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
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

std::unique_ptr<v1::WorkerService::Stub> Connect(int port) {
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);  // as separate workers would
  return v1::WorkerService::NewStub(MakeChannel(absl::StrCat("127.0.0.1:", port), arguments));
}

// ---- the client's process -----------------------------------------------------------------------

// One reply a task to a server.
struct Order {
  int port = 0;
  Shape shape;
  uint64_t run = 0;
  uint64_t generation = 0;
  std::array<uint64_t, kMaxParts> tasks = {};
};

// Bell-shaped, as gradients are, and repeated after 2^20.
std::vector<float> ReplyValues(const Shape& shape) {
  std::mt19937 random(1);
  std::normal_distribution<float> normal(0, 0.01f);
  std::vector<float> some(1 << 20);
  for (float& value : some) {
    value = normal(random);
    if (shape.wide) value = std::ldexp(value, -static_cast<int>(random() % 60));
  }
  const size_t parameters = shape.values() - kReplyScalars;
  std::vector<float> values(shape.values(), 0.0f);
  for (size_t i = 0; i < parameters; ++i) values[i] = some[i % some.size()];
  values[parameters + kExamples] = kExamplesPerPart;
  values[parameters + kLossSum] = 1;
  return values;
}

std::vector<v1::Frame> Frames(const Shape& shape) {
  v1::VectorHeader header;
  header.set_format(shape.format);
  const std::vector<float> values = ReplyValues(shape);
  FrameWriter writer(header, values);
  std::vector<v1::Frame> frames;
  while (!writer.done()) writer.Next(frames.emplace_back());
  return frames;
}

void Push(v1::WorkerService::Stub& stub, const Order& order, int part,
          const std::vector<v1::Frame>& frames) {
  grpc::ClientContext context;
  context.set_wait_for_ready(true);
  v1::PushReplyResponse response;
  v1::Frame first = frames[0];
  first.mutable_header()->set_run(order.run);
  first.mutable_header()->set_task(order.tasks[part]);
  first.mutable_header()->set_generation(order.generation);
  first.mutable_header()->set_examples(kExamplesPerPart);
  const auto writer = stub.PushReply(&context, &response);
  bool open = writer->Write(first);
  for (size_t i = 1; i < frames.size() && open; ++i) open = writer->Write(frames[i]);
  writer->WritesDone();
  const grpc::Status status = writer->Finish();
  Check(status.ok() && response.accepted(), status.error_message() + response.reason());
}

// Carries out orders until there are no more; answers each with the seconds that it took.
void ClientProcess(int socket) {
  std::map<std::pair<int, int>, std::unique_ptr<v1::WorkerService::Stub>> stubs;  // by port, part
  std::vector<v1::Frame> frames;
  Shape made = {.megabytes = 0};
  for (Order order; read(socket, &order, sizeof order) == sizeof order;) {
    if (order.shape.values() != made.values() || order.shape.format != made.format ||
        order.shape.wide != made.wide) {
      made = order.shape;
      frames = Frames(made);
    }
    std::vector<v1::WorkerService::Stub*> stub;
    for (int part = 0; part < order.shape.parts; ++part) {
      auto& slot = stubs[{order.port, order.shape.concurrent ? part : 0}];
      if (slot == nullptr) slot = Connect(order.port);
      stub.push_back(slot.get());
    }
    const double start = Now();
    if (order.shape.concurrent) {
      std::vector<std::jthread> threads;
      for (int part = 0; part < order.shape.parts; ++part) {
        threads.emplace_back([&, part] { Push(*stub[part], order, part, frames); });
      }
    } else {
      for (int part = 0; part < order.shape.parts; ++part) Push(*stub[part], order, part, frames);
    }
    const double seconds = Now() - start;
    Check(write(socket, &seconds, sizeof seconds) == sizeof seconds, "no parent");
  }
}

class Client {
 public:
  // Before any thread is started.
  Client() {
    int sockets[2];
    Check(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, sockets) == 0, "socketpair failed");
    if (fork() == 0) {
      close(sockets[0]);
      ClientProcess(sockets[1]);
      _exit(0);
    }
    close(sockets[1]);
    socket_ = sockets[0];
  }
  ~Client() { close(socket_); }

  double Push(const Order& order) {
    double seconds = 0;
    Check(write(socket_, &order, sizeof order) == sizeof order &&
              read(socket_, &seconds, sizeof seconds) == sizeof seconds,
          "the client is gone");
    return seconds;
  }

 private:
  int socket_ = -1;
};

// ---- the servers --------------------------------------------------------------------------------

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
  SetDataTransport(builder);
  builder.RegisterService(service);
  return builder.BuildAndStart();
}

// A coordinator with one run under way, and the one worker of its fleet.
class Coordinator {
 public:
  Coordinator(const std::string& folder, const Shape& shape, int jobs)
      : parts_(shape.parts),
        workers_(kVersion, /*isa=*/"", &metrics_),
        registry_(folder + "/state", folder, &workers_, &metrics_) {
    workers_.SetRegistry(&registry_);
    const absl::Status started =
        registry_.Start({[this](std::shared_ptr<RunEngine> engine) { workers_.RunStarted(engine); },
                         [this](uint64_t run) { workers_.RunEnded(run); }});
    Check(started.ok(), started.ToString());
    server_ = Serve(&workers_, &port_);
    stub_ = Connect(port_);
    std::ofstream data(folder + "/data.libsvm");
    for (int i = 0; i < parts_ * kExamplesPerPart; ++i) data << "0 " << i + 1 << ":1\n";
    data.close();
    v1::RunSpec spec;
    v1::LibsvmSource* source = spec.mutable_data()->mutable_train()->mutable_libsvm();
    source->set_file("data.libsvm");
    source->set_features(shape.values() - kReplyScalars);
    spec.set_name("ingest");
    spec.mutable_workload()->mutable_linear_regression()->set_intercept(false);
    spec.mutable_optimizer()->set_kind(v1::OptimizerSpec::SGD);
    spec.mutable_training()->set_batch_size(0);
    spec.mutable_training()->set_jobs(jobs);
    spec.mutable_training()->set_evaluate_every(0);
    spec.mutable_scheme()->mutable_uncoded();
    spec.mutable_scheme()->set_slots(parts_);
    spec.mutable_fleet()->set_workers(1);
    spec.mutable_wire()->set_replies(shape.format);
    const absl::StatusOr<uint64_t> run = registry_.Submit(spec);
    Check(run.ok(), run.status().ToString());
    run_ = *run;
    Join();
  }
  ~Coordinator() {
    heart_ = {};
    context_.TryCancel();
    stream_->Finish();
    registry_.Stop();
    server_->Shutdown();
  }

  uint64_t run() const { return run_; }
  uint64_t generation() const { return generation_; }
  int port() const { return port_; }
  // The next job's tasks; blocks until the job before has been applied.
  std::vector<uint64_t> Tasks() {
    std::vector<uint64_t> tasks;
    for (v1::ToWorker message; tasks.size() < parts_ && stream_->Read(&message);) {
      for (const v1::Task& task : message.assign().tasks()) tasks.push_back(task.id());
    }
    Check(tasks.size() == parts_, "the run ended early");
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
    // From here on only this thread writes.
    heart_ = std::jthread([this](const std::stop_token& stop) {
      v1::FromWorker beat;
      beat.mutable_heartbeat();
      std::mutex mutex;
      std::condition_variable_any stopped;
      for (std::unique_lock lock(mutex); !stop.stop_requested();) {
        stopped.wait_for(lock, stop, absl::ToChronoMilliseconds(kHeartbeatEvery),
                         [] { return false; });
        stream_->Write(beat);
      }
    });
  }

  const size_t parts_;
  CoordinatorMetrics metrics_;
  WorkerServiceImpl workers_;
  RunRegistry registry_;
  int port_ = 0;
  std::unique_ptr<grpc::Server> server_;
  std::unique_ptr<v1::WorkerService::Stub> stub_;
  grpc::ClientContext context_;
  std::unique_ptr<grpc::ClientReaderWriter<v1::FromWorker, v1::ToWorker>> stream_;
  uint64_t run_ = 0;
  uint64_t generation_ = 0;
  std::jthread heart_;
};

// Decoding alone, as the engine does it: block by block into a buffer that stays in the cache.
double DecodeSeconds(const Shape& shape, const std::vector<float>& values, size_t frame_values) {
  JobSum sum(values.size(), frame_values, shape.parts, true);
  for (int part = 0; part < shape.parts; ++part) {
    for (size_t frame = 0; frame < sum.frames(); ++frame) {
      const size_t offset = frame * frame_values;
      const size_t count = std::min(frame_values, values.size() - offset);
      FramePool::Buffer buffer = sum.NewBuffer();
      std::copy_n(values.begin() + static_cast<int64_t>(offset), count, buffer.data());
      Check(sum.AddFrame(sum.epoch(), part, frame, std::move(buffer), count, 0).ok(),
            "frame refused");
    }
  }
  std::vector<float> block(16 * ReproducibleSum::kBlock);
  const double start = Now();
  for (size_t offset = 0; offset < values.size(); offset += block.size()) {
    sum.Decode({}, offset, std::span(block).first(std::min(block.size(), values.size() - offset)));
  }
  return Now() - start;
}

// The same orders to both servers, in turn.
struct Times {
  std::vector<double> bare, ingest, whole, bare_cpu, ingest_cpu;
};
Times PushToBoth(Client& client, const Shape& shape, int repetitions) {
  char folder[] = "/tmp/gradloom-ingest-XXXXXX";
  Check(mkdtemp(folder) != nullptr, "mkdtemp failed");
  BareService bare_service;
  Order bare = {.shape = shape};
  const auto bare_server = Serve(&bare_service, &bare.port);
  Times times;
  {
    Coordinator coordinator(folder, shape, repetitions + 2);
    Order order = {coordinator.port(), shape, coordinator.run(), coordinator.generation()};
    std::vector<uint64_t> tasks = coordinator.Tasks();
    for (int i = 0; i <= repetitions; ++i) {
      std::copy(tasks.begin(), tasks.end(), order.tasks.begin());
      const double cpu_start = CpuNow();
      const double bare_seconds = client.Push(bare);
      const double cpu_middle = CpuNow();
      const double start = Now();
      const double ingest_seconds = client.Push(order);
      const double cpu_end = CpuNow();
      tasks = coordinator.Tasks();
      if (i == 0) continue;  // warms up
      times.whole.push_back(Now() - start);
      times.bare.push_back(bare_seconds);
      times.ingest.push_back(ingest_seconds);
      times.bare_cpu.push_back(cpu_middle - cpu_start);
      times.ingest_cpu.push_back(cpu_end - cpu_middle);
    }
  }
  std::filesystem::remove_all(folder);
  return times;
}

const char* ModeOf(const Shape& shape) {
  if (shape.concurrent) return "concurrent";
  if (shape.wide) return "wide";
  return shape.format == v1::BF16 ? "bf16" : "sequential";
}

void Measure(Client& client, const Shape& shape) {
  const size_t total = shape.parts * shape.megabytes;  // MB
  const Times times = PushToBoth(client, shape, total > 1500 ? 5 : total < 100 ? 21 : 9);
  const std::vector<float> values = ReplyValues(shape);
  std::vector<double> decode;
  for (int i = 0; i < 3; ++i) {
    decode.push_back(DecodeSeconds(shape, values, FrameValues(shape.format, 0)));
  }
  const double bare = Median(times.bare);
  const double gigabytes = static_cast<double>(total) * 1e-3;
  std::printf("%2d x %3zu MB %-10s | %9.2f GB/s | %6.2f | %15.2f | %18.2f | %4.2f and %4.2f\n",
              shape.parts, shape.megabytes, ModeOf(shape), gigabytes / bare,
              bare / Median(times.ingest), bare / (Median(times.ingest) + Median(decode)),
              bare / Median(times.whole), Median(times.bare_cpu) / gigabytes,
              Median(times.ingest_cpu) / gigabytes);
  std::fflush(stdout);
}

std::vector<Shape> AllShapes() {
  std::vector<Shape> shapes = {{}};  // the headline: 4 replies of 64 MB, one after the other
  for (size_t megabytes : {4, 16, 256}) shapes.push_back({.megabytes = megabytes});
  for (int parts : {1, 2, 3, 8, 16}) shapes.push_back({.parts = parts});
  shapes.push_back({.parts = 64, .megabytes = 16});
  for (int parts : {4, 16}) shapes.push_back({.parts = parts, .concurrent = true});
  shapes.push_back({.parts = 64, .megabytes = 16, .concurrent = true});
  shapes.push_back({.format = v1::BF16});
  shapes.push_back({.wide = true});
  return shapes;
}

}  // namespace
}  // namespace gradloom

int main(int argc, char** argv) {
  gradloom::Client client;
  (void)gradloom::SetUpLogging("ingest_benchmark", "text", "error");
  std::vector<gradloom::Shape> shapes = gradloom::AllShapes();
  if (argc == 4) {
    gradloom::Shape shape = {std::clamp(std::atoi(argv[1]), 1, gradloom::kMaxParts),
                             std::strtoul(argv[2], nullptr, 10)};
    const std::string mode = argv[3];
    if (mode == "concurrent") shape.concurrent = true;
    if (mode == "wide") shape.wide = true;
    if (mode == "bf16") shape.format = gradloom::v1::BF16;
    gradloom::Check(mode == gradloom::ModeOf(shape) && shape.megabytes > 0,
                    "MODE is sequential, concurrent, bf16 or wide");
    shapes = {shape};
  }
  std::printf(
      "ratios to the bare stream's time; target: ingest + decode >= 0.8 in the first line\n"
      "replies of a job       | bare stream    | ingest | ingest + decode | and optimiser step | "
      "server's CPU s/GB, bare and ours\n");
  for (const gradloom::Shape& shape : shapes) gradloom::Measure(client, shape);
  return 0;
}
