// CSV as a data set: a source of its own, and a part of others.
#ifndef GRADLOOM_MODELS_DATA_CSV_H_
#define GRADLOOM_MODELS_DATA_CSV_H_

#include <string>

#include "gradloom/v1/run.pb.h"
#include "models/data/sources.h"

namespace gradloom {

void FillCsv(v1::CsvSource* source);
// `field` is the path of the message.
void CheckCsv(const v1::CsvSource& source, const std::string& field, Findings* findings);
DatasetOr OpenCsv(const v1::CsvSource& source, const std::string& field,
                  const std::string& base_folder);

}  // namespace gradloom

#endif  // GRADLOOM_MODELS_DATA_CSV_H_
