// Reductions over a contiguous row that several loops share.
#ifndef VIDYA_OPENBLAS_SIMD_ROW_H
#define VIDYA_OPENBLAS_SIMD_ROW_H

#include "vec.h"

namespace vob {
namespace VOB_ISA {

/* Sum of f(0), f(1), ... where `vec(i)` gives the lanes from i on and `one(i)` a single term.
 * Blocks of 2048 terms are added in four vector accumulators, the block sums in double. */
template <class T, class VecTerm, class OneTerm>
static inline double blocked_sum(int64_t n, VecTerm vec, OneTerm one) {
  constexpr int64_t L = kLanes<T>, kBlock = 2048;
  double total = 0;
  int64_t i = 0;
  while (i + L <= n) {
    int64_t end = i + kBlock < n ? i + kBlock : n;
    Vec<T> a0{}, a1{}, a2{}, a3{};
    for (; i + 4 * L <= end; i += 4 * L) {
      a0 += vec(i);
      a1 += vec(i + L);
      a2 += vec(i + 2 * L);
      a3 += vec(i + 3 * L);
    }
    for (; i + L <= end; i += L) a0 += vec(i);
    total += double(lane_sum<T>((a0 + a1) + (a2 + a3)));
  }
  T rest = 0;
  for (; i < n; ++i) rest += one(i);
  return total + double(rest);
}

template <class T>
static inline double row_sum(const T *x, int64_t n) {
  return blocked_sum<T>(
      n, [=](int64_t i) { return load(x + i); }, [=](int64_t i) { return x[i]; });
}
template <class T>
static inline double row_dot(const T *x, const T *y, int64_t n) {
  return blocked_sum<T>(
      n, [=](int64_t i) { return load(x + i) * load(y + i); },
      [=](int64_t i) { return x[i] * y[i]; });
}

/* The largest element; NaN if there is one; -inf of nothing. */
template <class T>
static inline T row_max(const T *x, int64_t n) {
  constexpr int64_t L = kLanes<T>;
  T best = T(-__builtin_inf());
  bool nan = false;
  int64_t i = 0;
  if (n >= L) {
    Vec<T> a = splat(best), b = a, c = a, d = a;
    Vec<T> bad = splat(T(0)), bad1 = bad;  // x - x is 0 but for inf and NaN, whose sum stays NaN
    auto take = [](Vec<T> v, Vec<T> m) { return v > m ? v : m; };
    for (; i + 4 * L <= n; i += 4 * L) {
      Vec<T> v0 = load(x + i), v1 = load(x + i + L), v2 = load(x + i + 2 * L),
             v3 = load(x + i + 3 * L);
      a = take(v0, a), b = take(v1, b), c = take(v2, c), d = take(v3, d);
      bad = (v0 != v0) | (v1 != v1) ? v0 + v1 : bad;
      bad1 = (v2 != v2) | (v3 != v3) ? v2 + v3 : bad1;
    }
    for (; i + L <= n; i += L) {
      Vec<T> v = load(x + i);
      a = take(v, a);
      bad = v != v ? v : bad;
    }
    a = take(take(c, d), take(a, b));
    bad = bad1 != bad1 ? bad1 : bad;
    for (int64_t j = 0; j < L; ++j) {
      best = a[j] > best ? a[j] : best;
      nan |= bad[j] != bad[j];
    }
  }
  for (; i < n; ++i) {
    best = x[i] > best ? x[i] : best;
    nan |= x[i] != x[i];
  }
  return nan ? T(__builtin_nan("")) : best;
}

}  // namespace VOB_ISA
}  // namespace vob

#endif
