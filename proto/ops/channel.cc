#include "proto/ops/channel.h"

#include <cstdlib>
#include <filesystem>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "grpc/grpc.h"
#include "grpc/support/log.h"
#include "grpcpp/create_channel.h"
#include "grpcpp/security/credentials.h"
#include "proto/ops/address.h"
#include "proto/ops/logging.h"

namespace gradloom {
namespace {

std::string Variable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

// By gRPC's rules, and *, which gRPC does not know.
bool IsExempt(absl::string_view host) {
  const bool own = std::getenv("no_grpc_proxy") != nullptr;
  const std::string list = Variable(own ? "no_grpc_proxy" : "no_proxy");
  for (absl::string_view entry : absl::StrSplit(list, ',')) {
    entry = absl::StripAsciiWhitespace(entry);
    if (entry == "*" || (!entry.empty() && absl::EndsWithIgnoreCase(host, entry))) return true;
  }
  return false;
}

LogLevel LevelOf(gpr_log_severity severity) {
  if (severity == GPR_LOG_SEVERITY_ERROR) return LogLevel::kWarning;  // it goes on, and so do we
  return severity == GPR_LOG_SEVERITY_INFO ? LogLevel::kInfo : LogLevel::kDebug;
}

void LogOneForGrpc(gpr_log_func_args* line) {
  const std::string file = std::filesystem::path(line->file).filename();
  Log(LevelOf(line->severity), line->message, {{"source", "grpc"}, {"file", file}});
}

}  // namespace

std::string ProxyVariable(const std::string& address) {
  const absl::StatusOr<Address> parsed = ParseAddress(address, AddressUse::kDial);
  if (parsed.ok() && (IsLoopback(parsed->host) || IsExempt(parsed->host))) return "";
  for (const char* name : {"grpc_proxy", "https_proxy", "http_proxy"}) {
    if (std::getenv(name) != nullptr) return Variable(name).empty() ? "" : name;
  }
  return "";
}

std::shared_ptr<grpc::Channel> MakeChannel(const std::string& address,
                                           grpc::ChannelArguments arguments) {
  if (ProxyVariable(address).empty()) arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  return grpc::CreateCustomChannel(address, grpc::InsecureChannelCredentials(), arguments);
}

void LogForGrpc() { gpr_set_log_function(LogOneForGrpc); }

}  // namespace gradloom
