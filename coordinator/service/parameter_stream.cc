#include "coordinator/service/parameter_stream.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "absl/strings/str_cat.h"
#include "proto/wire/crc32c.h"
#include "proto/wire/frame.h"
#include "proto/wire/number_format.h"

namespace gradloom {
namespace {

class ParameterStream final : public grpc::ServerWriteReactor<v1::Frame> {
 public:
  ParameterStream(std::shared_ptr<RunEngine> engine, const v1::FetchParametersRequest& request,
                  CoordinatorMetrics* metrics)
      : engine_(std::move(engine)), request_(request), metrics_(metrics) {
    const Trial* trial = engine_ == nullptr ? nullptr : engine_->trial(request.trial());
    if (trial == nullptr) {
      Finish(grpc::Status(
          grpc::StatusCode::NOT_FOUND,
          absl::StrCat("no active run ", request.run(), " with a trial ", request.trial())));
      return;
    }
    const Workload& workload = trial->workload();
    const auto segments = workload.segments().size() + workload.lanes().size();  // and directions
    if (request.segment().segment() >= segments) {
      Finish(grpc::Status(grpc::StatusCode::INVALID_ARGUMENT,
                          absl::StrCat("segment ", request.segment().segment(), " of trial ",
                                       request.trial(), ": legal are 0 to ", segments - 1)));
      return;
    }
    // Versions count updates; what is far beyond any is nobody's.
    constexpr uint64_t kVersionMax = uint64_t{1} << 62;
    if (request.segment().version() > kVersionMax) {
      Finish(grpc::Status(grpc::StatusCode::INVALID_ARGUMENT,
                          absl::StrCat("version ", request.segment().version(), " of segment ",
                                       request.segment().segment(), ": legal are 0 to 2^62")));
      return;
    }
    trial_ = trial;
    segment_ = {static_cast<int32_t>(request.segment().segment()),
                static_cast<int64_t>(request.segment().version())};
    format_ = request.exact() ? v1::FP32 : engine_->wire().parameters();
    length_ = static_cast<size_t>(workload.SegmentSize(segment_.segment));
    frame_values_ = FrameValues(format_, engine_->wire().frame_bytes());
    values_.resize(std::min(frame_values_, length_));
    WriteNext();
  }

  void OnWriteDone(bool ok) override {
    if (!ok) {
      Finish(grpc::Status::CANCELLED);
    } else {
      WriteNext();
    }
  }
  void OnDone() override { delete this; }

 private:
  void WriteNext() {
    if (offset_ >= length_) {
      Finish(grpc::Status::OK);
      return;
    }
    const size_t count = std::min(frame_values_, length_ - offset_);
    const std::span<float> values(values_.data(), count);
    if (!trial_->ReadSegment(segment_, offset_, values)) {
      Finish(
          grpc::Status(grpc::StatusCode::FAILED_PRECONDITION,
                       absl::StrCat("version ", segment_.version, " of segment ", segment_.segment,
                                    " of trial ", request_.trial(), " has been superseded")));
      return;
    }
    frame_.Clear();
    if (offset_ == 0) {
      v1::VectorHeader* header = frame_.mutable_header();
      header->set_run(request_.run());
      header->set_trial(request_.trial());
      header->set_length(length_);
      header->set_format(format_);
      header->set_frame_values(static_cast<uint32_t>(frame_values_));
    }
    frame_.set_offset(offset_);
    std::string& payload = *frame_.mutable_payload();
    payload.resize(count * BytesPerValue(format_));
    EncodeValues(format_, values, payload.data());
    frame_.set_crc32c(Crc32c(payload));
    metrics_->parameter_bytes.Increment(static_cast<double>(frame_.payload().size()));
    offset_ += count;
    StartWrite(&frame_);
  }

  std::shared_ptr<RunEngine> engine_;
  v1::FetchParametersRequest request_;
  CoordinatorMetrics* metrics_;
  const Trial* trial_ = nullptr;
  SegmentVersion segment_;
  v1::NumberFormat format_ = v1::FP32;
  size_t length_ = 0;
  size_t frame_values_ = 0;
  size_t offset_ = 0;
  std::vector<float> values_;
  v1::Frame frame_;
};

}  // namespace

grpc::ServerWriteReactor<v1::Frame>* StreamParameters(std::shared_ptr<RunEngine> engine,
                                                      const v1::FetchParametersRequest& request,
                                                      CoordinatorMetrics* metrics) {
  return new ParameterStream(std::move(engine), request, metrics);
}

}  // namespace gradloom
