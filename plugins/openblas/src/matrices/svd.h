// The singular value decomposition of one matrix, for whoever needs one.
#ifndef VIDYA_OPENBLAS_SVD_H
#define VIDYA_OPENBLAS_SVD_H

#include "matrices/matrices.h"

namespace vob {

template <class T, class R>
void gesdd(const LapackOf<T, R>& l, const char* job, int m, int n, T* a, R* s, T* u, int ldu, T* vt,
           int ldvt, T* work, int lwork, R* real, int* whole, int* info) {
  if constexpr (std::is_same_v<T, R>) {
    using F = void (*)(const char*, const int*, const int*, T*, const int*, R*, T*, const int*, T*,
                       const int*, T*, const int*, int*, int*);
    reinterpret_cast<F>(l.gesdd)(job, &m, &n, a, &m, s, u, &ldu, vt, &ldvt, work, &lwork, whole,
                                 info);
  } else {
    using F = void (*)(const char*, const int*, const int*, T*, const int*, R*, T*, const int*, T*,
                       const int*, T*, const int*, R*, int*, int*);
    reinterpret_cast<F>(l.gesdd)(job, &m, &n, a, &m, s, u, &ldu, vt, &ldvt, work, &lwork, real,
                                 whole, info);
  }
}

/* a^T = U' S V'^H is a = conj(V') S U'^T: what LAPACK writes as U' is our V^H, and the reverse. */
template <class T>
int svd_of(const Matrices& shape, const Lapack& lapack, const vd_call& call, int64_t i,
           const char* job, void* values, T* u, T* vh, int64_t inner_u, int64_t inner_v) {
  using R = decltype(std::real(T{}));
  const int m = int(shape.n), n = int(shape.m), k = std::min(m, n);  // LAPACK's
  R* s = static_cast<R*>(values);
  if (k == 0) {
    for (int64_t j = 0; u && j < shape.m * inner_u; ++j) u[j] = j % (inner_u + 1) ? T(0) : T(1);
    for (int64_t j = 0; vh && j < inner_v * shape.n; ++j) vh[j] = j % (shape.n + 1) ? T(0) : T(1);
    return 0;
  }
  const int ldu = m, ldvt = std::max<int>(1, int(inner_u));
  T best;
  int info = 0;
  gesdd(lapack.of(T{}), job, m, n, (T*)nullptr, (R*)nullptr, (T*)nullptr, ldu, (T*)nullptr, ldvt,
        &best, -1, (R*)nullptr, nullptr, &info);
  const int lwork = std::max(1, int(std::real(best)) + 1), big = std::max(m, n);
  const size_t reals =
      std::is_same_v<T, R> ? 0 : size_t(k) * std::max(5 * k + 7, 2 * big + 2 * k + 1);
  const size_t bytes = (size_t(m) * n + lwork) * sizeof(T) + reals * sizeof(R) + 8 * k * 4 + 64;
  char* mem = static_cast<char*>(thread_scratch(1, bytes));
  if (!mem) return kNoMemory;
  T *a = reinterpret_cast<T*>(mem), *work = a + int64_t(m) * n;
  R* real = reinterpret_cast<R*>(work + lwork);
  int* whole = reinterpret_cast<int*>(real + reals);
  std::copy_n(shape.in<T>(call, 0, i, shape.m * shape.n), int64_t(m) * n, a);
  gesdd(lapack.of(T{}), job, m, n, a, s, vh, ldu, u, ldvt, work, lwork, real, whole, &info);
  return info;
}

}  // namespace vob

#endif
