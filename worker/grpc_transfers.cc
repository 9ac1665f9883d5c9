#include "worker/grpc_transfers.h"

#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "grpcpp/grpcpp.h"
#include "proto/wire/frame.h"

namespace gradloom {

absl::StatusOr<std::shared_ptr<Parameters>> ParameterFetcher::Fetch(
    const v1::FetchParametersRequest& request, size_t length) {
  auto parameters = std::make_shared<Parameters>(length);
  grpc::ClientContext context;
  const std::stop_callback cancel(stop_, [&context] { context.TryCancel(); });
  const auto reader = stub_.FetchParameters(&context, request);
  FrameReader frames(length);
  absl::Status status;
  for (v1::Frame frame; status.ok() && reader->Read(&frame);) {
    const auto range = frames.Accept(frame);
    if (!range.ok()) {
      status = range.status();
    } else if (frames.header().length() != length) {
      status = absl::InvalidArgumentError(
          absl::StrCat("frame.header.length ", frames.header().length(), ", expected ", length));
    } else {
      frames.Decode(frame, parameters->span().subspan(range->offset, range->count));
      metrics_.bytes_received.Increment(static_cast<double>(frame.payload().size()));
    }
  }
  if (!status.ok()) context.TryCancel();
  const grpc::Status finished = reader->Finish();
  if (status.ok() && finished.ok()) status = frames.Finish();
  if (!status.ok()) {
    return absl::DataLossError(
        absl::StrCat("parameters arrived damaged: ", std::string(status.message())));
  }
  if (finished.error_code() == grpc::StatusCode::NOT_FOUND ||
      finished.error_code() == grpc::StatusCode::FAILED_PRECONDITION) {
    return absl::NotFoundError(finished.error_message());
  }
  if (!finished.ok()) {
    return absl::UnavailableError(
        absl::StrCat("parameters cannot be fetched: ", finished.error_message()));
  }
  return parameters;
}

absl::StatusOr<bool> ReplySender::Send(const v1::VectorHeader& header, uint32_t frame_bytes,
                                       std::span<const float> sum, std::stop_token stop) {
  grpc::ClientContext context;
  const std::stop_callback cancel(std::move(stop), [&context] { context.TryCancel(); });
  v1::PushReplyResponse response;
  const auto writer = stub_.PushReply(&context, &response);
  FrameWriter frames(header, sum, frame_bytes);
  for (v1::Frame frame; frames.Next(frame);) {
    if (!writer->Write(frame)) break;
    metrics_.bytes_sent.Increment(static_cast<double>(frame.payload().size()));
  }
  writer->WritesDone();
  const grpc::Status finished = writer->Finish();
  if (finished.ok()) return response.accepted();
  return absl::UnavailableError(
      absl::StrCat("the reply cannot be sent: ", finished.error_message()));
}

}  // namespace gradloom
