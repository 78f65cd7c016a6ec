// What the gates of recurrent networks do to one row of states, and its gradient.
#include "math.h"
#include "parts.h"

namespace vob {
namespace VOB_ISA {
namespace {

template <class T>
inline T sigmoid(T x) {
  const T t = m::exp(x < T(0) ? x : -x);  // of a negative number only: it never overflows
  return (x < T(0) ? t : T(1)) / (T(1) + t);
}

/* x: the gates input, forget, cell, output, n each. */
template <class T>
void lstm(T* h, T* after, const T* x, const T* c, int64_t n) {
#pragma GCC ivdep
  for (int64_t k = 0; k < n; ++k) {
    const T i = sigmoid(x[k]), f = sigmoid(x[n + k]), g = m::tanh(x[2 * n + k]);
    const T now = f * c[k] + i * g;
    after[k] = now;
    h[k] = sigmoid(x[3 * n + k]) * m::tanh(now);
  }
}

/* gh, gc: the gradients of h and of the cells after the step; gc may be null. */
template <class T>
void lstm_backward(T* dx, T* dc, const T* gh, const T* x, const T* c, const T* after, const T* gc,
                   int64_t n) {
#pragma GCC ivdep
  for (int64_t k = 0; k < n; ++k) {
    const T i = sigmoid(x[k]), f = sigmoid(x[n + k]), g = m::tanh(x[2 * n + k]);
    const T o = sigmoid(x[3 * n + k]), t = m::tanh(after[k]);
    const T d = (gc ? gc[k] : T(0)) + gh[k] * o * (T(1) - t * t);
    dc[k] = d * f;
    dx[k] = d * g * i * (T(1) - i);
    dx[n + k] = d * c[k] * f * (T(1) - f);
    dx[2 * n + k] = d * i * (T(1) - g * g);
    dx[3 * n + k] = gh[k] * t * o * (T(1) - o);
  }
}

/* x, s: what the gates reset, update, new get from the input and from the state. */
template <class T>
void gru(T* y, const T* x, const T* s, const T* h, int64_t n) {
#pragma GCC ivdep
  for (int64_t k = 0; k < n; ++k) {
    const T r = sigmoid(x[k] + s[k]), z = sigmoid(x[n + k] + s[n + k]);
    const T fresh = m::tanh(x[2 * n + k] + r * s[2 * n + k]);
    y[k] = fresh + z * (h[k] - fresh);
  }
}

template <class T>
void gru_backward(T* dx, T* ds, T* dh, const T* g, const T* x, const T* s, const T* h, int64_t n) {
#pragma GCC ivdep
  for (int64_t k = 0; k < n; ++k) {
    const T r = sigmoid(x[k] + s[k]), z = sigmoid(x[n + k] + s[n + k]);
    const T fresh = m::tanh(x[2 * n + k] + r * s[2 * n + k]);
    const T a = g[k] * (T(1) - z) * (T(1) - fresh * fresh);
    const T dr = a * s[2 * n + k] * r * (T(1) - r);
    const T dz = g[k] * (h[k] - fresh) * z * (T(1) - z);
    dh[k] = g[k] * z;
    dx[k] = ds[k] = dr;
    dx[n + k] = ds[n + k] = dz;
    dx[2 * n + k] = a;
    ds[2 * n + k] = a * r;
  }
}

template <class T>
RecurrentLoops<T> loops() {
  return {lstm<T>, lstm_backward<T>, gru<T>, gru_backward<T>};
}

}  // namespace

void fill_recurrent(Simd& s) { s.recurrent32 = loops<float>(), s.recurrent64 = loops<double>(); }

}  // namespace VOB_ISA
}  // namespace vob
