#include "coordinator/engine/start_from.h"

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <map>
#include <set>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "coordinator/engine/run_plan.h"
#include "coordinator/store/file_reader.h"
#include "coordinator/store/safetensors.h"
#include "coordinator/store/sha256.h"

namespace gradloom {
namespace {

using NamedVectors = std::span<const Learner::NamedVector>;

constexpr char kField[] = "start_from.file: ";

absl::Status Refused(const std::string& what) {
  return absl::InvalidArgumentError(absl::StrCat(kField, what));
}

absl::StatusOr<std::string> FileSha256(const std::string& path) {
  const absl::StatusOr<FileReader> file = FileReader::Open(PosixFileSystem(), path);
  if (!file.ok()) return Refused(std::string(file.status().message()));
  Sha256 digest;
  std::vector<std::byte> piece(1 << 20);
  for (uint64_t offset = 0;;) {
    const absl::StatusOr<size_t> count = file->ReadSome(offset, piece);
    if (!count.ok()) return Refused(std::string(count.status().message()));
    if (*count == 0) return digest.HexDigest();
    digest.Update(std::span(piece).first(*count));
    offset += *count;
  }
}

std::string ShapeText(const std::vector<int64_t>& shape) {
  return absl::StrCat("[", absl::StrJoin(shape, ", "), "]");
}

// A list for people, shortened.
void AddList(absl::string_view head, const std::vector<std::string>& all, std::string* out) {
  constexpr size_t kShown = 6;
  if (all.empty()) return;
  const size_t shown = std::min(all.size(), kShown);
  absl::StrAppend(out, out->empty() ? "" : "; ", head,
                  absl::StrJoin(all.begin(), all.begin() + shown, ", "));
  if (shown < all.size()) absl::StrAppend(out, " and ", all.size() - shown, " more");
}

// What keeps the file's tensors from being the model's parameters; "" when nothing does.
std::string Mismatch(const SafetensorsHeader& header, NamedVectors parameters) {
  std::vector<std::string> missing, other, further;
  std::set<std::string> known;
  for (const Learner::NamedVector& parameter : parameters) {
    known.insert(parameter.name);
    const auto found = header.tensors.find(parameter.name);
    if (found == header.tensors.end()) {
      missing.push_back(absl::StrCat(parameter.name, " ", ShapeText(parameter.shape)));
    } else if (found->second.shape != parameter.shape) {
      other.push_back(absl::StrCat(parameter.name, " is ", ShapeText(found->second.shape),
                                   ", the model's ", ShapeText(parameter.shape)));
    }
  }
  for (const auto& [name, tensor] : header.tensors) {
    if (!known.contains(name)) further.push_back(absl::StrCat(name, " ", ShapeText(tensor.shape)));
  }
  std::string text;
  AddList("it lacks ", missing, &text);
  AddList("other shapes: ", other, &text);
  AddList("the model lacks ", further, &text);
  return text;
}

template <typename From, typename To>
absl::Status ReadAs(const SafetensorsReader& file, const std::string& name, std::span<To> out) {
  std::vector<From> values(out.size());
  if (absl::Status status = file.Read(name, std::span(values)); !status.ok()) return status;
  for (size_t i = 0; i < out.size(); ++i) {
    out[i] = static_cast<To>(values[i]);
    if (!std::isfinite(out[i])) {
      return Refused(
          absl::StrCat("value ", i, " of ", name, " is ", values[i], "; legal are finite numbers"));
    }
  }
  return absl::OkStatus();
}

absl::Status Fill(const SafetensorsReader& file, NamedVectors parameters) {
  for (const Learner::NamedVector& parameter : parameters) {
    const std::string& name = parameter.name;
    const bool doubles = file.header().tensors.at(name).doubles;
    absl::Status status;
    if (parameter.doubles.empty()) {
      status = doubles ? ReadAs<double>(file, name, parameter.values)
                       : ReadAs<float>(file, name, parameter.values);
    } else {
      status = doubles ? ReadAs<double>(file, name, parameter.doubles)
                       : ReadAs<float>(file, name, parameter.doubles);
    }
    if (!status.ok()) return status;
  }
  return absl::OkStatus();
}

absl::Status StartTrial(const v1::StartFrom& start, const std::string& folder, Trial& trial) {
  const std::string path = FileInFolder(folder, start.file());
  if (!start.sha256().empty()) {
    const absl::StatusOr<std::string> digest = FileSha256(path);
    if (!digest.ok()) return digest.status();
    if (*digest != start.sha256()) {
      return Refused(absl::StrCat("'", path, "' has the SHA-256 ", *digest,
                                  "; legal is the one that the run starts from, ", start.sha256()));
    }
  }
  const absl::StatusOr<SafetensorsReader> file = SafetensorsReader::Open(path);
  if (!file.ok()) return Refused(std::string(file.status().message()));
  return trial.StartFrom([&](NamedVectors parameters) -> absl::Status {
    const std::string mismatch = Mismatch(file->header(), parameters);
    if (mismatch.empty()) return Fill(*file, parameters);
    return Refused(absl::StrCat("'", path, "' does not fit the model: ", mismatch));
  });
}

}  // namespace

absl::Status PinStartFiles(const std::string& folder, v1::RunSpec* spec) {
  std::map<std::string, std::string> digests;  // by file
  const auto pin = [&](v1::StartFrom* start) -> absl::Status {
    if (!start->sha256().empty()) return absl::OkStatus();
    std::string& digest = digests[start->file()];
    if (digest.empty()) {
      absl::StatusOr<std::string> read = FileSha256(FileInFolder(folder, start->file()));
      if (!read.ok()) return read.status();
      digest = *std::move(read);
    }
    start->set_sha256(digest);
    return absl::OkStatus();
  };
  absl::Status status;
  if (spec->has_start_from()) status = pin(spec->mutable_start_from());
  for (v1::TrialSpec& trial : *spec->mutable_trials()) {
    if (status.ok() && trial.has_start_from()) status = pin(trial.mutable_start_from());
  }
  return status;
}

absl::Status StartTrials(std::span<const std::unique_ptr<Trial>> trials,
                         const std::string& folder) {
  for (const std::unique_ptr<Trial>& trial : trials) {
    const v1::TrialSpec& spec = trial->spec();
    if (!spec.has_start_from()) continue;
    if (absl::Status status = StartTrial(spec.start_from(), folder, *trial); !status.ok()) {
      return absl::Status(status.code(),
                          absl::StrCat("trial ", spec.name(), ": ", status.message()));
    }
  }
  return absl::OkStatus();
}

}  // namespace gradloom
