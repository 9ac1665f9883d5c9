#include "proto/ops/file_limit.h"

#include <sys/resource.h>

#include <algorithm>

#include "absl/strings/str_cat.h"

namespace gradloom {

uint64_t RaiseFileLimit() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return 0;
  // Where there is hardly a limit, a table of a million descriptors is enough.
  const rlim_t most = std::min<rlim_t>(limit.rlim_max, 1 << 20);
  if (limit.rlim_cur < most) {
    const rlimit raised{most, limit.rlim_max};
    if (setrlimit(RLIMIT_NOFILE, &raised) == 0) return most;
  }
  return limit.rlim_cur;
}

absl::Status CheckFileLimit(uint64_t limit, uint64_t needed, absl::string_view who) {
  if (needed <= limit) return absl::OkStatus();
  return absl::ResourceExhaustedError(absl::StrCat(
      who, " may need ", needed, " open files, and the limit here is ", limit,
      "; raise it (ulimit -n ", needed, ", LimitNOFILE= of a service, --ulimit nofile=", needed,
      " of a container; the hard limit takes an administrator)"));
}

}  // namespace gradloom
