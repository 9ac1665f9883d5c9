#include "models/workloads/request.h"

#include <algorithm>
#include <utility>

#include "absl/base/internal/raw_logging.h"
#include "absl/strings/ascii.h"

namespace gradloom {

ReplyLayout::ReplyLayout(std::vector<Part> parts) : parts_(std::move(parts)) {
  for (const Part& part : parts_) length_ += part.size;
}

ReplyLayout ReplyLayout::WithScalars(std::vector<Part> parts) {
  for (const char* name : {"loss", "correct", "examples"}) parts.push_back({name, 1});
  return ReplyLayout(std::move(parts));
}

bool ReplyLayout::Has(absl::string_view name) const {
  return std::any_of(parts_.begin(), parts_.end(),
                     [name](const Part& part) { return part.name == name; });
}

ReplyLayout::Range ReplyLayout::At(absl::string_view name) const {
  int64_t offset = 0;
  for (const Part& part : parts_) {
    if (part.name == name) return {offset, part.size};
    offset += part.size;
  }
  ABSL_RAW_LOG(FATAL, "a reply without the part %s", std::string(name).c_str());
  return {};
}

std::span<float> ReplyLayout::In(std::span<float> reply, absl::string_view name) const {
  const Range range = At(name);
  return reply.subspan(static_cast<size_t>(range.offset), static_cast<size_t>(range.size));
}

void AddTotals(const ReplyLayout& layout, const ExampleTotals& totals, std::span<float> reply) {
  layout.In(reply, "loss")[0] += static_cast<float>(totals.loss);
  layout.In(reply, "correct")[0] += static_cast<float>(totals.correct);
  layout.In(reply, "examples")[0] += static_cast<float>(totals.examples);
}

bool ReadsDirection(const v1::Request& request) {
  if (request.kind() == v1::Request::HESSIAN_VECTOR ||
      request.kind() == v1::Request::GAUSS_NEWTON_VECTOR) {
    return true;
  }
  return request.kind() == v1::Request::PROBES &&
         std::any_of(request.probes().begin(), request.probes().end(),
                     [](const v1::Request::Probe& probe) { return !probe.has_seed(); });
}

std::string NameOf(v1::Request::Kind kind) {
  return absl::AsciiStrToLower(v1::Request::Kind_Name(kind));
}

}  // namespace gradloom
