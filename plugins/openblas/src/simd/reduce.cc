// Sums and extrema of contiguous rows and of columns.
#include "parts.h"
#include "row.h"

namespace vob {
namespace VOB_ISA {
namespace {

double sum32(const float* x, int64_t n) { return row_sum(x, n); }
double sum64(const double* x, int64_t n) { return row_sum(x, n); }
float max32(const float* x, int64_t n) { return row_max(x, n); }

float min32(const float* x, int64_t n) { return row_extreme<float, false>(x, n); }

}  // namespace

void add_rows(double* acc, const float* x, int64_t n, int64_t rows, int64_t stride) {
  int64_t r = 0;
  for (; r + 8 <= rows; r += 8, x += 8 * stride) {
    const float *a = x, *b = a + stride, *c = b + stride, *d = c + stride, *e = d + stride,
                *f = e + stride, *g = f + stride, *h = g + stride;
#pragma GCC ivdep
    for (int64_t j = 0; j < n; ++j) {
      float s = ((a[j] + b[j]) + (c[j] + d[j])) + ((e[j] + f[j]) + (g[j] + h[j]));
      acc[j] += double(s);
    }
  }
  for (; r < rows; ++r, x += stride) {
#pragma GCC ivdep
    for (int64_t j = 0; j < n; ++j) acc[j] += double(x[j]);
  }
}

void fill_reduce(Simd& s) {
  s.sum32 = sum32;
  s.sum64 = sum64;
  s.max32 = max32;
  s.min32 = min32;
  fill_reduce_table(s);
}

}  // namespace VOB_ISA
}  // namespace vob
