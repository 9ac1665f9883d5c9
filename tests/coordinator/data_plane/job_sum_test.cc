#include "coordinator/data_plane/job_sum.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <numeric>
#include <random>
#include <thread>

#include "gtest/gtest.h"

namespace gradloom {
namespace {

constexpr size_t kFrame = 2 * ReproducibleSum::kBlock;
constexpr size_t kLength = 5 * kFrame + 100;

// How the values of a reply are spread: what decides how they may be added.
enum class Spread { kNarrow, kWide };

std::vector<float> Reply(uint32_t seed, Spread spread = Spread::kWide) {
  std::mt19937 random(seed);
  std::vector<float> values(kLength);
  const int exponents = spread == Spread::kWide ? 120 : 4;
  for (float& value : values) {
    const float magnitude = std::ldexp(static_cast<float>(random()), -int(random() % exponents));
    value = random() % 2 == 0 ? magnitude : -magnitude;
  }
  return values;
}

std::vector<std::vector<float>> Replies(int parts, Spread spread, uint32_t seed = 0) {
  std::vector<std::vector<float>> replies;
  for (int part = 0; part < parts; ++part) {
    replies.push_back(Reply(1000 * seed + static_cast<uint32_t>(part), spread));
  }
  return replies;
}

std::span<const float> Frame(const std::vector<float>& reply, size_t frame) {
  const size_t offset = frame * kFrame;
  return std::span(reply).subspan(offset, std::min(kFrame, reply.size() - offset));
}

// With the frame's number as its checksum unless another is given.
absl::StatusOr<JobSum::Outcome> Add(JobSum& sum, int part, size_t frame,
                                    const std::vector<float>& reply, uint32_t checksum,
                                    uint64_t epoch) {
  FramePool::Buffer buffer = sum.NewBuffer();
  const std::span<const float> values = Frame(reply, frame);
  std::copy(values.begin(), values.end(), buffer.data());
  return sum.AddFrame(epoch, part, frame, std::move(buffer), values.size(), checksum);
}
absl::StatusOr<JobSum::Outcome> Add(JobSum& sum, int part, size_t frame,
                                    const std::vector<float>& reply) {
  return Add(sum, part, frame, reply, static_cast<uint32_t>(frame), sum.epoch());
}

std::vector<uint32_t> Bits(std::span<const float> values) {
  std::vector<uint32_t> bits;
  for (float value : values) bits.push_back(std::bit_cast<uint32_t>(value));
  return bits;
}

// Decoded in bites that fit neither blocks nor frames.
std::vector<uint32_t> Decoded(const JobSum& sum, const JobDecoding& decoding) {
  std::vector<float> out(kLength);
  for (size_t offset = 0; offset < kLength; offset += 777) {
    const size_t count = std::min<size_t>(777, kLength - offset);
    sum.Decode(decoding, offset, std::span(out).subspan(offset, count));
  }
  return Bits(out);
}

// The oracle: whole blocks in plain two-grid arithmetic, value by value, the bin known beforehand.
std::vector<uint32_t> Expected(const std::vector<std::vector<float>>& replies) {
  std::vector<float> out(kLength);
  for (size_t begin = 0; begin < kLength; begin += ReproducibleSum::kBlock) {
    const size_t end = std::min(kLength, begin + ReproducibleSum::kBlock);
    double largest = 0;
    for (const std::vector<float>& reply : replies) {
      for (size_t i = begin; i < end; ++i) {
        largest = std::max(largest, std::fabs(double{reply[i]}));
      }
    }
    int bin = -4;
    while (largest >= std::ldexp(1.0, (bin + 1) * ReproducibleSum::kBinBits - 1)) ++bin;
    const double coarse = std::ldexp(1.0, bin * ReproducibleSum::kBinBits);
    const double fine = std::ldexp(1.0, (bin - 1) * ReproducibleSum::kBinBits);
    for (size_t i = begin; i < end; ++i) {
      double high = 0, low = 0;
      for (const std::vector<float>& reply : replies) {
        const double slice = std::nearbyint(reply[i] / coarse) * coarse;
        high += slice;
        low += std::nearbyint((reply[i] - slice) / fine) * fine;
      }
      const double carry = std::floor(low / coarse) * coarse;
      out[i] = static_cast<float>((high + carry) + (low - carry));
    }
  }
  return Bits(out);
}

struct Stream {
  int part;
  size_t next, end;
};

// Lets the streams bring their frames. `lead`: how many frames a stream may be ahead of the others:
// 1 is in step, many is one after the other.
void Bring(JobSum& sum, const std::vector<std::vector<float>>& replies, std::vector<Stream> streams,
           size_t lead, std::mt19937& random) {
  while (!streams.empty()) {
    size_t least = sum.frames();
    for (const Stream& stream : streams) least = std::min(least, stream.next);
    const size_t i = random() % streams.size();
    Stream& stream = streams[i];
    if (stream.next == stream.end) {
      streams.erase(streams.begin() + static_cast<int64_t>(i));
      continue;
    }
    if (stream.next > least + lead) continue;
    ASSERT_TRUE(Add(sum, stream.part, stream.next, replies[stream.part]).ok());
    ++stream.next;
  }
}

// Any number of parts (kept, in one accumulator, in both), any order and interleaving, replicas
// that break off anywhere, the memory of the job before: the same bits, and never more memory.
TEST(JobSumTest, EveryWayToComeGivesTheOraclesBits) {
  for (Spread spread : {Spread::kNarrow, Spread::kWide}) {
    for (int parts : {1, 2, 3, 4, 5, 6, 7, 9, 16, 40}) {
      JobSum sum(kLength, kFrame, parts, true);
      for (uint32_t seed = 0; seed < 6; ++seed) {
        std::mt19937 random(seed);
        const auto replies = Replies(parts, spread, seed);
        const auto expected = Expected(replies);
        std::vector<Stream> streams;
        for (int part = 0; part < parts; ++part) {
          streams.push_back({part, 0, random() % (sum.frames() + 1)});
          streams.push_back({part, 0, sum.frames()});
        }
        std::shuffle(streams.begin(), streams.end(), random);
        if (seed < 2) {  // one after the other
          for (const Stream& stream : streams) Bring(sum, replies, {stream}, sum.frames(), random);
        } else {
          Bring(sum, replies, streams, seed, random);
        }
        for (int part = 0; part < parts; ++part) EXPECT_TRUE(sum.Complete(sum.epoch(), part));
        ASSERT_EQ(Decoded(sum, {}), expected) << parts << " parts, seed " << seed;
        sum.Clear();
      }
      // One frame is being added at a time: its buffer, and its accumulator's beside what it holds.
      EXPECT_LE(sum.buffers_peak(), sum.frames() * JobSum::kValueBytesMax / sizeof(float) + 5)
          << parts << " parts";
    }
  }
}

// With unit weights a scheme may decode before every part has come only if it needs no others.
TEST(JobSumTest, DecodesWhatHasComeBeforeTheLastPart) {
  for (int parts : {2, 6, 12}) {
    const auto replies = Replies(parts, Spread::kWide);
    JobSum sum(kLength, kFrame, parts + 1, true);
    for (int part = 0; part < parts; ++part) {
      for (size_t frame = 0; frame < sum.frames(); ++frame) {
        ASSERT_TRUE(Add(sum, part, frame, replies[part]).ok());
      }
    }
    EXPECT_FALSE(sum.Complete(0, parts));
    EXPECT_EQ(Decoded(sum, {}), Expected(replies));
  }
}

TEST(JobSumTest, MemoryDoesNotGrowWithTheParts) {
  for (size_t lead : {size_t{1}, size_t{3}, size_t{1000}}) {
    JobSum sum(kLength, kFrame, 200, true);
    const std::vector<std::vector<float>> replies(200, Reply(1));
    std::vector<Stream> streams;
    for (int part = 0; part < 200; ++part) streams.push_back({part, 0, sum.frames()});
    std::mt19937 random(1);
    Bring(sum, replies, streams, lead, random);
    EXPECT_LE(sum.buffers_peak(), sum.frames() * JobSum::kValueBytesMax / sizeof(float) + 5);
  }
}

TEST(JobSumTest, ManyThreads) {
  for (int parts : {4, 8, 24}) {
    const auto replies = Replies(parts, Spread::kWide);
    JobSum sum(kLength, kFrame, parts, true);
    const auto push = [&](int part) {
      for (size_t frame = 0; frame < sum.frames(); ++frame) {
        ASSERT_TRUE(Add(sum, part, frame, replies[part]).ok());
      }
    };
    {
      std::vector<std::jthread> threads;
      for (int part = 0; part < parts; ++part) {
        threads.emplace_back([&, part] { push(part); });
        if (part % 2 == 0) threads.emplace_back([&, part] { push(part); });  // a replica
      }
    }
    EXPECT_EQ(Decoded(sum, {}), Expected(replies));
    // Every thread may hold a frame that comes and one in an accumulator beside what it holds.
    const size_t threads = parts + (parts + 1) / 2;
    EXPECT_LE(sum.buffers_peak(),
              sum.frames() * JobSum::kValueBytesMax / sizeof(float) + 5 * threads);
  }
}

TEST(JobSumTest, StragglersMayComeWhileWeightsDecode) {
  JobSum sum(kLength, kFrame, 9, false);
  const auto replies = Replies(9, Spread::kWide);
  for (size_t frame = 0; frame < sum.frames(); ++frame) {
    ASSERT_TRUE(Add(sum, 0, frame, replies[0]).ok());
  }
  JobDecoding decoding;
  decoding.weights = {{0, 1}};
  std::jthread late([&] {
    for (int part = 1; part < 9; ++part) {
      for (size_t frame = 0; frame < sum.frames(); ++frame) {
        ASSERT_TRUE(Add(sum, part, frame, replies[part]).ok());
      }
    }
  });
  for (int i = 0; i < 5; ++i) EXPECT_EQ(Decoded(sum, decoding), Bits(replies[0]));
}

TEST(JobSumTest, ADifferingReplicaIsNoticed) {
  JobSum sum(kLength, kFrame, 2, true);
  const std::vector<float> reply = Reply(1);
  EXPECT_EQ(*Add(sum, 0, 2, reply, 7, 0), JobSum::Outcome::kAdded);
  EXPECT_EQ(*Add(sum, 0, 2, reply, 7, 0), JobSum::Outcome::kDuplicate);
  EXPECT_EQ(*Add(sum, 0, 2, reply, 8, 0), JobSum::Outcome::kDiffers);
  EXPECT_EQ(*Add(sum, 1, 2, reply, 9, 0), JobSum::Outcome::kAdded);
  EXPECT_EQ(*Add(sum, 0, 2, reply, 8, 0), JobSum::Outcome::kDiffers) << "when its sum is final";
}

TEST(JobSumTest, WeightsCombineKeptReplies) {
  JobSum sum(kLength, kFrame, 3, false);
  const std::vector<float> a = Reply(1), c = Reply(3);
  for (size_t frame = 0; frame < sum.frames(); ++frame) {
    ASSERT_TRUE(Add(sum, 2, frame, c).ok());
    ASSERT_TRUE(Add(sum, 0, frame, a).ok());
  }
  EXPECT_FALSE(sum.Complete(0, 1));
  JobDecoding decoding;
  decoding.weights = {{0, 2.5}, {2, -1}};
  std::vector<float> expected(kLength);
  for (size_t i = 0; i < kLength; ++i) {
    expected[i] = static_cast<float>(2.5 * a[i] + -1.0 * c[i]);
  }
  EXPECT_EQ(Decoded(sum, decoding), Bits(expected));
}

TEST(JobSumTest, LateFramesDoNotReachTheNextJob) {
  for (bool unit : {true, false}) {
    JobSum sum(kLength, kFrame, 1, unit);
    const std::vector<float> first = Reply(1), second = Reply(2);
    const uint64_t epoch = sum.epoch();
    ASSERT_TRUE(Add(sum, 0, 0, first, 1, epoch).ok());
    sum.Clear();
    EXPECT_EQ(Add(sum, 0, 1, first, 1, epoch).status().code(), absl::StatusCode::kNotFound);
    for (size_t frame = 0; frame < sum.frames(); ++frame) {
      ASSERT_EQ(*Add(sum, 0, frame, second), JobSum::Outcome::kAdded);
    }
    EXPECT_FALSE(sum.Complete(epoch, 0));
    EXPECT_TRUE(sum.Complete(sum.epoch(), 0));
    JobDecoding decoding;
    decoding.weights = {{0, 1}};
    EXPECT_EQ(Decoded(sum, decoding), unit ? Expected({second}) : Bits(second));
  }
}

TEST(JobSumTest, RefusesWhatDoesNotFit) {
  for (bool unit : {true, false}) {
    JobSum sum(kLength, kFrame, 2, unit);
    const auto add = [&sum](int part, size_t frame, size_t count, float value) {
      FramePool::Buffer buffer = sum.NewBuffer();
      std::fill_n(buffer.data(), kFrame, 0.0f);
      buffer.data()[1503] = value;
      return sum.AddFrame(0, part, frame, std::move(buffer), count, 0).status();
    };
    EXPECT_FALSE(add(2, 0, kFrame, 0).ok());
    EXPECT_FALSE(add(-1, 0, kFrame, 0).ok());
    EXPECT_FALSE(add(0, 6, kFrame, 0).ok());
    EXPECT_FALSE(add(0, 0, kFrame - 1, 0).ok());
    EXPECT_FALSE(add(0, 5, kFrame, 0).ok()) << "the last frame is shorter";
    EXPECT_TRUE(add(0, 5, 100, 0).ok());
    for (float bad :
         {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()}) {
      const absl::Status status = add(0, 1, kFrame, bad);
      EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
      EXPECT_NE(status.message().find("element 3551"), absl::string_view::npos) << status;
    }
    EXPECT_TRUE(add(0, 1, kFrame, 0).ok()) << "nothing had been added";
    EXPECT_FALSE(sum.Complete(0, 0));
  }
}

}  // namespace
}  // namespace gradloom
