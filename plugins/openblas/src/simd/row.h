// Reductions over a contiguous row that several loops share.
#ifndef VIDYA_OPENBLAS_SIMD_ROW_H
#define VIDYA_OPENBLAS_SIMD_ROW_H

#include "vec.h"

namespace vob {
namespace VOB_ISA {

/* Sum of the terms of a row: `term(load)` gives the terms from the lanes that load(pointer, fill)
 * reads, where `fill`, 0 unless given, stands in for what lies behind the end.  Blocks of 2048
 * terms are added in four vector accumulators, the block sums in double. */
template <class T, class Term>
static inline double blocked_sum(int64_t n, Term term) {
  constexpr int64_t L = kLanes<T>, kBlock = 2048;
  auto full = [&](int64_t i) { return term([i](const T* p, T = T(0)) { return load(p + i); }); };
  double total = 0;
  int64_t i = 0;
  do {
    const int64_t end = i + kBlock < n ? i + kBlock : n;
    Vec<T> a0{}, a1{}, a2{}, a3{};
    for (; i + 4 * L <= end; i += 4 * L) {
      a0 += full(i);
      a1 += full(i + L);
      a2 += full(i + 2 * L);
      a3 += full(i + 3 * L);
    }
    for (; i + L <= end; i += L) a0 += full(i);
    if (i < end) {
      const int64_t rest = end - i;
      a1 += term([=](const T* p, T fill = T(0)) { return load_tail(p + i, rest, fill); });
      i = end;
    }
    total += double(lane_sum<T>((a0 + a1) + (a2 + a3)));
  } while (i < n);
  return total;
}

template <class T>
static inline double row_sum(const T* x, int64_t n) {
  return blocked_sum<T>(n, [=](auto load) { return load(x); });
}
template <class T>
static inline double row_dot(const T* x, const T* y, int64_t n) {
  return blocked_sum<T>(n, [=](auto load) { return load(x) * load(y); });
}

/* The largest element, or the smallest; NaN if there is one; -inf, or inf, of nothing. */
template <class T, bool Largest>
static inline T row_extreme(const T* x, int64_t n) {
  constexpr int64_t L = kLanes<T>;
  using I = Int<T>;
  // A NaN loses every comparison; it is found by its magnitude as an integer, above infinity's.
  const Vec<I> magnitude = splat(I(~(I(1) << (sizeof(T) * 8 - 1))));
  const T none = T(Largest ? -__builtin_inf() : __builtin_inf());
  Vec<T> m0 = splat(none), m1 = m0;
  Vec<I> b0{}, b1{};
  auto better = [](Vec<T> v, Vec<T> m) {
    if constexpr (Largest) return v > m ? v : m;
    if constexpr (!Largest) return v < m ? v : m;
  };
  auto take = [&](Vec<T> v, Vec<T>& m, Vec<I>& b) {
    m = better(v, m);
    Vec<I> u = (Vec<I>)v & magnitude;
    b = u > b ? u : b;
  };
  int64_t i = 0;
  for (; i + 2 * L <= n; i += 2 * L) {
    take(load(x + i), m0, b0);
    take(load(x + i + L), m1, b1);
  }
  if (i + L <= n) {
    take(load(x + i), m0, b0);
    i += L;
  }
  if (i < n) take(load_tail(x + i, n - i, none), m1, b1);
  m0 = better(m1, m0);
  b0 = b1 > b0 ? b1 : b0;
  const I most = lane_fold<I>(b0, [](Vec<I> p, Vec<I> q) { return p > q ? p : q; });
  if (most > bits<I>(T(__builtin_inf()))) return T(__builtin_nan(""));
  return lane_fold<T>(m0, better);
}
template <class T>
static inline T row_max(const T* x, int64_t n) {
  return row_extreme<T, true>(x, n);
}

/* y[i] = f(x[i]) in whole vectors, the last one padded. */
template <class T, class F>
static inline void map_row(T* y, const T* x, int64_t n, F f) {
  constexpr int64_t L = kLanes<T>;
  const int64_t whole = n / L * L;
#pragma GCC ivdep
  for (int64_t i = 0; i < whole; ++i) y[i] = f(x[i]);
  if (whole == n) return;
  T in[L], out[L];
  store(in, load_tail(x + whole, n - whole, T(0)));
  for (int64_t i = 0; i < L; ++i) out[i] = f(in[i]);
  store_tail(y + whole, n - whole, load(out));
}

}  // namespace VOB_ISA
}  // namespace vob

#endif
