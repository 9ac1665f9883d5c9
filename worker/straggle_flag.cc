// ParseStraggle: the text of the worker's --straggle flag.
#include <functional>
#include <map>
#include <string>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "worker/straggler.h"

namespace gradloom {
namespace {

// Stores a value; an empty return is success, else what would have been legal.
using Setter = std::function<std::string(const std::string&)>;

Setter Into(google::protobuf::Duration* target) {
  return [target](const std::string& text) -> std::string {
    absl::Duration duration;
    if (!absl::ParseDuration(text, &duration) || duration < absl::ZeroDuration() ||
        duration > absl::Hours(24)) {
      return "a duration from 0 to 24h, such as 200ms or 1.5s";
    }
    const int64_t seconds = absl::ToInt64Seconds(duration);
    target->set_seconds(seconds);
    target->set_nanos(
        static_cast<int32_t>(absl::ToInt64Nanoseconds(duration - absl::Seconds(seconds))));
    return "";
  };
}

template <typename Store>
Setter IntoNumber(Store store) {
  return [store](const std::string& text) -> std::string {
    double value = 0;
    if (!absl::SimpleAtod(text, &value)) return "a number";
    store(value);
    return "";
  };
}

}  // namespace

absl::StatusOr<v1::StraggleSpec> ParseStraggle(absl::string_view text) {
  v1::StraggleSpec spec;
  if (text == "none") return spec;
  const std::pair<std::string, std::string> parts = absl::StrSplit(text, absl::MaxSplits(':', 1));
  std::map<std::string, Setter> keys;
  if (parts.first == "fixed") {
    keys["delay"] = Into(spec.mutable_fixed()->mutable_delay());
  } else if (parts.first == "exponential") {
    auto* model = spec.mutable_exponential();
    keys["base"] = Into(model->mutable_base());
    keys["mean"] = Into(model->mutable_mean());
  } else if (parts.first == "pareto") {
    auto* model = spec.mutable_pareto();
    keys["scale"] = Into(model->mutable_scale());
    keys["shape"] = IntoNumber([model](double value) { model->set_shape(value); });
    keys["limit"] = [model](const std::string& value) {
      return Into(model->mutable_limit())(value);
    };
  } else if (parts.first == "gilbert_elliott") {
    auto* model = spec.mutable_gilbert_elliott();
    keys["enter"] = IntoNumber([model](double value) { model->set_enter(value); });
    keys["leave"] = IntoNumber([model](double value) { model->set_leave(value); });
    keys["delay"] = [model](const std::string& value) {
      return Into(model->mutable_delay())(value);
    };
  } else if (parts.first == "trace") {
    auto* model = spec.mutable_trace();
    keys["file"] = [model](const std::string& value) {
      model->set_file(value);
      return std::string();
    };
    keys["scale"] = IntoNumber([model](double value) { model->set_scale(value); });
  } else {
    return absl::InvalidArgumentError(
        absl::StrCat("--straggle has no model '", parts.first,
                     "'; known: none, fixed, exponential, pareto, gilbert_elliott, trace"));
  }
  for (const absl::string_view item : absl::StrSplit(parts.second, ',', absl::SkipEmpty())) {
    const std::pair<std::string, std::string> pair = absl::StrSplit(item, absl::MaxSplits('=', 1));
    const auto found = keys.find(pair.first);
    if (found == keys.end()) {
      return absl::InvalidArgumentError(absl::StrCat(
          "--straggle ", parts.first, " has no key '", pair.first, "'; known: ",
          absl::StrJoin(keys, ", ", [](std::string* out, const auto& key) { *out += key.first; })));
    }
    if (const std::string legal = found->second(pair.second); !legal.empty()) {
      return absl::InvalidArgumentError(absl::StrCat("--straggle ", parts.first, ": ", pair.first,
                                                     " '", pair.second,
                                                     "' is illegal; legal: ", legal));
    }
  }
  return spec;
}

}  // namespace gradloom
