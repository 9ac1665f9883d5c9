#include "tests/simulation/simulated_run.h"

#include <utility>

#include "absl/base/internal/raw_logging.h"
#include "absl/strings/str_cat.h"
#include "gradloom/v1/worker.pb.h"

namespace gradloom {
namespace {

template <typename T>
T Get(absl::StatusOr<T> got) {
  ABSL_RAW_CHECK(got.ok(), got.status().ToString().c_str());
  return *std::move(got);
}

}  // namespace

std::shared_ptr<const SimulatedRun> SimulatedRun::Of(const Scenario& scenario) {
  auto model = std::make_shared<SimulatedRun>();
  const std::string text = absl::StrCat(
      "name: simulated\ndata: {train: {regression: {count: 60, features: ", scenario.features,
      "}}, holdout: 12}\nworkload: {linear_regression: {}}\n", scenario.run);
  model->run = Get(ResolveRunSpec(Get(ParseRunFile(text, "simulated.yaml"))));
  model->data = Get(OpenData(model->run.spec.data(), ""));
  v1::RunOffer offer;
  offer.set_run(kRunId);
  *offer.mutable_spec() = model->run.spec;
  for (const v1::TrialSpec& trial : model->run.trials) *offer.add_trials() = trial;
  offer.set_data_checksum(model->data.train->info().checksum);
  offer.set_test_checksum(model->data.test->info().checksum);
  model->served = Get(OpenRun(offer, "", {}));
  return model;
}

}  // namespace gradloom
