// Convolution's rearrangement of one image, of one instruction-set level.
#include "models/kernels/level.h"

namespace gradloom::GRADLOOM_LEVEL {
namespace {

// The outputs [first, last) of one dimension whose window position `offset` lies inside the input.
struct Inside {
  int64_t first, last;
};

Inside InsideOf(int64_t size, int64_t outputs, int64_t stride, int64_t offset) {
  // 0 <= o * stride + offset < size
  const int64_t first = offset >= 0 ? 0 : (-offset + stride - 1) / stride;
  const int64_t end = size - offset <= 0 ? 0 : (size - offset - 1) / stride + 1;
  const int64_t last = end < outputs ? end : outputs;
  return {first < last ? first : last, last};
}

}  // namespace

void Im2Col(const Window& w, const float* image, float* columns) {
  const int64_t out_height = w.out_height(), out_width = w.out_width(), stride = w.stride;
  for (int64_t channel = 0; channel < w.channels; ++channel) {
    for (int64_t row = 0; row < w.kernel; ++row) {
      for (int64_t column = 0; column < w.kernel; ++column) {
        const int64_t dy = row - w.padding, dx = column - w.padding;
        const Inside inside = InsideOf(w.width, out_width, stride, dx);
        for (int64_t y = 0; y < out_height; ++y, columns += out_width) {
          const int64_t from = y * stride + dy;
          if (from < 0 || from >= w.height) {
            for (int64_t x = 0; x < out_width; ++x) columns[x] = 0;
            continue;
          }
          const float* const line = image + from * w.width + dx;
          for (int64_t x = 0; x < inside.first; ++x) columns[x] = 0;
          if (stride == 1) {
            for (int64_t x = inside.first; x < inside.last; ++x) columns[x] = line[x];
          } else {
            for (int64_t x = inside.first; x < inside.last; ++x) columns[x] = line[x * stride];
          }
          for (int64_t x = inside.last; x < out_width; ++x) columns[x] = 0;
        }
      }
    }
    image += w.height * w.width;
  }
}

void Col2ImAdd(const Window& w, const float* columns, float* image) {
  const int64_t out_height = w.out_height(), out_width = w.out_width(), stride = w.stride;
  for (int64_t channel = 0; channel < w.channels; ++channel) {
    for (int64_t row = 0; row < w.kernel; ++row) {
      for (int64_t column = 0; column < w.kernel; ++column) {
        const int64_t dy = row - w.padding, dx = column - w.padding;
        const Inside inside = InsideOf(w.width, out_width, stride, dx);
        for (int64_t y = 0; y < out_height; ++y, columns += out_width) {
          const int64_t to = y * stride + dy;
          if (to < 0 || to >= w.height) continue;
          float* const line = image + to * w.width + dx;
          if (stride == 1) {
            for (int64_t x = inside.first; x < inside.last; ++x) line[x] += columns[x];
          } else {
            for (int64_t x = inside.first; x < inside.last; ++x) line[x * stride] += columns[x];
          }
        }
      }
    }
    image += w.height * w.width;
  }
}

}  // namespace gradloom::GRADLOOM_LEVEL
