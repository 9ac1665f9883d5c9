#include "coordinator/service/roster.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace gradloom {
namespace {

using ::testing::HasSubstr;

class FakeClock final : public Clock {
 public:
  absl::Time Now() const override { return now; }
  absl::Time now = absl::UnixEpoch() + absl::Hours(1);
};

class FakePeer final : public WorkerPeer {
 public:
  void Send(v1::ToWorker) override {}
  void Close(const absl::Status&) override {}
  void Abort() override {}
};

v1::Hello Hello(const std::string& name, uint64_t instance, const std::string& isa = "v3") {
  v1::Hello hello;
  hello.set_worker(name);
  hello.set_version("1.0");
  hello.set_instance(instance);
  hello.set_isa(isa);
  hello.set_pid(42);
  return hello;
}

class RosterTest : public testing::Test {
 protected:
  Roster::Admission Admit(const v1::Hello& hello) {
    return roster_.Admit(hello, "ipv4:10.0.0.1:5", std::make_shared<FakePeer>());
  }
  FakeClock clock_;
  Roster roster_{"1.0", "", clock_};
};

TEST_F(RosterTest, AProcessThatComesBackReplacesItself) {
  const WorkerId first = Admit(Hello("a", 1)).id;
  const Roster::Admission again = Admit(Hello("a", 1));
  EXPECT_EQ(again.refusal, "");
  ASSERT_NE(again.replaced, nullptr);
  EXPECT_EQ(again.replaced->id, first);
  EXPECT_NE(again.id, first);
  EXPECT_EQ(roster_.size(), 1u);
  EXPECT_EQ(roster_.Leave(first), nullptr) << "it has left already";
}

TEST_F(RosterTest, F20_TwoWorkersOfOneNameDoNotThrowEachOtherOut) {
  const WorkerId first = Admit(Hello("a", 1)).id;
  const Roster::Admission second = Admit(Hello("a", 2));
  EXPECT_EQ(second.id, 0u);
  EXPECT_TRUE(second.retry);
  EXPECT_THAT(second.refusal, HasSubstr("another worker named a is connected"));
  EXPECT_THAT(second.refusal, HasSubstr("10.0.0.1"));
  EXPECT_THAT(second.refusal, HasSubstr("--name"));
  EXPECT_NE(roster_.Find(first), nullptr);
  // Once the first is gone the second may have its place, and its slots.
  roster_.Leave(first);
  EXPECT_NE(Admit(Hello("a", 2)).id, 0u);
}

TEST_F(RosterTest, F18_WhoIsNotHeardOfForTenSecondsIsSilent) {
  const WorkerId mute = Admit(Hello("mute", 1)).id;
  const WorkerId alive = Admit(Hello("alive", 2)).id;
  for (int second = 0; second < 9; ++second) {
    clock_.now += absl::Seconds(1);
    roster_.Heard(alive);
    EXPECT_TRUE(roster_.Silent().empty());
  }
  clock_.now += absl::Seconds(1);
  ASSERT_EQ(roster_.Silent().size(), 1u);
  EXPECT_EQ(roster_.Silent()[0]->id, mute);
  EXPECT_NE(roster_.Leave(mute), nullptr);
  EXPECT_TRUE(roster_.Silent().empty());
}

TEST_F(RosterTest, F20_AWorkersLevelDecidesNothingForOthers) {
  EXPECT_NE(Admit(Hello("first", 1, "v4")).id, 0u);
  EXPECT_NE(Admit(Hello("second", 2, "v3")).id, 0u) << "runs have levels, the fleet has none";
}

TEST_F(RosterTest, F20_TheOperatorMayDecideTheLevel) {
  Roster strict("1.0", "v3", clock_);
  const auto admit = [&](const v1::Hello& hello) {
    return strict.Admit(hello, "x", std::make_shared<FakePeer>());
  };
  EXPECT_THAT(admit(Hello("a", 1, "v4")).refusal, HasSubstr("--isa=v3"));
  EXPECT_EQ(admit(Hello("a", 1, "v3")).refusal, "");
}

TEST_F(RosterTest, RefusesOtherVersionsAndNames) {
  v1::Hello old = Hello("a", 1);
  old.set_version("0.9");
  EXPECT_THAT(Admit(old).refusal, HasSubstr("they must be equal"));
  EXPECT_FALSE(Admit(old).retry);
  EXPECT_THAT(Admit(Hello("", 1)).refusal, HasSubstr("1..200 characters"));
  EXPECT_THAT(Admit(Hello(std::string(201, 'x'), 1)).refusal, HasSubstr("1..200 characters"));
}

TEST_F(RosterTest, WhoHasLeftIsNotSpokenOf) {
  const WorkerId worker = Admit(Hello("a", 1)).id;
  int told = 0;
  roster_.IfMember(worker, [&](const RosterMember&) { ++told; });
  roster_.Leave(worker);
  roster_.IfMember(worker, [&](const RosterMember&) { ++told; });
  EXPECT_EQ(told, 1);
}

}  // namespace
}  // namespace gradloom
