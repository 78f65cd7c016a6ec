// The inner loops of pooling: one element of the window for a line of results.
#include "parts.h"

namespace vob {
namespace VOB_ISA {
namespace {

/* best[i], where[i] against x[i * stride], which is element first + i * stride of its plane.  A
 * NaN is the largest, the first one counts, and where < 0 means that nothing was met so far. */
template <class T, int S>
void max_tap(T* best, Int<T>* where, const T* x, int64_t n, int64_t stride, int64_t first) {
  const int64_t step = S ? S : stride;
#pragma GCC ivdep
  for (int64_t i = 0; i < n; ++i) {
    const T v = x[i * step], b = best[i];
    const bool take = (v > b) | ((v != v) & (b == b)) | (where[i] < 0);
    best[i] = take ? v : b;
    where[i] = take ? Int<T>(first) + Int<T>(i * step) : where[i];
  }
}
template <class T>
void max_line(T* best, Int<T>* where, const T* x, int64_t n, int64_t stride, int64_t first) {
  if (stride == 1) return max_tap<T, 1>(best, where, x, n, stride, first);
  if (stride == 2) return max_tap<T, 2>(best, where, x, n, stride, first);
  max_tap<T, 0>(best, where, x, n, stride, first);
}

template <class T, int S>
void add_tap(T* sum, const T* x, int64_t n, int64_t stride) {
  const int64_t step = S ? S : stride;
#pragma GCC ivdep
  for (int64_t i = 0; i < n; ++i) sum[i] += x[i * step];
}
template <class T>
void add_line(T* sum, const T* x, int64_t n, int64_t stride) {
  if (stride == 1) return add_tap<T, 1>(sum, x, n, stride);
  if (stride == 2) return add_tap<T, 2>(sum, x, n, stride);
  add_tap<T, 0>(sum, x, n, stride);
}

}  // namespace

void fill_pool(Simd& s) {
  s.max_line32 = max_line<float>, s.max_line64 = max_line<double>;
  s.add_line32 = add_line<float>, s.add_line64 = add_line<double>;
}

}  // namespace VOB_ISA
}  // namespace vob
