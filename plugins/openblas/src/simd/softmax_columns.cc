// Softmax and its kin down the columns of a block: neighbouring columns are the lanes of a vector.
#include "math.h"
#include "parts.h"

namespace vob {
namespace VOB_ISA {
namespace {

constexpr int64_t kWidth = 512;  // columns at a time: their totals stay in the first cache
constexpr int kRows = 8;         // read at a time

/* What the rows of a column amount to so far: sum(exp(x - top)).  The sum is of doubles, because
 * rows are added one after the other. */
template <class T>
struct Totals {
  alignas(64) T top[kWidth];
  alignas(64) double sum[kWidth];
};

/* A few rows into the totals of n columns. */
template <class T, int R>
void take_rows(Totals<T>& t, const T* x, int64_t n, int64_t stride) {
#pragma GCC ivdep
  for (int64_t j = 0; j < n; ++j) {
    T v[R], top = t.top[j];
#pragma GCC unroll 8
    for (int r = 0; r < R; ++r) v[r] = x[r * stride + j];
#pragma GCC unroll 8
    for (int r = 0; r < R; ++r) top = v[r] > top ? v[r] : top;
    const T base = top == -T(__builtin_inf()) ? T(0) : top;  // nothing but -inf so far
    T sum = 0, nan = 0;
#pragma GCC unroll 8
    for (int r = 0; r < R; ++r) {
      sum += m::exp_nonpositive(v[r] - base);
      nan = v[r] == v[r] ? nan : v[r];
    }
    const T fade = m::exp_nonpositive(t.top[j] - base);
    t.sum[j] = t.sum[j] * double(fade) + double(sum + nan);
    t.top[j] = top;
  }
}

template <class T>
void take_all(Totals<T>& t, const T* x, int64_t rows, int64_t n, int64_t stride) {
  const T low = T(-__builtin_inf());
  for (int64_t j = 0; j < n; ++j) t.top[j] = low, t.sum[j] = 0;
  int64_t r = 0;
  for (; r + kRows <= rows; r += kRows) take_rows<T, kRows>(t, x + r * stride, n, stride);
  for (; r < rows; ++r) take_rows<T, 1>(t, x + r * stride, n, stride);
  // beside an infinity there is no difference to take the exponential of
  for (int64_t j = 0; j < n; ++j)
    if (!(t.top[j] - t.top[j] == 0)) t.sum[j] = __builtin_nan("");
}

template <class T>
void softmax_columns(T* y, const T* x, int64_t rows, int64_t width, int64_t stride) {
  Totals<T> t;
  T scale[kWidth];
  for (int64_t at = 0; at < width; at += kWidth) {
    const int64_t n = width - at < kWidth ? width - at : kWidth;
    take_all(t, x + at, rows, n, stride);
    for (int64_t j = 0; j < n; ++j) scale[j] = T(1 / t.sum[j]);
    for (int64_t r = 0; r < rows; ++r) {
      const T* from = x + r * stride + at;
      T* to = y + r * stride + at;
#pragma GCC ivdep
      for (int64_t j = 0; j < n; ++j) to[j] = m::exp_nonpositive(from[j] - t.top[j]) * scale[j];
    }
  }
}

template <class T>
void log_softmax_columns(T* y, const T* x, int64_t rows, int64_t width, int64_t stride) {
  Totals<T> t;
  T log_sum[kWidth];
  for (int64_t at = 0; at < width; at += kWidth) {
    const int64_t n = width - at < kWidth ? width - at : kWidth;
    take_all(t, x + at, rows, n, stride);
    for (int64_t j = 0; j < n; ++j) log_sum[j] = T(__builtin_log(t.sum[j]));
    for (int64_t r = 0; r < rows; ++r) {
      const T* from = x + r * stride + at;
      T* to = y + r * stride + at;
#pragma GCC ivdep
      for (int64_t j = 0; j < n; ++j) to[j] = from[j] - t.top[j] - log_sum[j];
    }
  }
}

/* dx = y (g - sum(g y)), or g - exp(y) sum(g). */
template <class T, bool Log>
void columns_backward(T* dx, const T* g, const T* y, int64_t rows, int64_t width, int64_t stride) {
  alignas(64) double sum[kWidth];
  alignas(64) T total[kWidth];
  for (int64_t at = 0; at < width; at += kWidth) {
    const int64_t n = width - at < kWidth ? width - at : kWidth;
    for (int64_t j = 0; j < n; ++j) sum[j] = 0;
    for (int64_t r = 0; r < rows; ++r) {
      const T *p = g + r * stride + at, *q = y + r * stride + at;
#pragma GCC ivdep
      for (int64_t j = 0; j < n; ++j) sum[j] += double(Log ? p[j] : p[j] * q[j]);
    }
    for (int64_t j = 0; j < n; ++j) total[j] = T(sum[j]);
    for (int64_t r = 0; r < rows; ++r) {
      const T *p = g + r * stride + at, *q = y + r * stride + at;
      T* to = dx + r * stride + at;
#pragma GCC ivdep
      for (int64_t j = 0; j < n; ++j) {
        if constexpr (Log)
          to[j] = p[j] - m::exp(q[j]) * total[j];
        else
          to[j] = q[j] * (p[j] - total[j]);
      }
    }
  }
}

}  // namespace

void fill_columns(Simd& s) {
  s.columns32 = {softmax_columns<float>, log_softmax_columns<float>, columns_backward<float, false>,
                 columns_backward<float, true>};
  s.columns64 = {softmax_columns<double>, log_softmax_columns<double>,
                 columns_backward<double, false>, columns_backward<double, true>};
}

}  // namespace VOB_ISA
}  // namespace vob
