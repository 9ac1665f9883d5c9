#include "worker/metrics.h"

#include "proto/ops/version.h"

namespace gradloom {
namespace {

using prometheus::Labels;
using prometheus::Registry;

prometheus::Counter& Counter(Registry& registry, const std::string& name, const std::string& help,
                             const Labels& labels = {}) {
  return prometheus::BuildCounter()
      .Name("gradloom_worker_" + name)
      .Help(help)
      .Register(registry)
      .Add(labels);
}

prometheus::Gauge& Gauge(Registry& registry, const std::string& name, const std::string& help,
                         const Labels& labels = {}) {
  return prometheus::BuildGauge()
      .Name("gradloom_worker_" + name)
      .Help(help)
      .Register(registry)
      .Add(labels);
}

prometheus::Counter& Tasks(Registry& registry, const std::string& result) {
  return Counter(registry, "tasks_total", "Tasks by how they ended", {{"result", result}});
}

prometheus::Counter& Cache(Registry& registry, const std::string& result) {
  return Counter(registry, "parameter_cache_requests_total",
                 "Versions of parameters asked for, by whether they were here already",
                 {{"result", result}});
}

}  // namespace

WorkerMetrics::WorkerMetrics(const std::string& worker, const std::string& isa)
    : registry_(std::make_shared<Registry>()),
      tasks_done(Tasks(*registry_, "done")),
      tasks_late(Tasks(*registry_, "late")),
      tasks_dropped(Tasks(*registry_, "dropped")),
      tasks_failed(Tasks(*registry_, "failed")),
      tasks_duplicate(Tasks(*registry_, "duplicate")),
      compute_seconds(
          prometheus::BuildHistogram()
              .Name("gradloom_worker_compute_seconds")
              .Help("Time to compute a task, without delays on purpose")
              .Register(*registry_)
              .Add({}, prometheus::Histogram::BucketBoundaries{0.001, 0.003, 0.01, 0.03, 0.1, 0.3,
                                                               1, 3, 10, 30, 100})),
      delay_seconds(
          Counter(*registry_, "injected_delay_seconds_total", "Time spent straggling on purpose")),
      examples(Counter(*registry_, "examples_total", "Examples computed")),
      bytes_received(Counter(*registry_, "parameter_bytes_total", "Bytes of parameters fetched")),
      bytes_sent(Counter(*registry_, "reply_bytes_total", "Bytes of replies sent")),
      parameter_hits(Cache(*registry_, "hit")),
      parameter_misses(Cache(*registry_, "miss")),
      connections(Counter(*registry_, "connections_total", "Times the coordinator welcomed us")),
      connected(Gauge(*registry_, "connected", "1 while connected to the coordinator")),
      tasks_waiting(Gauge(*registry_, "tasks_waiting", "Tasks waiting or under way")) {
  Gauge(*registry_, "info", "1; the labels say which worker this is",
        {{"worker", worker}, {"version", Version()}, {"isa", isa}})
      .Set(1);
}

}  // namespace gradloom
