// Matrix-vector products and products too small for OpenBLAS's packing.
#include "halves.h"
#include "parts.h"
#include "row.h"

namespace vob {
namespace VOB_ISA {
namespace {

/* Four rows at a time share the loads of x; long rows are taken one after the other, because memory
 * that is read in several places at a time comes at half the speed. */
constexpr int64_t kLongRow = 512;
constexpr int64_t kManyRows = 64;  // short ones: asked for ahead of time
template <class T, class Row, class LoadVec, class LoadOne>
inline void dot_rows(T* y, int64_t ystride, const Row* a, int64_t stride, const T* x, int64_t rows,
                     int64_t n, LoadVec vec, LoadOne one) {
  constexpr int64_t L = kLanes<T>;
  const bool longer = n >= kLongRow, far = rows >= kManyRows && stride < 2 * n;
  int64_t r = 0;
  for (; !longer && r + 4 <= rows; r += 4) {
    const Row *p = a + r * stride, *q = p + stride, *s = q + stride, *t = s + stride;
    if (far)
      for (const Row* at = p + 2 * kLongRow; at < p + 2 * kLongRow + 4 * stride;
           at += 64 / sizeof(Row))
        __builtin_prefetch(at);
    Vec<T> a0{}, a1{}, a2{}, a3{}, b0{}, b1{}, b2{}, b3{};
    int64_t i = 0;
    for (; i + 2 * L <= n; i += 2 * L) {
      Vec<T> v = load(x + i), w = load(x + i + L);
      a0 += vec(p + i) * v, b0 += vec(p + i + L) * w;
      a1 += vec(q + i) * v, b1 += vec(q + i + L) * w;
      a2 += vec(s + i) * v, b2 += vec(s + i + L) * w;
      a3 += vec(t + i) * v, b3 += vec(t + i + L) * w;
    }
    T s0 = lane_sum<T>(a0 + b0), s1 = lane_sum<T>(a1 + b1), s2 = lane_sum<T>(a2 + b2),
      s3 = lane_sum<T>(a3 + b3);
    for (; i < n; ++i) {
      s0 += one(p[i]) * x[i], s1 += one(q[i]) * x[i];
      s2 += one(s[i]) * x[i], s3 += one(t[i]) * x[i];
    }
    y[r * ystride] = s0, y[(r + 1) * ystride] = s1;
    y[(r + 2) * ystride] = s2, y[(r + 3) * ystride] = s3;
  }
  for (; r < rows; ++r) {
    const Row* p = a + r * stride;
    Vec<T> a0{}, b0{}, c0{}, d0{};
    int64_t i = 0;
    for (; i + 4 * L <= n; i += 4 * L) {
      a0 += vec(p + i) * load(x + i);
      b0 += vec(p + i + L) * load(x + i + L);
      c0 += vec(p + i + 2 * L) * load(x + i + 2 * L);
      d0 += vec(p + i + 3 * L) * load(x + i + 3 * L);
    }
    for (; i + L <= n; i += L) a0 += vec(p + i) * load(x + i);
    a0 += c0, b0 += d0;
    T s0 = lane_sum<T>(a0 + b0);
    for (; i < n; ++i) s0 += one(p[i]) * x[i];
    y[r * ystride] = s0;
  }
}

template <class T>
void dot_rows_plain(T* y, int64_t ystride, const T* a, int64_t stride, const T* x, int64_t rows,
                    int64_t n) {
  dot_rows(
      y, ystride, a, stride, x, rows, n, [](const T* p) { return load(p); }, [](T v) { return v; });
}

void dot_rows_bf16(float* y, int64_t ystride, const uint16_t* a, int64_t stride, const float* x,
                   int64_t rows, int64_t n) {
  dot_rows(y, ystride, a, stride, x, rows, n, load_bf16,
           [](uint16_t h) { return bits<float>(uint32_t(h) << 16); });
}
void dot_rows_f16(float* y, int64_t ystride, const uint16_t* a, int64_t stride, const float* x,
                  int64_t rows, int64_t n) {
  dot_rows(y, ystride, a, stride, x, rows, n, load_f16, one_f16);
}

template <class T>
void axpy_rows(T* y, const T* a, int64_t stride, const T* x, int64_t xstride, int64_t rows,
               int64_t n) {
  int64_t r = 0;
  const bool far = rows >= kManyRows && stride < kLongRow;
  for (; r + 4 <= rows; r += 4, a += 4 * stride) {
    const T *p = a, *q = p + stride, *s = q + stride, *t = s + stride;
    if (far)
      for (const T* at = p + 2 * kLongRow; at < p + 2 * kLongRow + 4 * stride; at += 64 / sizeof(T))
        __builtin_prefetch(at);
    T x0 = x[r * xstride], x1 = x[(r + 1) * xstride], x2 = x[(r + 2) * xstride],
      x3 = x[(r + 3) * xstride];
#pragma GCC ivdep
    for (int64_t j = 0; j < n; ++j) y[j] += (p[j] * x0 + q[j] * x1) + (s[j] * x2 + t[j] * x3);
  }
  for (; r < rows; ++r, a += stride) {
    T x0 = x[r * xstride];
#pragma GCC ivdep
    for (int64_t j = 0; j < n; ++j) y[j] += a[j] * x0;
  }
}

inline float root(float x) { return __builtin_sqrtf(x); }
inline double root(double x) { return __builtin_sqrt(x); }

struct Product {
  template <class V, class T>
  static V add(V sum, V b, T a) {
    return sum + b * a;
  }
};
struct SquaredDifference {
  template <class V, class T>
  static V add(V sum, V b, T a) {
    const V away = b - a;
    return sum + away * away;
  }
};

/* R rows by V vectors of C in registers; the last vector of a row may be partial. */
template <class Op, class T, int R, int V>
inline void tile(T* c, int64_t ldc, const T* a, int64_t sa0, int64_t sa1, const T* b, int64_t ldb,
                 int64_t k) {
  constexpr int64_t L = kLanes<T>;
  Vec<T> acc[R][V] = {};
  for (int64_t p = 0; p < k; ++p) {
    Vec<T> bv[V];
    for (int v = 0; v < V; ++v) bv[v] = load(b + p * ldb + v * L);
    for (int r = 0; r < R; ++r)
      for (int v = 0; v < V; ++v) acc[r][v] = Op::add(acc[r][v], bv[v], a[r * sa0 + p * sa1]);
  }
  for (int r = 0; r < R; ++r)
    for (int v = 0; v < V; ++v) store(c + r * ldc + v * L, acc[r][v]);
}
template <class Op, class T, int R>
inline void tail(T* c, int64_t ldc, const T* a, int64_t sa0, int64_t sa1, const T* b, int64_t ldb,
                 int64_t n, int64_t k) {
  Vec<T> acc[R] = {};
  for (int64_t p = 0; p < k; ++p) {
    const Vec<T> bv = load_tail(b + p * ldb, n, T(0));
    for (int r = 0; r < R; ++r) acc[r] = Op::add(acc[r], bv, a[r * sa0 + p * sa1]);
  }
  for (int r = 0; r < R; ++r) store_tail(c + r * ldc, n, acc[r]);
}
template <class Op, class T, int R>
inline void strip(T* c, int64_t ldc, const T* a, int64_t sa0, int64_t sa1, const T* b, int64_t ldb,
                  int64_t n, int64_t k) {
  constexpr int64_t L = kLanes<T>;
  int64_t j = 0;
  for (; j + 2 * L <= n; j += 2 * L) tile<Op, T, R, 2>(c + j, ldc, a, sa0, sa1, b + j, ldb, k);
  for (; j + L <= n; j += L) tile<Op, T, R, 1>(c + j, ldc, a, sa0, sa1, b + j, ldb, k);
  if (j < n) tail<Op, T, R>(c + j, ldc, a, sa0, sa1, b + j, ldb, n - j, k);
}
template <class Op, class T>
void by_strips(T* c, int64_t ldc, const T* a, int64_t sa0, int64_t sa1, const T* b, int64_t ldb,
               int64_t m, int64_t n, int64_t k) {
  int64_t i = 0;
  for (; i + 4 <= m; i += 4) strip<Op, T, 4>(c + i * ldc, ldc, a + i * sa0, sa0, sa1, b, ldb, n, k);
  for (; i < m; ++i) strip<Op, T, 1>(c + i * ldc, ldc, a + i * sa0, sa0, sa1, b, ldb, n, k);
}

template <class T>
void small_gemm(T* c, int64_t ldc, const T* a, int64_t sa0, int64_t sa1, const T* b, int64_t ldb,
                int64_t m, int64_t n, int64_t k) {
  by_strips<Product>(c, ldc, a, sa0, sa1, b, ldb, m, n, k);
}

template <class T>
void distances(T* c, const T* a, const T* b, int64_t m, int64_t n, int64_t k) {
  by_strips<SquaredDifference>(c, n, a, k, 1, b, n, m, n, k);
  for (int64_t j = 0; j < m * n; ++j) c[j] = root(c[j]);
}

/* Rows of a less rows of b, weighted: R rows by V vectors in registers. */
template <class T, int R, int V>
inline void pull_tile(T* c, const T* w, int64_t p, const T* a, const T* b, int64_t n) {
  constexpr int64_t L = kLanes<T>;
  Vec<T> acc[R][V] = {}, own[R][V];
  for (int r = 0; r < R; ++r)
    for (int v = 0; v < V; ++v) own[r][v] = load(a + r * n + v * L);
  for (int64_t j = 0; j < p; ++j)
    for (int v = 0; v < V; ++v) {
      const Vec<T> bv = load(b + j * n + v * L);
      for (int r = 0; r < R; ++r) acc[r][v] += (own[r][v] - bv) * w[r * p + j];
    }
  for (int r = 0; r < R; ++r)
    for (int v = 0; v < V; ++v) store(c + r * n + v * L, acc[r][v]);
}
template <class T, int R>
inline void pull_strip(T* c, const T* w, int64_t p, const T* a, const T* b, int64_t n) {
  constexpr int64_t L = kLanes<T>;
  constexpr int V = kVecBytes == 64 ? 2 : 1;  // own, acc and b fit the registers
  int64_t i = 0;
  for (; i + V * L <= n; i += V * L) pull_tile<T, R, V>(c + i, w, p, a + i, b + i, n);
  for (; i + L <= n; i += L) pull_tile<T, R, 1>(c + i, w, p, a + i, b + i, n);
  if (i == n) return;
  Vec<T> acc[R] = {}, own[R];
  for (int r = 0; r < R; ++r) own[r] = load_tail(a + r * n + i, n - i, T(0));
  for (int64_t j = 0; j < p; ++j) {
    const Vec<T> bv = load_tail(b + j * n + i, n - i, T(0));
    for (int r = 0; r < R; ++r) acc[r] += (own[r] - bv) * w[r * p + j];
  }
  for (int r = 0; r < R; ++r) store_tail(c + r * n + i, n - i, acc[r]);
}
template <class T>
void pulls(T* c, const T* w, const T* a, const T* b, int64_t m, int64_t p, int64_t n) {
  int64_t i = 0;
  for (; i + 4 <= m; i += 4) pull_strip<T, 4>(c + i * n, w + i * p, p, a + i * n, b, n);
  for (; i < m; ++i) pull_strip<T, 1>(c + i * n, w + i * p, p, a + i * n, b, n);
}

}  // namespace

void fill_gemv(Simd& s) {
  s.dot_rows32 = dot_rows_plain<float>, s.dot_rows64 = dot_rows_plain<double>;
  s.dot_rows_bf16 = dot_rows_bf16, s.dot_rows_f16 = dot_rows_f16;
  s.axpy_rows32 = axpy_rows<float>, s.axpy_rows64 = axpy_rows<double>;
  s.small_gemm32 = small_gemm<float>, s.small_gemm64 = small_gemm<double>;
  s.distances32 = distances<float>, s.distances64 = distances<double>;
  s.pulls32 = pulls<float>, s.pulls64 = pulls<double>;
}

}  // namespace VOB_ISA
}  // namespace vob
