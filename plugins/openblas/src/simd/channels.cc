// One run of a channel in batch, group and instance norm: sums about a mean, and their use.
#include "parts.h"
#include "row.h"

namespace vob {
namespace VOB_ISA {
namespace {

/* The sum of (x - mean)^2. */
template <class T>
double squares_about(const T* x, int64_t n, double mean) {
  const T centre = T(mean);
  return blocked_sum<T>(n, [=](auto at) {
    const Vec<T> d = at(x, centre) - centre;
    return d * d;
  });
}
/* The sum of g (x - mean). */
template <class T>
double products_about(const T* g, const T* x, int64_t n, double mean) {
  const T centre = T(mean);
  return blocked_sum<T>(n, [=](auto at) { return at(g) * (at(x, centre) - centre); });
}
/* y = (x - mean) scale + shift */
template <class T>
void normalized(T* y, const T* x, int64_t n, double mean, double scale, double shift) {
  const T m = T(mean), a = T(scale), b = T(shift);
#pragma GCC ivdep
  for (int64_t i = 0; i < n; ++i) y[i] = (x[i] - m) * a + b;
}
/* dx = g a + (x - mean) b + c */
template <class T>
void normalized_backward(T* dx, const T* g, const T* x, int64_t n, double mean, double scale,
                         double slope, double shift) {
  const T m = T(mean), a = T(scale), b = T(slope), c = T(shift);
#pragma GCC ivdep
  for (int64_t i = 0; i < n; ++i) dx[i] = g[i] * a + ((x[i] - m) * b + c);
}

}  // namespace

void fill_channels(Simd& s) {
  s.channels32 = {row_sum<float>, squares_about<float>, products_about<float>, normalized<float>,
                  normalized_backward<float>};
  s.channels64 = {row_sum<double>, squares_about<double>, products_about<double>,
                  normalized<double>, normalized_backward<double>};
}

}  // namespace VOB_ISA
}  // namespace vob
