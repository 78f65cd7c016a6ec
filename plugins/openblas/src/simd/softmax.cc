// Softmax and its kin on one row: the maximum, then one pass of exponentials, then the scaling.
#include "math.h"
#include "parts.h"
#include "row.h"

namespace vob {
namespace VOB_ISA {
namespace {

constexpr int64_t kBlock = 512;  // exponentials are summed while they are in the first cache

/* y = exp(x - shift) and the sum of y. */
template <class T>
double exp_and_sum(T* y, const T* x, T shift, int64_t n) {
  double sum = 0;
  for (int64_t at = 0; at < n; at += kBlock) {
    int64_t count = n - at < kBlock ? n - at : kBlock;
    map_row(y + at, x + at, count, [=](T v) { return m::exp_nonpositive(v - shift); });
    sum += row_sum(y + at, count);
  }
  return sum;
}

template <class T>
double sum_exp(const T* x, T shift, int64_t n) {
  double sum = 0;
  T y[kBlock];
  for (int64_t at = 0; at < n; at += kBlock) {
    int64_t count = n - at < kBlock ? n - at : kBlock;
    map_row(y, x + at, count, [=](T v) { return m::exp_nonpositive(v - shift); });
    sum += row_sum(y, count);
  }
  return sum;
}

#if defined(__AVX512F__)
/* By the CPU's own fractions and powers of two; what is rounded off the exponent counts for little
 * where it is large, because the term is small then. */
double sum_exp(const float* x, float shift, int64_t n) {
  constexpr int64_t L = kLanes<float>;
  const auto term = [=](Vec<float> v) {
    const __m512 z = (__m512)((v - shift) * 1.4426950408889634f);
    const Vec<float> f = (Vec<float>)_mm512_reduce_ps(z, 9);
    Vec<float> p = splat(0.001867122482508421f);
    p = p * f + 0.00901704840362072f;
    p = p * f + 0.05579989776015282f;
    p = p * f + 0.24016445875167847f;
    p = p * f + 0.6931512951850891f;
    return (Vec<float>)_mm512_scalef_ps((__m512)(p * f + 1.f), z);
  };
  double sum = 0;
  for (int64_t at = 0; at < n; at += kBlock) {
    const int64_t end = n - at < kBlock ? n : at + kBlock,
                  whole = at + (end - at) / (2 * L) * 2 * L;
    Vec<float> a{}, b{};
    for (int64_t i = at; i < whole; i += 2 * L) a += term(load(x + i)), b += term(load(x + i + L));
    for (int64_t i = whole; i < end; i += L)
      a += term(load_tail(x + i, end - i < L ? end - i : L, -__builtin_inff()));
    sum += double(lane_sum<float>(a + b));
  }
  return sum;
}
#endif

/* A row that one vector holds. */
template <class T>
void short_softmax(T* y, const T* x, int64_t n) {
  const T low = T(-__builtin_inf());
  const Vec<T> v = load_tail(x, n, low);
  if (any_nan<T>(v)) {
    for (int64_t i = 0; i < n; ++i) y[i] = T(__builtin_nan(""));
    return;
  }
  const T top = lane_fold<T>(v, [](Vec<T> p, Vec<T> q) { return p > q ? p : q; });
  T e[kLanes<T>];
  store(e, v);
  for (int i = 0; i < kLanes<T>; ++i) e[i] = m::exp_nonpositive(e[i] - top);
  const Vec<T> made = load(e);
  store_tail(y, n, made * (1 / lane_sum<T>(made)));
}

template <class T>
void softmax(T* y, const T* x, int64_t n) {
  if (n <= kLanes<T>) return short_softmax(y, x, n);
  T top = row_max(x, n);
  if (top != top) {
    for (int64_t i = 0; i < n; ++i) y[i] = top;
    return;
  }
  double sum = exp_and_sum(y, x, top, n);
  T scale = T(1 / sum);
#pragma GCC ivdep
  for (int64_t i = 0; i < n; ++i) y[i] *= scale;
}

template <class T>
double log_sum_exp(const T* x, int64_t n) {
  T top = row_max(x, n);
  if (top == T(-__builtin_inf()) || top != top) return double(top);
  return double(top) + __builtin_log(sum_exp(x, top, n));
}

template <class T>
void log_softmax(T* y, const T* x, int64_t n) {
  T top = row_max(x, n);
  if (top != top) {
    for (int64_t i = 0; i < n; ++i) y[i] = top;
    return;
  }
  T log_sum = T(__builtin_log(sum_exp(x, top, n)));
#pragma GCC ivdep
  for (int64_t i = 0; i < n; ++i) y[i] = x[i] - top - log_sum;
}

// dx = y (g - sum(g y))
template <class T>
void softmax_backward(T* dx, const T* g, const T* y, int64_t n) {
  if (n <= kLanes<T>) {
    const Vec<T> a = load_tail(g, n, T(0)), b = load_tail(y, n, T(0));
    store_tail(dx, n, b * (a - lane_sum<T>(a * b)));
    return;
  }
  T dot = T(row_dot(g, y, n));
#pragma GCC ivdep
  for (int64_t i = 0; i < n; ++i) dx[i] = y[i] * (g[i] - dot);
}

// dx = g - exp(y) sum(g)
template <class T>
void log_softmax_backward(T* dx, const T* g, const T* y, int64_t n) {
  T sum = T(row_sum(g, n));
#pragma GCC ivdep
  for (int64_t i = 0; i < n; ++i) dx[i] = g[i] - m::exp(y[i]) * sum;
}

template <class T>
void scaled_exp(T* dx, const T* x, double lse, double g, int64_t n) {
  T shift = T(lse), scale = T(g);
  map_row(dx, x, n, [=](T v) { return m::exp(v - shift) * scale; });
}

}  // namespace

void fill_rows(Simd& s) {
  s.softmax32 = softmax<float>, s.softmax64 = softmax<double>;
  s.log_softmax32 = log_softmax<float>, s.log_softmax64 = log_softmax<double>;
  s.softmax_backward32 = softmax_backward<float>, s.softmax_backward64 = softmax_backward<double>;
  s.log_softmax_backward32 = log_softmax_backward<float>;
  s.log_softmax_backward64 = log_softmax_backward<double>;
  s.log_sum_exp32 = log_sum_exp<float>, s.log_sum_exp64 = log_sum_exp<double>;
  s.scaled_exp32 = scaled_exp<float>, s.scaled_exp64 = scaled_exp<double>;
}

}  // namespace VOB_ISA
}  // namespace vob
