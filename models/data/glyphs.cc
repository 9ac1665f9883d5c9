// Rendered 28x28 glyphs of ten classes: the strokes of a hand-drawn digit, every control point
// shaken, warped by a random affine map, drawn with a random stroke width and covered with noise.
// An example is a function of (seed, example number) alone. Change anything that changes a pixel
// and kVersion must change too: it is part of the checksum.
#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>
#include <span>
#include <utility>
#include <vector>

#include "absl/strings/str_format.h"
#include "models/data/generated.h"
#include "models/data/sources.h"
#include "models/data/targets.h"
#include "models/random.h"
#include "proto/wire/crc32c.h"

namespace gradloom {
namespace {

constexpr int kVersion = 1;
constexpr int kSide = 28;
constexpr int kPixels = kSide * kSide;
constexpr int kClasses = 10;
// Rows are padded so that distances can be computed in whole groups of lanes.
constexpr int kLanes = 4;
constexpr int kPaddedSide = 32;

struct Point {
  float x, y;
};

// Control points in a box of [-1, 1] x [-1, 1], y downwards. A smooth stroke is a Catmull-Rom
// spline through them, the others are polylines.
struct Stroke {
  bool smooth;
  std::vector<Point> points;
};
using Glyph = std::vector<Stroke>;

const std::array<Glyph, kClasses>& Glyphs() {
  static const auto& glyphs = *new std::array<Glyph, kClasses>{{
      {{true,
        {{0, -1},
         {-0.5F, -0.6F},
         {-0.6F, 0.1F},
         {-0.4F, 0.8F},
         {0, 1},
         {0.5F, 0.6F},
         {0.6F, -0.1F},
         {0.4F, -0.8F},
         {0, -1}}}},
      {{false, {{-0.4F, -0.6F}, {0.1F, -1}, {0.1F, 0}, {0.1F, 1}}}},
      {{true,
        {{-0.6F, -0.55F}, {-0.25F, -1}, {0.35F, -0.95F}, {0.6F, -0.5F}, {0.2F, 0.15F}, {-0.6F, 1}}},
       {false, {{-0.6F, 1}, {0.7F, 0.95F}}}},
      {{true, {{-0.6F, -0.8F}, {0, -1}, {0.55F, -0.65F}, {0.35F, -0.2F}, {-0.15F, -0.05F}}},
       {true, {{-0.15F, -0.05F}, {0.5F, 0.15F}, {0.6F, 0.65F}, {0.05F, 1}, {-0.6F, 0.8F}}}},
      {{false, {{0.15F, -1}, {-0.7F, 0.35F}, {0.75F, 0.35F}}},
       {false, {{0.35F, -0.35F}, {0.3F, 1}}}},
      {{false, {{0.6F, -1}, {-0.45F, -1}, {-0.5F, -0.1F}}},
       {true,
        {{-0.5F, -0.1F}, {0.1F, -0.3F}, {0.65F, 0.1F}, {0.55F, 0.75F}, {0, 1}, {-0.6F, 0.8F}}}},
      {{true,
        {{0.45F, -1},
         {-0.2F, -0.6F},
         {-0.6F, 0.2F},
         {-0.4F, 0.85F},
         {0.1F, 1},
         {0.6F, 0.6F},
         {0.4F, 0.1F},
         {-0.1F, 0},
         {-0.55F, 0.4F}}}},
      {{false, {{-0.65F, -1}, {0.65F, -1}}}, {true, {{0.65F, -1}, {0.15F, 0}, {-0.1F, 1}}}},
      {{true,
        {{0, -0.05F},
         {0.5F, -0.45F},
         {0.3F, -0.95F},
         {-0.3F, -0.95F},
         {-0.5F, -0.45F},
         {0, -0.05F},
         {0.6F, 0.45F},
         {0.4F, 0.95F},
         {-0.4F, 0.95F},
         {-0.6F, 0.45F},
         {0, -0.05F}}}},
      {{true,
        {{0.55F, -0.4F},
         {0.1F, 0},
         {-0.4F, -0.1F},
         {-0.55F, -0.6F},
         {-0.1F, -1},
         {0.4F, -0.85F},
         {0.6F, -0.2F},
         {0.3F, 0.6F},
         {-0.3F, 1}}}},
  }};
  return glyphs;
}

// Squared distance of every pixel's centre from the nearest segment drawn so far.
class DistanceField {
 public:
  explicit DistanceField(float reach) : reach_(reach) { squared_.fill(reach * reach); }

  // Only pixels within `reach` of the segment can change.
  void AddSegment(Point a, Point b) {
    const int left = std::max(0, static_cast<int>(std::floor(std::min(a.x, b.x) - reach_)));
    const int right = std::min(kSide - 1, static_cast<int>(std::ceil(std::max(a.x, b.x) + reach_)));
    const int top = std::max(0, static_cast<int>(std::floor(std::min(a.y, b.y) - reach_)));
    const int bottom =
        std::min(kSide - 1, static_cast<int>(std::ceil(std::max(a.y, b.y) + reach_)));
    const float dx = b.x - a.x;
    const float dy = b.y - a.y;
    const float inverse = 1 / (dx * dx + dy * dy + 1e-12F);
    for (int y = top; y <= bottom; ++y) {
      const float py = static_cast<float>(y) - a.y;
      for (int x = left / kLanes * kLanes; x <= right; x += kLanes) {
        float* squared = squared_.data() + y * kPaddedSide + x;
        for (int lane = 0; lane < kLanes; ++lane) {
          const float px = static_cast<float>(x + lane) - a.x;
          float along = (px * dx + py * dy) * inverse;
          along = along < 0 ? 0 : along;
          along = along > 1 ? 1 : along;
          const float ex = px - along * dx;
          const float ey = py - along * dy;
          const float distance = ex * ex + ey * ey;
          squared[lane] = distance < squared[lane] ? distance : squared[lane];
        }
      }
    }
  }

  // Coverage of a pen of this radius, anti-aliased over one pixel, times `ink`.
  void Draw(float radius, float ink, std::span<float> pixels) const {
    for (int y = 0; y < kSide; ++y) {
      const float* squared = squared_.data() + y * kPaddedSide;
      float* row = pixels.data() + y * kSide;
      for (int x = 0; x < kSide; ++x) {
        float cover = radius + 0.5F - std::sqrt(squared[x]);
        cover = cover < 0 ? 0 : cover;
        cover = cover > 1 ? 1 : cover;
        row[x] = ink * cover;
      }
    }
  }

 private:
  float reach_;
  std::array<float, kPaddedSide * kSide> squared_;
};

// Where a glyph's box lands on the pixels.
struct Warp {
  float xx, xy, x0, yx, yy, y0;
  Point operator()(Point p) const { return {xx * p.x + xy * p.y + x0, yx * p.x + yy * p.y + y0}; }
};

// Uniform on [-size, size).
float Spread(RandomStream& stream, double size) {
  return static_cast<float>(size * (2 * stream.NextUniform() - 1));
}

Warp DrawWarp(RandomStream& stream, double distortion) {
  const float angle = Spread(stream, 0.35 * distortion);
  const float shear = Spread(stream, 0.35 * distortion);
  const float width = 9.0F * std::exp(Spread(stream, 0.25 * distortion));
  const float height = 9.0F * std::exp(Spread(stream, 0.2 * distortion));
  const float cosine = std::cos(angle);
  const float sine = std::sin(angle);
  // Scale, then shear along x, then rotation, about the middle.
  Warp warp;
  warp.xx = width * cosine;
  warp.xy = height * (shear * cosine - sine);
  warp.yx = width * sine;
  warp.yy = height * (shear * sine + cosine);
  warp.x0 = (kSide - 1) / 2.0F + Spread(stream, 3 * distortion);
  warp.y0 = (kSide - 1) / 2.0F + Spread(stream, 3 * distortion);
  return warp;
}

constexpr int kPiecesPerSpan = 3;

// Adds the Catmull-Rom span from b to c, whose neighbours are a and d, in straight pieces.
void AddSpan(Point a, Point b, Point c, Point d, DistanceField& field) {
  Point from = b;
  for (int piece = 1; piece <= kPiecesPerSpan; ++piece) {
    const float t = static_cast<float>(piece) / kPiecesPerSpan;
    const float wa = 0.5F * t * (-1 + t * (2 - t));
    const float wb = 0.5F * (2 + t * t * (-5 + 3 * t));
    const float wc = 0.5F * t * (1 + t * (4 - 3 * t));
    const float wd = 0.5F * t * t * (t - 1);
    const Point to = {wa * a.x + wb * b.x + wc * c.x + wd * d.x,
                      wa * a.y + wb * b.y + wc * c.y + wd * d.y};
    field.AddSegment(from, to);
    from = to;
  }
}

void AddStroke(const Stroke& stroke, std::span<const Point> points, DistanceField& field) {
  const int last = static_cast<int>(points.size()) - 1;
  for (int i = 0; i < last; ++i) {
    if (stroke.smooth) {
      AddSpan(points[std::max(i - 1, 0)], points[i], points[i + 1], points[std::min(i + 2, last)],
              field);
    } else {
      field.AddSegment(points[i], points[i + 1]);
    }
  }
}

// The sum of a random word's four bytes is near enough to normal and needs no function calls.
void AddNoise(RandomStream& stream, float noise, std::span<float> pixels) {
  constexpr float kByteSumDeviation = 147.8016F;  // sqrt(4 (256^2 - 1) / 12)
  const float scale = noise / kByteSumDeviation;
  std::array<uint32_t, kPixels> words;
  stream.FillBits(words);
  for (int i = 0; i < kPixels; ++i) {
    const uint32_t pairs = (words[i] & 0x00ff00ff) + (words[i] >> 8 & 0x00ff00ff);
    const auto sum = static_cast<int32_t>((pairs + (pairs >> 16)) & 0xffff);
    const float pixel = pixels[i] + scale * static_cast<float>(sum - 510);
    pixels[i] = std::clamp(pixel, 0.0F, 1.0F);
  }
}

class GlyphsDataset final : public Dataset {
 public:
  explicit GlyphsDataset(const v1::GlyphsSource& source)
      : seed_(source.seed()),
        first_(static_cast<int64_t>(source.first())),
        noise_(source.noise()),
        distortion_(source.distortion()) {
    info_.examples = static_cast<int64_t>(source.count());
    info_.features = kPixels;
    info_.channels = 1;
    info_.height = info_.width = kSide;
    SetClasses(kClasses, info_);
    info_.checksum =
        Crc32c(absl::StrFormat("glyphs %d %d %d %d %.17g %.17g", kVersion, source.count(),
                               source.first(), seed_, noise_, distortion_));
  }

  absl::StatusOr<Examples> Load(int64_t begin, int64_t end) const override {
    if (absl::Status range = CheckLoad(begin, end); !range.ok()) return range;
    Examples examples;
    examples.rows = end - begin;
    examples.features = kPixels;
    examples.dense.resize(examples.rows * kPixels);
    examples.targets.reserve(examples.rows);
    for (int64_t i = 0; i < examples.rows; ++i) {
      const int64_t example = first_ + begin + i;
      const int label = BalancedLabel(seed_, example, kClasses);
      Render(Glyphs()[label], example,
             std::span<float>(examples.dense).subspan(i * kPixels, kPixels));
      examples.targets.push_back(static_cast<float>(label));
    }
    return examples;
  }

 private:
  void Render(const Glyph& glyph, int64_t example, std::span<float> pixels) const {
    RandomStream stream(seed_, Purpose::kGeneratedData, static_cast<uint64_t>(example), kFeatures);
    const Warp warp = DrawWarp(stream, distortion_);
    const float radius = 1.2F + Spread(stream, 0.5);
    const float ink = 0.85F + Spread(stream, 0.15);
    DistanceField field(radius + 0.5F);
    std::vector<Point> points;
    for (const Stroke& stroke : glyph) {
      points.clear();
      for (const Point& p : stroke.points) {
        points.push_back(warp(
            {p.x + Spread(stream, 0.12 * distortion_), p.y + Spread(stream, 0.12 * distortion_)}));
      }
      AddStroke(stroke, points, field);
    }
    field.Draw(radius, ink, pixels);
    if (noise_ > 0) AddNoise(stream, static_cast<float>(noise_), pixels);
  }

  uint64_t seed_;
  int64_t first_;
  double noise_;
  double distortion_;
};

constexpr NumberField kNumbers[] = {
    {"count", kCountRange, 60'000}, {"first", kFirstRange},          {"seed", {}, 1},
    {"noise", kSizeRange, 0.15},    {"distortion", Within(0, 4), 1},
};

}  // namespace

extern const SourceKind kGlyphsSource = {
    .spec = {.kind = v1::DataSource::kGlyphs, .numbers = kNumbers},
    .open = [](const v1::DataSource& source, const std::string& /*field*/,
               const std::string& /*base_folder*/) -> DatasetOr {
      return std::make_unique<GlyphsDataset>(source.glyphs());
    }};

}  // namespace gradloom
