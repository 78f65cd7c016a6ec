// rms_norm and layer_norm of one row, with their gradients.  Statistics are recomputed in the
// backward pass: the row is in the cache, and nothing has to be saved.
#include "parts.h"
#include "row.h"

namespace vob {
namespace VOB_ISA {
namespace {

#define VOB_LOOP _Pragma("GCC ivdep") for (int64_t i = 0; i < n; ++i)

template <class T>
double rms_scale(const T* x, int64_t n, double eps) {
  return 1 / __builtin_sqrt(row_dot(x, x, n) / double(n) + eps);
}

template <class T>
void rms_norm(T* y, const T* x, const T* w, int64_t n, double eps) {
  T r = T(rms_scale(x, n, eps));
  if (w) {
    VOB_LOOP y[i] = x[i] * r * w[i];
  } else {
    VOB_LOOP y[i] = x[i] * r;
  }
}

// With xhat = x r: dx = r (g w - xhat mean(g w xhat)), dw += g xhat.
template <class T>
void rms_norm_backward(T* dx, T* dw, const T* g, const T* x, const T* w, int64_t n, double eps) {
  T r = T(rms_scale(x, n, eps));
  double dot = w ? blocked_sum<T>(n, [=](auto load) { return load(g) * load(w) * load(x); })
                 : row_dot(g, x, n);
  T k = T(dot / double(n)) * r * r * r;
  if (w && dw) {
    VOB_LOOP {
      T gi = g[i], xi = x[i];
      dw[i] += gi * xi * r;
      dx[i] = gi * w[i] * r - xi * k;
    }
  } else if (w) {
    VOB_LOOP dx[i] = g[i] * w[i] * r - x[i] * k;
  } else {
    VOB_LOOP dx[i] = g[i] * r - x[i] * k;
  }
}

void sum_rows(float* to, const float* a, const float* b, int64_t n) {
  VOB_LOOP to[i] = a[i] + b[i];
}

template <class T>
void moments(const T* x, int64_t n, double eps, T& mean, T& r) {
  mean = T(row_sum(x, n) / double(n));
  const T c = mean;
  double var = blocked_sum<T>(n, [=](auto load) {
    Vec<T> d = load(x, c) - c;
    return d * d;
  });
  r = T(1 / __builtin_sqrt(var / double(n) + eps));
}

template <class T>
void layer_norm(T* y, const T* x, const T* w, const T* b, int64_t n, double eps) {
  T mean, r;
  moments(x, n, eps, mean, r);
  if (w && b) {
    VOB_LOOP y[i] = (x[i] - mean) * r * w[i] + b[i];
  } else if (w) {
    VOB_LOOP y[i] = (x[i] - mean) * r * w[i];
  } else if (b) {
    VOB_LOOP y[i] = (x[i] - mean) * r + b[i];
  } else {
    VOB_LOOP y[i] = (x[i] - mean) * r;
  }
}

// With xhat = (x - mean) r and h = g w: dx = r (h - mean(h) - xhat mean(h xhat)).
template <class T>
void layer_norm_backward(T* dx, T* dw, T* db, const T* g, const T* x, const T* w, int64_t n,
                         double eps) {
  T mean, r;
  moments(x, n, eps, mean, r);
  double h, hx;
  if (w) {
    h = row_dot(g, w, n);
    hx = blocked_sum<T>(n, [=](auto load) { return load(g) * load(w) * (load(x) - mean); });
  } else {
    h = row_sum(g, n);
    hx = blocked_sum<T>(n, [=](auto load) { return load(g) * (load(x) - mean); });
  }
  T a = T(h / double(n)) * r, k = T(hx / double(n)) * r * r * r;
  if (w) {
    VOB_LOOP {
      T gi = g[i], xi = x[i] - mean;
      dw[i] += gi * xi * r;
      db[i] += gi;
      dx[i] = gi * w[i] * r - a - xi * k;
    }
  } else {
    VOB_LOOP dx[i] = g[i] * r - a - (x[i] - mean) * k;
  }
}

}  // namespace

void fill_norm(Simd& s) {
  s.sum_rows32 = sum_rows;
  s.rms_norm32 = rms_norm<float>, s.rms_norm64 = rms_norm<double>;
  s.rms_norm_backward32 = rms_norm_backward<float>;
  s.rms_norm_backward64 = rms_norm_backward<double>;
  s.layer_norm32 = layer_norm<float>, s.layer_norm64 = layer_norm<double>;
  s.layer_norm_backward32 = layer_norm_backward<float>;
  s.layer_norm_backward64 = layer_norm_backward<double>;
}

}  // namespace VOB_ISA
}  // namespace vob
