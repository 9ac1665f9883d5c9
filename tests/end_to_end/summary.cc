#include "tests/end_to_end/summary.h"

#include <algorithm>
#include <cstdlib>
#include <system_error>

#include "google/protobuf/struct.pb.h"
#include "google/protobuf/util/json_util.h"
#include "tests/end_to_end/process.h"

namespace gradloom {
namespace {

using Fields = google::protobuf::Map<std::string, google::protobuf::Value>;

uint64_t Count(const Fields& fields, const std::string& name) {
  return fields.count(name) == 0 ? 0 : static_cast<uint64_t>(fields.at(name).number_value());
}

double Number(const Fields& fields, const std::string& name) {
  return fields.count(name) == 0 ? 0 : fields.at(name).number_value();
}

}  // namespace

Summary ReadSummary(const std::filesystem::path& file) {
  google::protobuf::Struct parsed;
  Summary summary;
  if (!google::protobuf::util::JsonStringToMessage(ReadText(file), &parsed).ok()) return summary;
  const Fields& fields = parsed.fields();
  if (fields.count("state") == 0 || fields.count("trials") == 0) return summary;
  summary.state = fields.at("state").string_value();
  summary.seconds = Number(fields, "seconds");
  summary.rounds = Count(fields, "rounds");
  summary.stragglers_tolerated = Count(fields, "stragglers_tolerated");
  summary.workers_lost = Count(fields, "workers_lost");
  summary.resumes = Count(fields, "resumes");
  summary.jobs_missed = Count(fields, "jobs_missed");
  summary.jobs_late = Count(fields, "jobs_late");
  for (const auto& value : fields.at("trials").list_value().values()) {
    const Fields& trial = value.struct_value().fields();
    summary.sha256.push_back(
        trial.count("parameters_sha256") == 0 ? "" : trial.at("parameters_sha256").string_value());
    summary.accuracy.push_back(Number(trial, "accuracy"));
    summary.loss.push_back(Number(trial, "loss"));
  }
  return summary;
}

int NewestCheckpoint(const std::filesystem::path& state) {
  int newest = 0;
  std::error_code error;
  for (const auto& entry :
       std::filesystem::directory_iterator(state / "runs" / "1" / "checkpoints", error)) {
    const std::string name = entry.path().filename();
    if (name.find_first_not_of("0123456789") != std::string::npos) continue;
    newest = std::max(newest, std::atoi(name.c_str()));
  }
  return newest;
}

}  // namespace gradloom
