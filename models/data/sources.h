// The table of data sources: one function a kind, one file each. To add one: a message in
// run.proto's DataSource, a function here, a line in dataset.cc's table, an entry in the contract
// suite (tests/models/data/dataset_contract_test.cc).
//
// `field` is the path of the source's own message ("data.train.idx"); files are relative to
// `base_folder`. Every function validates its whole spec and, where the format has one, the header
// against the file's size before anything is allocated from it.
#ifndef GRADLOOM_MODELS_DATA_SOURCES_H_
#define GRADLOOM_MODELS_DATA_SOURCES_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "gradloom/v1/run.pb.h"
#include "models/data/dataset.h"

namespace gradloom {

using DatasetOr = absl::StatusOr<std::unique_ptr<Dataset>>;

DatasetOr OpenIdx(const v1::IdxSource& source, const std::string& field,
                  const std::string& base_folder);
DatasetOr OpenCifar10(const v1::CifarSource& source, const std::string& field,
                      const std::string& base_folder);
DatasetOr OpenLibsvm(const v1::LibsvmSource& source, const std::string& field,
                     const std::string& base_folder);
DatasetOr OpenCsv(const v1::CsvSource& source, const std::string& field,
                  const std::string& base_folder);
DatasetOr OpenNumpy(const v1::NumpySource& source, const std::string& field,
                    const std::string& base_folder);
DatasetOr OpenGlyphs(const v1::GlyphsSource& source, const std::string& field);
DatasetOr OpenRegression(const v1::RegressionSource& source, const std::string& field);
DatasetOr OpenClassification(const v1::ClassificationSource& source, const std::string& field);
DatasetOr OpenGraphNpz(const v1::GraphNpzSource& source, const std::string& field,
                       const std::string& base_folder);
DatasetOr OpenGraphCsv(const v1::GraphCsvSource& source, const std::string& field,
                       const std::string& base_folder);
DatasetOr OpenBlockModel(const v1::BlockModelSource& source, const std::string& field);

// Most examples of a set that is read from files: their targets are kept.
inline constexpr int64_t kMaxExamples = int64_t{1} << 30;
// InvalidArgument, naming the file, when there are more.
absl::Status CheckExampleCount(absl::string_view name, int64_t examples);

}  // namespace gradloom

#endif  // GRADLOOM_MODELS_DATA_SOURCES_H_
