#include "coordinator/data_plane/job_sum.h"

#include <bit>
#include <limits>
#include <random>
#include <thread>

#include "gtest/gtest.h"

namespace gradloom {
namespace {

constexpr size_t kFrame = ReproducibleSum::kBlock;
constexpr size_t kLength = 5 * kFrame + 100;

std::vector<float> Reply(uint32_t seed) {
  std::mt19937 random(seed);
  std::vector<float> values(kLength);
  for (float& value : values) value = std::ldexp(static_cast<float>(random()), -int(random() % 60));
  return values;
}

std::span<const float> Frame(const std::vector<float>& reply, size_t frame) {
  const size_t offset = frame * kFrame;
  return std::span(reply).subspan(offset, std::min(kFrame, reply.size() - offset));
}

std::vector<uint32_t> Bits(const JobSum& sum, const JobDecoding& decoding) {
  std::vector<float> out(kLength);
  sum.Decode(decoding, 0, out);
  std::vector<uint32_t> bits;
  for (float value : out) bits.push_back(std::bit_cast<uint32_t>(value));
  return bits;
}

TEST(JobSumTest, InterleavedReplicasThatBreakOffCountOnce) {
  const std::vector<std::vector<float>> replies = {Reply(1), Reply(2), Reply(3)};
  JobSum plain(kLength, kFrame, 3, true);
  for (int part = 0; part < 3; ++part) {
    for (size_t frame = 0; frame < plain.frames(); ++frame) {
      ASSERT_TRUE(plain.AddFrame(0, part, frame, Frame(replies[part], frame), frame).ok());
    }
  }
  const auto expected = Bits(plain, {});
  for (uint32_t seed = 0; seed < 20; ++seed) {
    // Two replicas of each part, of which some break off anywhere, in any interleaving.
    std::mt19937 random(seed);
    JobSum sum(kLength, kFrame, 3, true);
    struct Stream {
      int part;
      size_t next, end;
    };
    std::vector<Stream> streams;
    for (int part = 0; part < 3; ++part) {
      streams.push_back({part, 0, random() % (sum.frames() + 1)});
      streams.push_back({part, 0, sum.frames()});
    }
    while (!streams.empty()) {
      const size_t i = random() % streams.size();
      Stream& stream = streams[i];
      if (stream.next == stream.end) {
        streams.erase(streams.begin() + static_cast<int64_t>(i));
        continue;
      }
      ASSERT_TRUE(sum.AddFrame(0, stream.part, stream.next,
                               Frame(replies[stream.part], stream.next),
                               static_cast<uint32_t>(stream.next))
                      .ok());
      ++stream.next;
    }
    for (int part = 0; part < 3; ++part) EXPECT_TRUE(sum.Complete(0, part));
    EXPECT_EQ(Bits(sum, {}), expected) << "seed " << seed;
  }
}

TEST(JobSumTest, ManyThreads) {
  std::vector<std::vector<float>> replies;
  for (uint32_t part = 0; part < 8; ++part) replies.push_back(Reply(part));
  JobSum alone(kLength, kFrame, 8, true);
  JobSum shared(kLength, kFrame, 8, true);
  const auto push = [&replies](JobSum& sum, int part) {
    for (size_t frame = 0; frame < sum.frames(); ++frame) {
      ASSERT_TRUE(sum.AddFrame(0, part, frame, Frame(replies[part], frame), 0).ok());
    }
  };
  for (int part = 0; part < 8; ++part) push(alone, part);
  {
    std::vector<std::jthread> threads;
    for (int part = 0; part < 8; ++part) {
      threads.emplace_back([&, part] { push(shared, part); });
      threads.emplace_back([&, part] { push(shared, part); });  // a replica
    }
  }
  EXPECT_EQ(Bits(shared, {}), Bits(alone, {}));
}

TEST(JobSumTest, ADifferingReplicaIsNoticed) {
  JobSum sum(kLength, kFrame, 1, true);
  const std::vector<float> reply = Reply(1);
  EXPECT_EQ(*sum.AddFrame(0, 0, 2, Frame(reply, 2), 7), JobSum::Outcome::kAdded);
  EXPECT_EQ(*sum.AddFrame(0, 0, 2, Frame(reply, 2), 7), JobSum::Outcome::kDuplicate);
  EXPECT_EQ(*sum.AddFrame(0, 0, 2, Frame(reply, 2), 8), JobSum::Outcome::kDiffers);
}

TEST(JobSumTest, WeightsCombineKeptReplies) {
  JobSum sum(kLength, kFrame, 3, false);
  const std::vector<float> a = Reply(1), c = Reply(3);
  for (size_t frame = 0; frame < sum.frames(); ++frame) {
    ASSERT_TRUE(sum.AddFrame(0, 2, frame, Frame(c, frame), 0).ok());
    ASSERT_TRUE(sum.AddFrame(0, 0, frame, Frame(a, frame), 0).ok());
  }
  EXPECT_FALSE(sum.Complete(0, 1));
  JobDecoding decoding;
  decoding.weights = {{0, 2.5}, {2, -1}};
  std::vector<float> out(kLength);
  sum.Decode(decoding, 0, out);
  for (size_t i = 0; i < kLength; ++i) {
    EXPECT_EQ(out[i], static_cast<float>(2.5 * a[i] + -1.0 * c[i]));
  }
}

TEST(JobSumTest, LateFramesDoNotReachTheNextJob) {
  for (bool unit : {true, false}) {
    JobSum sum(kLength, kFrame, 1, unit);
    JobSum fresh(kLength, kFrame, 1, unit);
    const std::vector<float> first = Reply(1), second = Reply(2);
    const uint64_t epoch = sum.epoch();
    ASSERT_TRUE(sum.AddFrame(epoch, 0, 0, Frame(first, 0), 1).ok());
    sum.Clear();
    EXPECT_EQ(sum.AddFrame(epoch, 0, 1, Frame(first, 1), 1).status().code(),
              absl::StatusCode::kNotFound);
    for (size_t frame = 0; frame < sum.frames(); ++frame) {
      ASSERT_EQ(*sum.AddFrame(sum.epoch(), 0, frame, Frame(second, frame), 2),
                JobSum::Outcome::kAdded);
      ASSERT_TRUE(fresh.AddFrame(0, 0, frame, Frame(second, frame), 2).ok());
    }
    EXPECT_FALSE(sum.Complete(epoch, 0));
    EXPECT_TRUE(sum.Complete(sum.epoch(), 0));
    JobDecoding decoding;
    decoding.weights = {{0, 1}};
    EXPECT_EQ(Bits(sum, decoding), Bits(fresh, decoding));
  }
}

TEST(JobSumTest, RefusesWhatDoesNotFit) {
  for (bool unit : {true, false}) {
    JobSum sum(kLength, kFrame, 2, unit);
    std::vector<float> values(kFrame);
    EXPECT_FALSE(sum.AddFrame(0, 2, 0, values, 0).ok());
    EXPECT_FALSE(sum.AddFrame(0, -1, 0, values, 0).ok());
    EXPECT_FALSE(sum.AddFrame(0, 0, 6, values, 0).ok());
    EXPECT_FALSE(sum.AddFrame(0, 0, 5, values, 0).ok()) << "the last frame is shorter";
    values[3] = std::numeric_limits<float>::quiet_NaN();
    EXPECT_FALSE(sum.AddFrame(0, 0, 0, values, 0).ok());
    values[3] = 0;
    EXPECT_TRUE(sum.AddFrame(0, 0, 0, values, 0).ok());
    EXPECT_FALSE(sum.Complete(0, 0));
  }
}

}  // namespace
}  // namespace gradloom
