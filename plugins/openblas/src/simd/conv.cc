// The inner loops of convolution: sums of products over rows that lie anywhere, kept in registers.
#include "parts.h"

namespace vob {
namespace VOB_ISA {
namespace {

/* out[m][i] = bias[m] + sum over k of a[k * 8 + m] * rows[k][i], for i < V vectors (the last of
 * them holding `last` pixels) and m < M.  Rows may be read to the end of their last vector. */
template <class T, int M, int V>
void block(T* out, int64_t ldo, const T* a, const T* const* rows, int64_t at, int64_t k,
           const T* bias, int64_t last) {
  constexpr int64_t L = kLanes<T>;
  Vec<T> acc[M][V];
  for (int m = 0; m < M; ++m)
    for (int v = 0; v < V; ++v) acc[m][v] = splat(bias ? bias[m] : T(0));
  for (int64_t j = 0; j < k; ++j, a += 8) {
    const T* p = rows[j] + at;
    Vec<T> x[V];
    for (int v = 0; v < V; ++v) x[v] = load(p + v * L);
#pragma GCC unroll 8
    for (int m = 0; m < M; ++m) {
      const Vec<T> w = a[m] - Vec<T>{};  // splat, without the addition that keeps -0
#pragma GCC unroll 4
      for (int v = 0; v < V; ++v) acc[m][v] += w * x[v];
    }
  }
  for (int m = 0; m < M; ++m) {
    for (int v = 0; v < V - 1; ++v) store(out + m * ldo + v * L, acc[m][v]);
    T* end = out + m * ldo + (V - 1) * L;
    if (last == L) {
      store(end, acc[m][V - 1]);
    } else {
      store_tail(end, last, acc[m][V - 1]);
    }
  }
}

template <class T, int M>
void line(T* out, int64_t ldo, const T* a, const T* const* rows, int64_t k, int64_t n,
          const T* bias) {
  constexpr int64_t L = kLanes<T>;
  // what the registers hold: 32 of AVX-512, 16 of the others
  constexpr int kMost = kVecBytes == 64 ? (M > 4 ? 3 : 4) : (M > 4 ? 1 : 2);
  for (int64_t at = 0; at < n;) {
    const int64_t left = (n - at + L - 1) / L;
    int64_t take = left < kMost ? left : kMost;
    if (kMost == 3 && left == 4) take = 2;  // two and two instead of three and one
    const int64_t end = at + take * L, last = end <= n ? L : n - (end - L);
    T* to = out + at;
    if (take == 1) block<T, M, 1>(to, ldo, a, rows, at, k, bias, last);
    if constexpr (kMost > 1)
      if (take == 2) block<T, M, 2>(to, ldo, a, rows, at, k, bias, last);
    if constexpr (kMost > 2)
      if (take == 3) block<T, M, 3>(to, ldo, a, rows, at, k, bias, last);
    if constexpr (kMost > 3)
      if (take == 4) block<T, M, 4>(to, ldo, a, rows, at, k, bias, last);
    at = end;
  }
}

template <class T>
void conv_line(T* out, int64_t ldo, const T* a, int m, const T* const* rows, int64_t k, int64_t n,
               const T* bias) {
  switch (m) {
    case 1:
      return line<T, 1>(out, ldo, a, rows, k, n, bias);
    case 2:
      return line<T, 2>(out, ldo, a, rows, k, n, bias);
    case 3:
      return line<T, 3>(out, ldo, a, rows, k, n, bias);
    case 4:
      return line<T, 4>(out, ldo, a, rows, k, n, bias);
    case 5:
      return line<T, 5>(out, ldo, a, rows, k, n, bias);
    case 6:
      return line<T, 6>(out, ldo, a, rows, k, n, bias);
    case 7:
      return line<T, 7>(out, ldo, a, rows, k, n, bias);
    default:
      return line<T, 8>(out, ldo, a, rows, k, n, bias);
  }
}

/* to[m * ldt + j] += sum over y, i of g[m][y * gstep + i] * x[j][y * xstep + i]. */
template <class T, int M, int J>
void products(T* to, int64_t ldt, const T* const* g, int64_t gstep, const T* const* x,
              int64_t xstep, int64_t lines, int64_t n) {
  constexpr int64_t L = kLanes<T>;
  Vec<T> acc[M][J];
  for (int m = 0; m < M; ++m)
    for (int j = 0; j < J; ++j) acc[m][j] = Vec<T>{};
  auto step = [&](auto from_g, auto from_x) {
    Vec<T> p[M];
    for (int m = 0; m < M; ++m) p[m] = from_g(m);
#pragma GCC unroll 4
    for (int j = 0; j < J; ++j) {
      const Vec<T> q = from_x(j);
#pragma GCC unroll 4
      for (int m = 0; m < M; ++m) acc[m][j] += p[m] * q;
    }
  };
  for (int64_t y = 0; y < lines; ++y) {
    int64_t i = 0;
    for (; i + L <= n; i += L)
      step([&](int m) { return load(g[m] + y * gstep + i); },
           [&](int j) { return load(x[j] + y * xstep + i); });
    if (i < n)
      step([&](int m) { return load_tail(g[m] + y * gstep + i, n - i, T(0)); },
           [&](int j) { return load_tail(x[j] + y * xstep + i, n - i, T(0)); });
  }
  for (int m = 0; m < M; ++m)
    for (int j = 0; j < J; ++j) to[m * ldt + j] += lane_sum<T>(acc[m][j]);
}

template <class T>
void conv_products(T* to, int64_t ldt, const T* const* g, int64_t gstep, int64_t m,
                   const T* const* x, int64_t xstep, int64_t count, int64_t lines, int64_t n) {
  constexpr int kJ = kVecBytes == 64 ? 4 : 2;
  for (int64_t a = 0; a < m;) {
    const bool four = a + 4 <= m;
    for (int64_t j = 0; j < count;) {
      const bool many = j + kJ <= count;
      T* at = to + a * ldt + j;
      if (four && many) products<T, 4, kJ>(at, ldt, g + a, gstep, x + j, xstep, lines, n);
      if (four && !many) products<T, 4, 1>(at, ldt, g + a, gstep, x + j, xstep, lines, n);
      if (!four && many) products<T, 1, kJ>(at, ldt, g + a, gstep, x + j, xstep, lines, n);
      if (!four && !many) products<T, 1, 1>(at, ldt, g + a, gstep, x + j, xstep, lines, n);
      j += many ? kJ : 1;
    }
    a += four ? 4 : 1;
  }
}

/* to[j * ldt + o] += sum over y, i of g[(y * n + i) * ldg + o] * x[j][y * xstep + i], for o below
 * V vectors and j < J. */
template <class T, int V, int J>
void outer(T* to, int64_t ldt, const T* g, int64_t ldg, const T* const* x, int64_t xstep,
           int64_t lines, int64_t n) {
  constexpr int64_t L = kLanes<T>;
  Vec<T> acc[J][V];
  for (int j = 0; j < J; ++j)
    for (int v = 0; v < V; ++v) acc[j][v] = Vec<T>{};
  const T* row[J];
  for (int j = 0; j < J; ++j) row[j] = x[j];
  for (int64_t y = 0; y < lines; ++y) {
    for (int64_t i = 0; i < n; ++i, g += ldg) {
      Vec<T> p[V];
      for (int v = 0; v < V; ++v) p[v] = load(g + v * L);
#pragma GCC unroll 8
      for (int j = 0; j < J; ++j) {
        const Vec<T> q = row[j][i] - Vec<T>{};
#pragma GCC unroll 4
        for (int v = 0; v < V; ++v) acc[j][v] += p[v] * q;
      }
    }
    for (int j = 0; j < J; ++j) row[j] += xstep;
  }
  for (int j = 0; j < J; ++j)
    for (int v = 0; v < V; ++v) {
      T* at = to + j * ldt + v * L;
      store(at, load(at) + acc[j][v]);
    }
}

template <class T>
void conv_outer(T* to, int64_t ldt, const T* g, int64_t ldg, const T* const* x, int64_t xstep,
                int64_t count, int64_t lines, int64_t n) {
  constexpr int64_t L = kLanes<T>;
  constexpr int V = kVecBytes == 64 ? 4 : 2, J = 6;
  for (int64_t o = 0; o < ldg;) {
    const bool full = o + V * L <= ldg;
    for (int64_t j = 0; j < count;) {
      const bool many = j + J <= count;
      T* at = to + j * ldt + o;
      if (full && many) outer<T, V, J>(at, ldt, g + o, ldg, x + j, xstep, lines, n);
      if (full && !many) outer<T, V, 1>(at, ldt, g + o, ldg, x + j, xstep, lines, n);
      if (!full && many) outer<T, 1, J>(at, ldt, g + o, ldg, x + j, xstep, lines, n);
      if (!full && !many) outer<T, 1, 1>(at, ldt, g + o, ldg, x + j, xstep, lines, n);
      j += many ? J : 1;
    }
    o += full ? V * L : L;
  }
}

}  // namespace

void fill_conv(Simd& s) {
  s.conv_line32 = conv_line<float>, s.conv_line64 = conv_line<double>;
  s.conv_outer32 = conv_outer<float>, s.conv_outer64 = conv_outer<double>;
  s.conv_products32 = conv_products<float>, s.conv_products64 = conv_products<double>;
}

}  // namespace VOB_ISA
}  // namespace vob
