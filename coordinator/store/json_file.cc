#include "coordinator/store/json_file.h"

#include <google/protobuf/descriptor.h>
#include <google/protobuf/util/json_util.h>

#include <algorithm>
#include <utility>

#include "absl/base/internal/raw_logging.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"

namespace gradloom {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;

// Takes the quotes off the 64-bit integers in protobuf's JSON, by going through it along the
// message's type.
class Unquoter {
 public:
  static std::string Run(absl::string_view json, const Descriptor* type) {
    Unquoter unquoter(json);
    unquoter.Value({.object = type});
    unquoter.CopyBlanks();
    return std::move(unquoter.out_);
  }

 private:
  // What a value is: an object of that type, a map of such entries, or a number; else anything.
  struct Kind {
    const Descriptor* object = nullptr;
    const FieldDescriptor* entry = nullptr;
    bool number = false;
  };

  explicit Unquoter(absl::string_view json) : rest_(json) { out_.reserve(json.size()); }

  static Kind KindOf(const FieldDescriptor* field) {
    if (field == nullptr) return {};
    if (field->is_map()) return {.entry = field->message_type()->map_value()};
    return {.object = field->message_type(),
            .number = field->cpp_type() == FieldDescriptor::CPPTYPE_INT64 ||
                      field->cpp_type() == FieldDescriptor::CPPTYPE_UINT64};
  }

  void Copy(size_t count) {
    out_.append(rest_.data(), count);
    rest_.remove_prefix(count);
  }
  void CopyBlanks() {
    size_t count = 0;
    while (count < rest_.size() && absl::ascii_isspace(static_cast<unsigned char>(rest_[count])))
      ++count;
    Copy(count);
  }
  // Whether the next character that is no blank is `c`, which is copied then.
  bool Next(char c) {
    CopyBlanks();
    if (rest_.empty() || rest_[0] != c) return false;
    Copy(1);
    return true;
  }
  // The text between the quotes, as it stands there; not copied.
  absl::string_view TakeString() {
    size_t end = 1;
    while (rest_[end] != '"') end += rest_[end] == '\\' ? 2 : 1;
    const absl::string_view text = rest_.substr(1, end - 1);
    rest_.remove_prefix(end + 1);
    return text;
  }

  void Value(const Kind& kind) {
    if (Next('{')) {
      if (Next('}')) return;
      do Member(kind);
      while (Next(','));
      Next('}');
    } else if (Next('[')) {
      if (Next(']')) return;
      do Value(kind);
      while (Next(','));
      Next(']');
    } else if (rest_[0] == '"') {
      const absl::string_view text = TakeString();
      absl::StrAppend(&out_, kind.number ? "" : "\"", text, kind.number ? "" : "\"");
    } else {
      Copy(std::min(rest_.size(), rest_.find_first_of(",]} \n")));
    }
  }

  void Member(const Kind& kind) {
    CopyBlanks();
    const absl::string_view name = TakeString();
    absl::StrAppend(&out_, "\"", name, "\"");
    Next(':');
    if (kind.entry != nullptr) return Value(KindOf(kind.entry));
    Value(kind.object == nullptr ? Kind{}
                                 : KindOf(kind.object->FindFieldByName(std::string(name))));
  }

  absl::string_view rest_;
  std::string out_;
};

}  // namespace

std::string ToJson(const google::protobuf::Message& message, JsonFields fields) {
  google::protobuf::util::JsonPrintOptions options;
  options.add_whitespace = true;
  options.preserve_proto_field_names = true;
  options.always_print_primitive_fields = fields == JsonFields::kAll;
  std::string json;
  ABSL_RAW_CHECK(google::protobuf::util::MessageToJsonString(message, &json, options).ok(),
                 "a message that has no JSON");
  return Unquoter::Run(json, message.GetDescriptor());
}

absl::Status FromJson(absl::string_view json, google::protobuf::Message* message) {
  const auto status = google::protobuf::util::JsonStringToMessage(
      google::protobuf::StringPiece(json.data(), json.size()), message);
  if (status.ok()) return absl::OkStatus();
  return absl::DataLossError(
      absl::StrCat("no valid ", message->GetTypeName(), ": ", std::string(status.message())));
}

}  // namespace gradloom
