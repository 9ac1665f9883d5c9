#include "coordinator/data_plane/job_sum.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"

namespace gradloom {
namespace {

constexpr size_t kMutexes = 64;
constexpr size_t kBlock = ReproducibleSum::kBlock;

// The ranges of a frame's blocks; InvalidArgument, with the first such element (counted from
// `offset`), when a value is not finite.
absl::StatusOr<std::vector<ReproducibleSum::Range>> RangesOf(std::span<const float> values,
                                                             size_t offset) {
  std::vector<ReproducibleSum::Range> ranges;
  ranges.reserve((values.size() + kBlock - 1) / kBlock);
  for (size_t start = 0; start < values.size(); start += kBlock) {
    const auto block = values.subspan(start, std::min(kBlock, values.size() - start));
    ranges.push_back(ReproducibleSum::RangeOf(block));
    if (ranges.back().bin != ReproducibleSum::kNotFinite) continue;
    size_t bad = start;
    while (std::isfinite(values[bad])) ++bad;
    return absl::InvalidArgumentError(
        absl::StrCat("element ", offset + bad, " is ", values[bad], ", not a finite number"));
  }
  return ranges;
}

}  // namespace

JobSum::JobSum(size_t length, size_t frame_values, int parts, bool unit_weights)
    : length_(length),
      frame_values_(frame_values),
      unit_weights_(unit_weights),
      pool_(frame_values),
      frames_((length + frame_values - 1) / frame_values),
      parts_(parts),
      parts_count_(parts),
      frame_mutexes_(std::min(kMutexes, frames_.size())) {
  reserved_ = frames_.size() * Accumulator::kBuffers;
}

void JobSum::Clear() {
  for (Mutex& mutex : frame_mutexes_) mutex.Lock();
  parts_mutex_.Lock();
  epoch_.fetch_add(1, std::memory_order_acq_rel);
  for (Frame& frame : frames_) frame = Frame();
  reserved_ = frames_.size() * Accumulator::kBuffers;
  for (std::unique_ptr<Part>& part : parts_) part.reset();
  parts_mutex_.Unlock();
  for (Mutex& mutex : frame_mutexes_) mutex.Unlock();
}

JobSum::Part& JobSum::PartOf(int part) {
  const MutexLock lock(parts_mutex_);
  std::unique_ptr<Part>& state = parts_[part];
  if (state == nullptr) {
    state = std::make_unique<Part>();
    state->checksums.resize(frames_.size());
    state->seen.resize(frames_.size());
  }
  return *state;
}

size_t JobSum::CountOf(size_t frame) const {
  return std::min(frame_values_, length_ - frame * frame_values_);
}

absl::StatusOr<JobSum::Outcome> JobSum::AddFrame(uint64_t epoch, int part, size_t frame,
                                                 FramePool::Buffer values, size_t count,
                                                 uint32_t checksum) {
  if (part < 0 || part >= parts_count_ || frame >= frames_.size() || count != CountOf(frame)) {
    return absl::InvalidArgumentError(absl::StrCat(
        "frame ", frame, " of part ", part, " with ", count, " values: there are ", frames_.size(),
        " frames of ", frame_values_, " values and ", parts_count_, " parts"));
  }
  auto ranges = RangesOf(values.values().first(count), frame * frame_values_);
  if (!ranges.ok()) return ranges.status();
  const MutexLock lock(MutexOf(frame));
  if (epoch != this->epoch()) return absl::NotFoundError("the job has been decoded without it");
  Part& state = PartOf(part);
  if (state.seen[frame] != 0) {
    return state.checksums[frame] == checksum ? Outcome::kDuplicate : Outcome::kDiffers;
  }
  Frame& sums = frames_[frame];
  sums.kept.push_back({part, std::move(values), *std::move(ranges)});
  ++sums.parts;
  if (unit_weights_) {
    const size_t held =
        sums.kept.size() + (sums.accumulator == nullptr ? 0 : Accumulator::kBuffers);
    if (sums.parts == parts_count_) {
      FinishFrame(sums, count);
    } else if (!Reserve(sums, held)) {
      Accumulate(sums, count);
    }
  }
  state.seen[frame] = 1;
  state.checksums[frame] = checksum;
  state.count.fetch_add(1, std::memory_order_release);
  return Outcome::kAdded;
}

bool JobSum::Complete(uint64_t epoch, int part) const {
  const MutexLock lock(parts_mutex_);
  if (epoch != this->epoch()) return false;
  const Part* state = parts_[part].get();
  return state != nullptr && state->count.load(std::memory_order_acquire) == frames_.size();
}

// ---- memory -------------------------------------------------------------------------------------

// Every frame has what an accumulator takes reserved from the start, and may therefore always fall
// back on one; what the limit leaves beyond that goes to whoever comes first.
bool JobSum::Reserve(Frame& frame, size_t buffers) {
  if (buffers <= frame.reserved) return true;
  const size_t more = buffers - frame.reserved;
  const size_t limit = frames_.size() * kValueBytesMax / sizeof(float);
  size_t reserved = reserved_.load(std::memory_order_relaxed);
  do {
    if (reserved + more > limit) return false;
  } while (!reserved_.compare_exchange_weak(reserved, reserved + more, std::memory_order_relaxed));
  frame.reserved = buffers;
  return true;
}

void JobSum::Release(Frame& frame, size_t buffers) {
  reserved_.fetch_sub(frame.reserved - buffers, std::memory_order_relaxed);
  frame.reserved = buffers;
}

// ---- sums ---------------------------------------------------------------------------------------

ReproducibleSum JobSum::Accumulator::Piece(size_t piece, size_t count) const {
  const size_t pieces = bins.size();  // a buffer's: one a block
  double* memory =
      reinterpret_cast<double*>(buffers[piece / pieces].data()) + piece % pieces * 2 * kPiece;
  return {{memory, count}, {memory + kPiece, count}, bins[piece / (kBlock / kPiece)]};
}

JobSum::Addends JobSum::AddendsAt(const Frame& frame, size_t begin) {
  Addends addends;
  for (const Kept& kept : frame.kept) addends.push_back(kept.values.data() + begin);
  return addends;
}

void JobSum::Accumulate(Frame& frame, size_t count) {
  constexpr size_t kPiece = Accumulator::kPiece;
  if (frame.accumulator == nullptr) {
    frame.accumulator = std::make_unique<Accumulator>();
    for (FramePool::Buffer& buffer : frame.accumulator->buffers) buffer = pool_.Take();
    frame.accumulator->bins.assign((count + kBlock - 1) / kBlock, ReproducibleSum::kEmpty);
  }
  for (size_t block = 0; block < frame.accumulator->bins.size(); ++block) {
    Bin& bin = frame.accumulator->bins[block];
    Bin needed = bin;
    for (const Kept& kept : frame.kept) needed = std::max(needed, kept.ranges[block].bin);
    for (size_t i = 0; i < kBlock / kPiece; ++i) {
      const size_t begin = block * kBlock + i * kPiece;
      if (begin >= count) break;
      const size_t piece_count = std::min(kPiece, count - begin);
      ReproducibleSum sum = frame.accumulator->Piece(begin / kPiece, piece_count);
      sum.MoveUp(needed);
      sum.Add(AddendsAt(frame, begin));
    }
    bin = needed;
  }
  frame.kept.clear();
  Release(frame, Accumulator::kBuffers);
}

void JobSum::SumBlock(const Frame& frame, size_t begin, std::span<float> out) {
  const size_t block = begin / kBlock;
  Range range;
  for (const Kept& kept : frame.kept) range.Include(kept.ranges[block]);
  if (frame.accumulator != nullptr ||
      !ReproducibleSum::PlainSumIsExact(range, static_cast<int64_t>(frame.kept.size()))) {
    SumSlices(frame, range.bin, begin, out);
    return;
  }
  ReproducibleSum::PlainSum(AddendsAt(frame, begin), out);
}

// `bin` is what the kept values need.
void JobSum::SumSlices(const Frame& frame, Bin bin, size_t begin, std::span<float> out) {
  constexpr size_t kPiece = Accumulator::kPiece;
  std::array<double, kPiece> high;
  std::array<double, kPiece> low;
  for (size_t done = 0; done < out.size();) {
    const size_t at = begin + done;
    const size_t skip = at % kPiece;
    const size_t count = std::min(kPiece - skip, out.size() - done);
    Bin accumulated = ReproducibleSum::kEmpty;
    if (frame.accumulator != nullptr) {
      const ReproducibleSum piece = frame.accumulator->Piece(at / kPiece, kPiece);
      accumulated = piece.bin();
      std::copy_n(piece.high().begin() + skip, count, high.begin());
      std::copy_n(piece.low().begin() + skip, count, low.begin());
    }
    ReproducibleSum sum({high.data(), count}, {low.data(), count}, accumulated);
    sum.MoveUp(bin);
    sum.Add(AddendsAt(frame, at));
    sum.Round(out.subspan(done, count));
    done += count;
  }
}

void JobSum::FinishFrame(Frame& frame, size_t count) {
  // In the place of the part that came last, which is in the cache.
  const std::span<float> out = frame.kept.back().values.values();
  for (size_t begin = 0; begin < count; begin += kBlock) {
    SumBlock(frame, begin, out.subspan(begin, std::min(kBlock, count - begin)));
  }
  frame.sum = std::move(frame.kept.back().values);
  frame.kept = std::vector<Kept>();
  frame.accumulator.reset();
  Release(frame, 1);
}

// ---- decoding -----------------------------------------------------------------------------------

void JobSum::Combine(const Frame& frame, const JobDecoding& decoding, size_t begin,
                     std::span<float> out) {
  std::array<double, kBlock> sums;
  std::fill_n(sums.begin(), out.size(), 0.0);
  for (const JobDecoding::Weight& weight : decoding.weights) {
    const auto kept = std::find_if(frame.kept.begin(), frame.kept.end(),
                                   [&](const Kept& k) { return k.part == weight.part; });
    const float* values = kept->values.data() + begin;
    for (size_t i = 0; i < out.size(); ++i) sums[i] += weight.weight * values[i];
  }
  for (size_t i = 0; i < out.size(); ++i) out[i] = static_cast<float>(sums[i]);
}

void JobSum::Decode(const JobDecoding& decoding, size_t offset, std::span<float> out) const {
  while (!out.empty()) {
    const size_t number = offset / frame_values_;
    const size_t begin = offset % frame_values_;
    size_t count = std::min(CountOf(number) - begin, out.size());
    const MutexLock lock(MutexOf(number));  // other parts' frames may still come
    const Frame& frame = frames_[number];
    if (frame.sum) {
      std::copy_n(frame.sum.data() + begin, count, out.begin());
    } else {
      count = std::min(count, kBlock - begin % kBlock);
      if (unit_weights_) {
        SumBlock(frame, begin, out.first(count));
      } else {
        Combine(frame, decoding, begin, out.first(count));
      }
    }
    offset += count;
    out = out.subspan(count);
  }
}

}  // namespace gradloom
