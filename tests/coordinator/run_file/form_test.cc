// What a client of the API can send and no run file can say: refused field by field, whatever the
// field means.
#include "coordinator/run_file/form.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <limits>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "coordinator/run_file/limits.h"
#include "coordinator/run_file/run_file.h"
#include "coordinator/run_file/yaml_scalar.h"
#include "google/protobuf/duration.pb.h"

namespace gradloom {
namespace {

using ::google::protobuf::Descriptor;
using ::google::protobuf::Duration;
using ::google::protobuf::FieldDescriptor;
using ::google::protobuf::Message;
using ::testing::AllOf;
using ::testing::HasSubstr;

v1::RunSpec Base() {
  return ParseRunFile("data: {train: glyphs}\nworkload: {mlp: {hidden: [8]}}", "a.yaml").value();
}

std::string ErrorOf(const v1::RunSpec& spec) {
  const absl::Status status = ResolveRunSpec(spec).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << spec.ShortDebugString();
  return std::string(status.message());
}

// Where a field is: the fields that lead to it. A run has no message within itself.
using Path = std::vector<const FieldDescriptor*>;

void EachField(const Descriptor* type, const Path& above, const std::function<void(Path)>& visit) {
  for (int i = 0; i < type->field_count(); ++i) {
    const FieldDescriptor* field = type->field(i);
    Path path = above;
    path.push_back(field);
    if (field->is_map()) continue;
    if (field->cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE && !IsDuration(field)) {
      EachField(field->message_type(), path, visit);
    } else {
      visit(path);
    }
  }
}

std::string NameOf(const Path& path) {
  std::string name;
  for (const FieldDescriptor* field : path) {
    absl::StrAppend(&name, name.empty() ? "" : ".", field->name(),
                    field->is_repeated() ? "[0]" : "");
  }
  return name;
}

// The message that the last field of the path belongs to. What lists there were are gone.
Message* Reach(const Path& path, v1::RunSpec* spec) {
  Message* message = spec;
  for (const FieldDescriptor* field : path) {
    if (field->is_repeated()) message->GetReflection()->ClearField(message, field);
    if (field == path.back()) break;
    message = field->is_repeated() ? message->GetReflection()->AddMessage(message, field)
                                   : message->GetReflection()->MutableMessage(message, field);
  }
  return message;
}

// Sets the field to its value number `which` of those that are none; false when there are no more.
bool SetIllegal(const FieldDescriptor* field, size_t which, Message* message) {
  const auto* reflection = message->GetReflection();
  const bool list = field->is_repeated();
  switch (field->cpp_type()) {
    case FieldDescriptor::CPPTYPE_DOUBLE: {
      const double values[] = {std::numeric_limits<double>::quiet_NaN(),
                               std::numeric_limits<double>::infinity(),
                               -std::numeric_limits<double>::infinity()};
      if (which >= std::size(values)) return false;
      list ? reflection->AddDouble(message, field, values[which])
           : reflection->SetDouble(message, field, values[which]);
      return true;
    }
    case FieldDescriptor::CPPTYPE_UINT32: {
      const uint32_t values[] = {1u << 31, std::numeric_limits<uint32_t>::max()};
      if (which >= std::size(values)) return false;
      list ? reflection->AddUInt32(message, field, values[which])
           : reflection->SetUInt32(message, field, values[which]);
      return true;
    }
    case FieldDescriptor::CPPTYPE_UINT64: {
      const uint64_t values[] = {uint64_t{1} << 62, std::numeric_limits<uint64_t>::max()};
      if (which >= std::size(values) || field->name() == "seed") return false;
      list ? reflection->AddUInt64(message, field, values[which])
           : reflection->SetUInt64(message, field, values[which]);
      return true;
    }
    case FieldDescriptor::CPPTYPE_ENUM: {
      const int values[] = {-1, 99, std::numeric_limits<int>::max()};
      if (which >= std::size(values)) return false;
      list ? reflection->AddEnumValue(message, field, values[which])
           : reflection->SetEnumValue(message, field, values[which]);
      return true;
    }
    case FieldDescriptor::CPPTYPE_STRING: {
      const std::string values[] = {"a\nb",
                                    "\x1b[31m",
                                    std::string("a\0b", 3),
                                    "\x7f",
                                    "\xC2\x85",
                                    "\xFF",
                                    std::string(kMaxTextBytes + 1, 'x')};
      if (which >= std::size(values)) return false;
      list ? reflection->AddString(message, field, values[which])
           : reflection->SetString(message, field, values[which]);
      return true;
    }
    case FieldDescriptor::CPPTYPE_MESSAGE: {
      const std::pair<int64_t, int> values[] = {{int64_t{1} << 62, 0},
                                                {std::numeric_limits<int64_t>::max(), 0},
                                                {std::numeric_limits<int64_t>::min(), 0},
                                                {-1, 0},
                                                {0, -1},
                                                {1, -1},
                                                {0, 1'000'000'000},
                                                {0, std::numeric_limits<int>::min()},
                                                {365 * 24 * 3600, 1}};
      if (which >= std::size(values)) return false;
      auto* duration = static_cast<Duration*>(list ? reflection->AddMessage(message, field)
                                                   : reflection->MutableMessage(message, field));
      duration->set_seconds(values[which].first);
      duration->set_nanos(values[which].second);
      return true;
    }
    default:
      return false;
  }
}

TEST(Form, F17_EveryFieldIsJudgedByTheServer) {
  int fields = 0, values = 0;
  EachField(v1::RunSpec::descriptor(), {}, [&](const Path& path) {
    ++fields;
    for (size_t which = 0;; ++which) {
      v1::RunSpec spec = Base();
      if (!SetIllegal(path.back(), which, Reach(path, &spec))) break;
      ++values;
      EXPECT_THAT(ErrorOf(spec), HasSubstr(absl::StrCat(NameOf(path), ": ")));
    }
  });
  EXPECT_GT(fields, 300);
  EXPECT_GT(values, 800);
}

// The largest numbers that any field may hold: whatever is made of them, nothing overflows and
// nothing is taken for them.
TEST(Form, F17_TheLargestNumbersHarmNobody) {
  EachField(v1::RunSpec::descriptor(), {}, [](const Path& path) {
    for (const uint64_t most : {uint64_t{0}, kMaxWhole}) {
      v1::RunSpec spec = Base();
      Message* message = Reach(path, &spec);
      const FieldDescriptor* field = path.back();
      const auto* reflection = message->GetReflection();
      if (field->cpp_type() == FieldDescriptor::CPPTYPE_UINT32) {
        const uint32_t value = most > 0 ? std::numeric_limits<int32_t>::max() : 0;
        field->is_repeated() ? reflection->AddUInt32(message, field, value)
                             : reflection->SetUInt32(message, field, value);
      } else if (field->cpp_type() == FieldDescriptor::CPPTYPE_UINT64) {
        reflection->SetUInt64(message, field, most);
      } else if (field->cpp_type() == FieldDescriptor::CPPTYPE_DOUBLE) {
        const double value = most > 0 ? std::numeric_limits<double>::max() : -1e300;
        field->is_repeated() ? reflection->AddDouble(message, field, value)
                             : reflection->SetDouble(message, field, value);
      } else {
        return;
      }
      const absl::StatusOr<ResolvedRun> run = ResolveRunSpec(spec);
      if (!run.ok()) {
        EXPECT_EQ(run.status().code(), absl::StatusCode::kInvalidArgument);
      }
    }
  });
}

TEST(Form, F17_ListsTextsAndMessagesHaveALimit) {
  v1::RunSpec spec = Base();
  for (int i = 0; i <= kMaxListed; ++i) spec.mutable_straggle()->add_slots(i);
  EXPECT_THAT(ErrorOf(spec), HasSubstr("straggle.slots: a list of 16385 is not legal; it must be "
                                       "one of at most 16384"));
  // A short sweep over a large model.
  spec = Base();
  for (int i = 0; i < 4000; ++i) spec.mutable_workload()->mutable_mlp()->add_hidden(8);
  auto* seeds = (*spec.mutable_sweep()->mutable_grid())["seed"].mutable_values();
  for (int i = 0; i < kMaxTrials; ++i) *seeds->Add() = absl::StrCat(i);
  EXPECT_THAT(ErrorOf(spec), HasSubstr("the run's trials are more than 2097152 bytes in all"));
  spec = Base();
  for (int i = 0; i < 600; ++i) {
    spec.mutable_data()->mutable_train()->mutable_cifar10()->add_files(std::string(4000, 'x'));
  }
  EXPECT_THAT(ErrorOf(spec), HasSubstr("bytes; at most 2097152 are legal"));
}

TEST(Form, F17_AFieldOfALaterVersionIsNotIgnored) {
  v1::RunSpec spec = Base();
  spec.mutable_optimizer()
      ->GetReflection()
      ->MutableUnknownFields(spec.mutable_optimizer())
      ->AddVarint(99, 1);
  EXPECT_THAT(ErrorOf(spec), HasSubstr("optimizer: has a field of number 99, which this version "
                                       "does not know"));
}

TEST(Limits, F17_TheCoordinatorsHoldForEveryRun) {
  v1::RunSpec spec = Base();
  spec.mutable_scheme()->set_slots(20);
  for (int i = 0; i < 5; ++i) spec.add_trials();
  const auto run = ResolveRunSpec(spec);
  ASSERT_TRUE(run.ok()) << run.status();
  EXPECT_TRUE(CheckLimits(*run, {}).ok());
  EXPECT_TRUE(CheckLimits(*run, {.trials_max = 5, .slots_max = 20}).ok());
  EXPECT_THAT(CheckLimits(*run, {.trials_max = 4, .slots_max = 19}).message(),
              AllOf(HasSubstr("trials: 5 is not legal; it must be at most 4, this coordinator's "
                              "limit (--max-trials)"),
                    HasSubstr("scheme.slots: 20 is not legal"), HasSubstr("(--max-slots)")));
}

TEST(Form, F17_WhatWasLegalStaysLegal) {
  v1::RunSpec spec = Base();
  spec.set_seed(std::numeric_limits<uint64_t>::max());
  spec.mutable_data()->mutable_train()->mutable_csv()->set_file("data/a b é.csv");
  spec.mutable_data()->mutable_train()->mutable_csv()->set_delimiter("\t");
  spec.mutable_fleet()->mutable_round_timeout()->set_seconds(365 * 24 * 3600);
  Findings findings;
  CheckForm(spec, &findings);
  EXPECT_TRUE(findings.status().ok()) << findings.status();
}

}  // namespace
}  // namespace gradloom
