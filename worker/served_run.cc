#include "worker/served_run.h"

#include <atomic>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "proto/wire/number_format.h"

namespace gradloom {
namespace {

absl::StatusOr<Straggler> MakeStraggler(const v1::RunSpec& spec, const std::string& data_folder,
                                        const StraggleFlags& flags) {
  v1::StraggleSpec straggle = spec.straggle();
  if (flags.model.has_value()) {
    straggle.clear_model();
    straggle.clear_slots();
    straggle.MergeFrom(*flags.model);
  }
  auto straggler = Straggler::Make(straggle, spec.seed(), data_folder);
  if (!straggler.ok()) return straggler;
  for (const uint64_t job : flags.crash_at_jobs) straggler->AddCrash(job);
  for (const auto& [job, duration] : flags.freeze_at_jobs) straggler->AddFreeze(job, duration);
  return straggler;
}

absl::StatusOr<ServedTrial> MakeTrial(const v1::TrialSpec& spec, int number,
                                      const DatasetInfo& data) {
  auto workload = MakeWorkload(spec.workload(), data);
  if (!workload.ok()) {
    return absl::InvalidArgumentError(
        absl::StrCat("trial ", number, ": ", std::string(workload.status().message())));
  }
  JobPlans plans(**workload, spec.training(), spec.seed());
  return ServedTrial{*std::move(workload), std::move(plans), spec.seed()};
}

}  // namespace

std::string OfferKey(v1::RunOffer offer) {
  offer.clear_life();
  return offer.SerializeAsString();
}

absl::StatusOr<std::shared_ptr<const ServedRun>> OpenRun(const v1::RunOffer& offer,
                                                         const std::string& data_folder,
                                                         const StraggleFlags& straggle) {
  static std::atomic<uint64_t> serial{0};
  auto run = std::make_shared<ServedRun>();
  run->serial = ++serial;
  run->run = offer.run();
  run->offer = OfferKey(offer);

  auto data = OpenData(offer.spec().data(), data_folder);
  if (!data.ok()) return data.status();
  run->data = data->train;
  run->test = data->test;
  run->test_checksum = offer.test_checksum();
  const DatasetInfo& info = run->data->info();
  if (info.examples < 1) return absl::InvalidArgumentError("data.train has no examples");
  if (info.checksum != offer.data_checksum()) {
    return absl::FailedPreconditionError(absl::StrFormat(
        "data.train here has checksum %016x (%d examples), the coordinator's has %016x: give this "
        "worker the same data, or its folder with --data-folder",
        info.checksum, info.examples, offer.data_checksum()));
  }
  if (offer.trials().empty()) return absl::InvalidArgumentError("the run has no trials");
  for (int k = 0; k < offer.trials_size(); ++k) {
    auto trial = MakeTrial(offer.trials(k), k, info);
    if (!trial.ok()) return trial.status();
    run->trials.push_back(*std::move(trial));
  }

  auto straggler = MakeStraggler(offer.spec(), data_folder, straggle);
  if (!straggler.ok()) return straggler.status();
  run->straggler = *std::move(straggler);

  const v1::NumberFormat format = offer.spec().wire().replies();
  if (!IsKnownNumberFormat(format)) {
    return absl::InvalidArgumentError(absl::StrCat("wire.replies ", static_cast<int>(format),
                                                   " is unknown; known: fp32, bf16, fp16"));
  }
  run->reply_format = format == v1::NUMBER_FORMAT_UNSPECIFIED ? v1::FP32 : format;
  run->frame_bytes = offer.spec().wire().frame_bytes();
  run->exact_parameters = offer.spec().wire().parameters() == v1::FP32 ||
                          offer.spec().wire().parameters() == v1::NUMBER_FORMAT_UNSPECIFIED;
  return run;
}

}  // namespace gradloom
