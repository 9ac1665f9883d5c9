#include "models/data/sources.h"

#include "absl/strings/str_cat.h"

namespace gradloom {

// Each is defined beside its data set.
extern const SourceKind kIdxSource, kCifar10Source, kLibsvmSource, kCsvSource, kNumpySource,
    kGlyphsSource, kRegressionSource, kClassificationSource, kGraphNpzSource, kGraphCsvSource,
    kBlockModelSource;

namespace {

// Every source.
constexpr const SourceKind* kTable[] = {
    &kIdxSource,      &kCifar10Source,  &kLibsvmSource,     &kCsvSource,
    &kNumpySource,    &kGlyphsSource,   &kRegressionSource, &kClassificationSource,
    &kGraphNpzSource, &kGraphCsvSource, &kBlockModelSource,
};
constexpr std::span<const SourceKind* const> kSources = kTable;

}  // namespace

void FillSource(v1::DataSource* source) { FillKind(kSources, source); }

void CheckSource(const v1::DataSource& source, const std::string& field, Findings* findings) {
  CheckKind(kSources, source, field, findings);
}

std::string GraphSources() {
  std::string names;
  for (const SourceKind* source : kSources) {
    if (!source->graph) continue;
    absl::StrAppend(&names, names.empty() ? "" : ", ",
                    v1::DataSource::descriptor()->FindFieldByNumber(source->spec.kind)->name());
  }
  return names;
}

absl::StatusOr<std::unique_ptr<Dataset>> OpenDataset(const v1::DataSource& source,
                                                     const std::string& field,
                                                     const std::string& base_folder) {
  v1::DataSource filled = source;
  FillSource(&filled);
  Findings findings;
  CheckSource(filled, field, &findings);
  if (absl::Status status = findings.status(); !status.ok()) return status;
  return FindKind(kSources, filled)
      ->open(filled, absl::StrCat(field, ".", ChosenField(filled)->name()), base_folder);
}

}  // namespace gradloom
