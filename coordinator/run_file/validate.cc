#include "coordinator/run_file/validate.h"

#include <algorithm>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_join.h"
#include "coding/codes/code_table.h"
#include "coordinator/planning/arrangement.h"
#include "coordinator/run_file/run_file.h"
#include "coordinator/run_file/scheme_rules.h"
#include "coordinator/run_file/yaml_to_proto.h"
#include "models/data/rows.h"
#include "models/data/text.h"
#include "models/optimisers/optimiser.h"

namespace gradloom {

std::string Alternatives(const google::protobuf::Descriptor* type) {
  std::vector<std::string> names;
  for (int i = 0; i < type->oneof_decl(0)->field_count(); ++i) {
    names.push_back(type->oneof_decl(0)->field(i)->name());
  }
  return absl::StrJoin(names, ", ");
}

namespace {

using google::protobuf::Duration;

constexpr size_t kMaxNameBytes = 200;
constexpr uint32_t kMaxFrameBytes = 2 << 20;  // gRPC refuses messages over 4 MiB by default
// Of a lane; a run's thousands of lanes together stay below 2^63.
constexpr uint64_t kMaxJobs = uint64_t{1} << 40;
constexpr uint32_t kMaxKept = 1000;
constexpr uint32_t kMaxAttempts = 1000;
constexpr double kMaxFactor = 1e6;
// Words, and ends of edges, of a generated graph, which is in memory.
constexpr double kMaxGraphParts = 0x1p28;
constexpr double kMaxDelaySeconds = 24 * 3600;  // on purpose; the workers' limit, too

double Seconds(const Duration& duration) { return duration.seconds() + duration.nanos() * 1e-9; }

void ValidateCsv(const v1::CsvSource& csv, const std::string& field, Findings* findings) {
  findings->RequireText(csv.file(), field + ".file", "a file");
  findings->Require(ParseDelimiter(csv.delimiter()).has_value(), field + ".delimiter",
                    Shown(csv.delimiter()), kLegalDelimiter);
}

void ValidateSource(const v1::DataSource& source, const std::string& field, Findings* findings) {
  const auto at = [&](absl::string_view name) { return absl::StrCat(field, ".", name); };
  switch (source.source_case()) {
    case v1::DataSource::SOURCE_NOT_SET:
      findings->Add(field, absl::StrCat("is missing; it must be one of: ",
                                        Alternatives(v1::DataSource::descriptor())));
      break;
    case v1::DataSource::kIdx:
      findings->RequireText(source.idx().images(), at("idx.images"), "a file");
      findings->RequireText(source.idx().labels(), at("idx.labels"), "a file");
      if (source.idx().has_count()) {
        findings->Require(source.idx().count() > 0, at("idx.count"), source.idx().count(),
                          "1 or more");
      }
      break;
    case v1::DataSource::kCifar10:
      if (source.cifar10().files().empty()) {
        findings->Add(at("cifar10.files"), "is empty; it must name a file or several");
      }
      for (int i = 0; i < source.cifar10().files_size(); ++i) {
        findings->RequireText(source.cifar10().files(i), at(absl::StrCat("cifar10.files[", i, "]")),
                              "a file");
      }
      break;
    case v1::DataSource::kLibsvm:
      findings->RequireText(source.libsvm().file(), at("libsvm.file"), "a file");
      if (source.libsvm().has_features()) {
        findings->Require(source.libsvm().features() > 0, at("libsvm.features"),
                          source.libsvm().features(), "1 or more");
      }
      break;
    case v1::DataSource::kCsv:
      ValidateCsv(source.csv(), at("csv"), findings);
      break;
    case v1::DataSource::kNumpy:
      findings->RequireText(source.numpy().features(), at("numpy.features"),
                            "file.npy, or file.npz:array");
      findings->RequireText(source.numpy().targets(), at("numpy.targets"),
                            "file.npy, or file.npz:array");
      break;
    case v1::DataSource::kGlyphs: {
      const auto& glyphs = source.glyphs();
      findings->Require(glyphs.count() > 0, at("glyphs.count"), glyphs.count(), "1 or more");
      findings->Require(glyphs.noise() >= 0, at("glyphs.noise"), glyphs.noise(), "0 or more");
      findings->Require(glyphs.distortion() >= 0, at("glyphs.distortion"), glyphs.distortion(),
                        "0 or more");
      break;
    }
    case v1::DataSource::kRegression: {
      const auto& regression = source.regression();
      findings->Require(regression.count() > 0, at("regression.count"), regression.count(),
                        "1 or more");
      findings->Require(regression.features() > 0, at("regression.features"), regression.features(),
                        "1 or more");
      findings->Require(regression.noise() >= 0, at("regression.noise"), regression.noise(),
                        "0 or more");
      break;
    }
    case v1::DataSource::kClassification: {
      const auto& clusters = source.classification();
      findings->Require(clusters.count() > 0, at("classification.count"), clusters.count(),
                        "1 or more");
      findings->Require(clusters.features() > 0, at("classification.features"), clusters.features(),
                        "1 or more");
      findings->Require(clusters.classes() >= 2, at("classification.classes"), clusters.classes(),
                        "2 or more");
      findings->Require(clusters.separation() >= 0, at("classification.separation"),
                        clusters.separation(), "0 or more");
      break;
    }
    case v1::DataSource::kGraphNpz:
      findings->RequireText(source.graph_npz().file(), at("graph_npz.file"), "a file");
      break;
    case v1::DataSource::kGraphCsv:
      findings->RequireText(source.graph_csv().edges(), at("graph_csv.edges"), "a file");
      ValidateCsv(source.graph_csv().nodes(), at("graph_csv.nodes"), findings);
      break;
    case v1::DataSource::kBlockModel: {
      const auto& blocks = source.block_model();
      findings->Require(blocks.classes() >= 2, at("block_model.classes"), blocks.classes(),
                        "2 or more");
      findings->Require(blocks.count() >= 2 * uint64_t{blocks.classes()}, at("block_model.count"),
                        blocks.count(), "two or more a class");
      findings->Require(blocks.features() >= blocks.classes(), at("block_model.features"),
                        blocks.features(), "one or more a class");
      findings->Require(blocks.degree() > 0, at("block_model.degree"), blocks.degree(),
                        "more than 0");
      findings->Require(blocks.words() >= 1, at("block_model.words"), blocks.words(), "1 or more");
      for (const auto& [name, value] : {std::pair("degree", blocks.degree()),
                                        std::pair("words", static_cast<double>(blocks.words()))}) {
        findings->Require(value * static_cast<double>(blocks.count()) <= kMaxGraphParts,
                          at(absl::StrCat("block_model.", name)), value,
                          absl::StrCat("such that ", name, " x count = ", blocks.count(),
                                       " is at most ", kMaxGraphParts));
      }
      for (const auto& [name, value] :
           {std::pair("homophily", blocks.homophily()), std::pair("topic", blocks.topic())}) {
        findings->Require(value >= 0 && value <= 1, at(absl::StrCat("block_model.", name)), value,
                          "from 0 to 1");
      }
      break;
    }
  }
}

// models/optimisers knows what is legal. The length of a training in epochs depends on the data.
void ValidateOptimizer(const v1::TrialSpec& trial, Findings* findings) {
  const uint64_t jobs = trial.training().has_jobs() ? trial.training().jobs() : kMaxJobs;
  if (jobs < 1 || jobs > kMaxJobs) return;  // the training's fault
  const auto made = MakeOptimiser(trial.optimizer(), static_cast<int64_t>(jobs));
  if (!made.ok()) findings->Add(made.status());
}

void ValidateTraining(const v1::TrainingSpec& training, Findings* findings) {
  if (training.has_epochs() && training.has_jobs()) {
    findings->Add("training", absl::StrCat("epochs (", training.epochs(), ") and jobs (",
                                           training.jobs(), ") exclude each other; keep one"));
  }
  if (training.has_epochs()) {
    findings->Require(training.epochs() > 0, "training.epochs", training.epochs(), "more than 0");
  }
  if (training.has_jobs()) {
    findings->Require(training.jobs() > 0 && training.jobs() <= kMaxJobs, "training.jobs",
                      training.jobs(), "from 1 to 2^40");
  }
  findings->Require(training.evaluate_every() <= kMaxJobs, "training.evaluate_every",
                    training.evaluate_every(), "from 0 to 2^40");
  if (training.has_target_accuracy()) {
    findings->Require(training.target_accuracy() > 0 && training.target_accuracy() <= 1,
                      "training.target_accuracy", training.target_accuracy(),
                      "more than 0 and at most 1");
  }
}

void ValidateService(const v1::RunSpec& spec, Findings* findings) {
  ValidateClosing(spec.closing(), findings);
  if (absl::StatusOr<Arrangement> fleet = ParseArrangement(spec.fleet().arrangement());
      !fleet.ok()) {
    findings->Add("fleet.arrangement", std::string(fleet.status().message()));
  }
  findings->Require(spec.fleet().min_workers() >= 1 && spec.fleet().min_workers() <= kMaxSlots,
                    "fleet.min_workers", spec.fleet().min_workers(),
                    absl::StrCat("from 1 to ", kMaxSlots));
  if (spec.fleet().has_workers()) {
    findings->Require(spec.fleet().workers() >= 1 && spec.fleet().workers() <= kMaxSlots,
                      "fleet.workers", spec.fleet().workers(),
                      absl::StrCat("from 1 to ", kMaxSlots));
  }
  findings->Require(Seconds(spec.fleet().round_timeout()) > 0, "fleet.round_timeout",
                    Seconds(spec.fleet().round_timeout()), "more than 0 seconds");
  const auto& wire = spec.wire();
  if (wire.parameters() == v1::FP16) {
    findings->Add("wire.parameters", "'fp16' is not legal; it must be one of: fp32, bf16");
  }
  ValidateReplies(spec.scheme(), wire.replies(), findings);
  findings->Require(wire.frame_bytes() >= 4096 && wire.frame_bytes() <= kMaxFrameBytes &&
                        wire.frame_bytes() % 4 == 0,
                    "wire.frame_bytes", wire.frame_bytes(),
                    absl::StrCat("a multiple of 4 from 4096 to ", kMaxFrameBytes));
  findings->Require(Seconds(spec.checkpoint().every()) > 0, "checkpoint.every",
                    Seconds(spec.checkpoint().every()), "more than 0 seconds");
  findings->Require(spec.checkpoint().every_jobs() <= kMaxJobs, "checkpoint.every_jobs",
                    spec.checkpoint().every_jobs(), "from 0 to 2^40");
  findings->Require(spec.checkpoint().keep() >= 1 && spec.checkpoint().keep() <= kMaxKept,
                    "checkpoint.keep", spec.checkpoint().keep(),
                    absl::StrCat("from 1 to ", kMaxKept));
  findings->Require(spec.limits().max_parameters() >= 1, "limits.max_parameters",
                    spec.limits().max_parameters(), "1 or more");
  findings->Require(
      spec.limits().max_task_attempts() >= 1 && spec.limits().max_task_attempts() <= kMaxAttempts,
      "limits.max_task_attempts", spec.limits().max_task_attempts(),
      absl::StrCat("from 1 to ", kMaxAttempts));
}

void ValidateModel(const v1::StraggleSpec& straggle, Findings* findings) {
  const auto probability = [&](double value, absl::string_view field) {
    findings->Require(value >= 0 && value <= 1, field, value, "from 0 to 1");
  };
  const auto delay = [&](const Duration& value, absl::string_view field, bool positive) {
    const double seconds = Seconds(value);
    findings->Require((!positive || seconds > 0) && seconds <= kMaxDelaySeconds, field, seconds,
                      absl::StrCat(positive ? "more than 0 and " : "", "at most 86400 seconds"));
  };
  switch (straggle.model_case()) {
    case v1::StraggleSpec::kFixed:
      if (!straggle.fixed().has_delay()) findings->Add("straggle.fixed.delay", "is missing");
      delay(straggle.fixed().delay(), "straggle.fixed.delay", false);
      break;
    case v1::StraggleSpec::kExponential:
      delay(straggle.exponential().base(), "straggle.exponential.base", false);
      delay(straggle.exponential().mean(), "straggle.exponential.mean", true);
      break;
    case v1::StraggleSpec::kPareto:
      delay(straggle.pareto().scale(), "straggle.pareto.scale", true);
      delay(straggle.pareto().limit(), "straggle.pareto.limit", false);
      findings->Require(straggle.pareto().shape() > 0, "straggle.pareto.shape",
                        straggle.pareto().shape(), "more than 0");
      break;
    case v1::StraggleSpec::kGilbertElliott:
      probability(straggle.gilbert_elliott().enter(), "straggle.gilbert_elliott.enter");
      probability(straggle.gilbert_elliott().leave(), "straggle.gilbert_elliott.leave");
      delay(straggle.gilbert_elliott().delay(), "straggle.gilbert_elliott.delay", false);
      break;
    case v1::StraggleSpec::kTrace:
      findings->RequireText(straggle.trace().file(), "straggle.trace.file", "a CSV file");
      findings->Require(straggle.trace().scale() >= 0 && straggle.trace().scale() <= kMaxFactor,
                        "straggle.trace.scale", straggle.trace().scale(), "from 0 to 1e6");
      break;
    case v1::StraggleSpec::MODEL_NOT_SET:
      break;
  }
}

void ValidateStraggle(const v1::RunSpec& spec, Findings* findings) {
  if (!spec.has_straggle()) return;
  const v1::StraggleSpec& straggle = spec.straggle();
  ValidateModel(straggle, findings);
  const auto slot = [&](uint32_t value, const std::string& field) {
    if (!spec.scheme().has_slots()) return;
    findings->Require(value < spec.scheme().slots(), field, value,
                      absl::StrCat("less than scheme.slots = ", spec.scheme().slots()));
  };
  for (int i = 0; i < straggle.slots_size(); ++i) {
    slot(straggle.slots(i), absl::StrCat("straggle.slots[", i, "]"));
  }
  for (int i = 0; i < straggle.freezes_size(); ++i) {
    const std::string field = absl::StrCat("straggle.freezes[", i, "]");
    slot(straggle.freezes(i).slot(), field + ".slot");
    const double seconds = Seconds(straggle.freezes(i).duration());
    findings->Require(seconds > 0 && seconds <= kMaxDelaySeconds, field + ".duration", seconds,
                      "more than 0 and at most 86400 seconds");
  }
  for (int i = 0; i < straggle.crashes_size(); ++i) {
    slot(straggle.crashes(i).slot(), absl::StrCat("straggle.crashes[", i, "].slot"));
  }
}

}  // namespace

void ValidateStartFrom(const v1::StartFrom& start, Findings* findings) {
  findings->RequireText(start.file(), "start_from.file", "a safetensors file");
  const bool digest = start.sha256().size() == 64 &&
                      std::all_of(start.sha256().begin(), start.sha256().end(), [](char c) {
                        return absl::ascii_isdigit(c) || (c >= 'a' && c <= 'f');
                      });
  findings->Require(digest || start.sha256().empty(), "start_from.sha256", Shown(start.sha256()),
                    "64 hexadecimal digits, lower case");
}

void ValidateTrial(const v1::TrialSpec& trial, Findings* findings) {
  if (trial.has_start_from()) ValidateStartFrom(trial.start_from(), findings);
  ValidateWorkload(trial.workload(), findings);
  ValidateOptimizer(trial, findings);
  ValidateTraining(trial.training(), findings);
}

void ValidateRun(const v1::RunSpec& spec, Findings* findings) {
  findings->Require(!spec.name().empty() && spec.name().size() <= kMaxNameBytes, "name",
                    Shown(spec.name()), absl::StrCat("1 to ", kMaxNameBytes, " bytes"));
  ValidateSource(spec.data().train(), "data.train", findings);
  if (spec.data().has_test()) {
    ValidateSource(spec.data().test(), "data.test", findings);
    if (spec.data().holdout() > 0) {
      findings->Add("data", absl::StrCat("test and holdout (", spec.data().holdout(),
                                         ") exclude each other; keep one"));
    }
  }
  const bool one_lane_each =
      std::all_of(spec.trials().begin(), spec.trials().end(), [](const v1::TrialSpec& trial) {
        switch (trial.workload().kind_case()) {
          case v1::WorkloadSpec::kLinearRegression:
          case v1::WorkloadSpec::kLogisticRegression:
          case v1::WorkloadSpec::kSoftmaxRegression:
          case v1::WorkloadSpec::kMlp:
          case v1::WorkloadSpec::kCnn:
            return true;
          default:
            return false;
        }
      });
  // How many lanes a trial has, if several, the data may decide: the run's start finds out.
  ValidateScheme(spec.scheme(), one_lane_each ? spec.trials_size() : 0, findings);
  ValidateService(spec, findings);
  ValidateStraggle(spec, findings);
  if (spec.has_start_from()) ValidateStartFrom(spec.start_from(), findings);
}

}  // namespace gradloom
