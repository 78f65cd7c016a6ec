// Eigenvalues of square matrices that need not be symmetric, by LAPACK's geev.
#include <cmath>

#include "matrices/matrices.h"

namespace vob {
namespace {

template <class T>
using RealOf = decltype(std::real(T{}));

/* Ours is rows first; a NaN in it might keep LAPACK busy for ever. */
template <class T>
bool transposed(const T* a, T* into, int64_t n) {
  bool finite = true;
  for (int64_t r = 0; r < n; ++r)
    for (int64_t c = 0; c < n; ++c) {
      const T x = a[r * n + c];
      finite = finite && std::isfinite(std::real(x)) && std::isfinite(std::imag(x));
      into[c * n + r] = x;
    }
  return finite;
}

/* real: the values' real and imaginary parts (2 n), or what a complex geev works in (2 n). */
template <class T, class R>
void geev(const LapackOf<T, R>& l, const char* job, int n, T* a, std::complex<R>* values,
          T* vectors, T* work, int lwork, R* real, int* info) {
  const int one = 1;
  if constexpr (std::is_same_v<T, R>) {
    using F = void (*)(const char*, const char*, const int*, T*, const int*, R*, R*, T*, const int*,
                       T*, const int*, T*, const int*, int*);
    reinterpret_cast<F>(l.geev)("N", job, &n, a, &n, real, real + n, nullptr, &one, vectors, &n,
                                work, &lwork, info);
    for (int i = 0; lwork > 0 && i < n; ++i) values[i] = {real[i], real[n + i]};
  } else {
    using F = void (*)(const char*, const char*, const int*, T*, const int*, T*, T*, const int*, T*,
                       const int*, T*, const int*, R*, int*);
    reinterpret_cast<F>(l.geev)("N", job, &n, a, &n, values, nullptr, &one, vectors, &n, work,
                                &lwork, real, info);
  }
}

/* Column j of LAPACK's vectors; a pair of conjugate ones is stored as its two parts. */
template <class R>
void unpacked(const R* v, const std::complex<R>* values, std::complex<R>* out, int64_t n) {
  for (int64_t j = 0; j < n; ++j) {
    const bool pair = values[j].imag() != 0 && j + 1 < n;
    for (int64_t r = 0; r < n; ++r) {
      const R re = v[j * n + r], im = pair ? v[(j + 1) * n + r] : R(0);
      out[r * n + j] = {re, im};
      if (pair) out[r * n + j + 1] = {re, -im};
    }
    j += pair;
  }
}
template <class R>
void unpacked(const std::complex<R>* v, const std::complex<R>*, std::complex<R>* out, int64_t n) {
  for (int64_t r = 0; r < n; ++r)
    for (int64_t j = 0; j < n; ++j) out[r * n + j] = v[j * n + r];
}

template <class T, bool Vectors>
int eig_of(const Matrices& shape, const Lapack& lapack, const vd_call& call, int64_t i) {
  using R = RealOf<T>;
  const int n = int(shape.n);
  if (n == 0) return 0;
  const char* job = Vectors ? "V" : "N";
  const auto& l = lapack.of(T{});
  auto* values = shape.out<std::complex<R>>(call, 0, i, n);
  R few[2];
  T best;
  int info = 0;
  geev(l, job, n, (T*)nullptr, values, (T*)nullptr, &best, -1, few, &info);
  const int lwork = std::max(int(std::real(best)) + 1, 4 * n);
  const size_t square = size_t(n) * n;
  const size_t bytes = (square * (Vectors ? 2 : 1) + lwork) * sizeof(T) + 2 * n * sizeof(R);
  T* a = static_cast<T*>(thread_scratch(1, bytes));
  if (!a) return kNoMemory;
  T *v = Vectors ? a + square : nullptr, *work = a + square * (Vectors ? 2 : 1);
  R* real = reinterpret_cast<R*>(work + lwork);
  if (!transposed(shape.in<T>(call, 0, i, shape.n * shape.n), a, n)) return 1;
  geev(l, job, n, a, values, v, work, lwork, real, &info);
  if (!info && Vectors)
    unpacked(v, values, shape.out<std::complex<R>>(call, 1, i, shape.n * shape.n), n);
  return info;
}
template <class T>
int eig(const Matrices& shape, const Lapack& lapack, const vd_call& call, int64_t i) {
  return eig_of<T, true>(shape, lapack, call, i);
}
template <class T>
int eigvals(const Matrices& shape, const Lapack& lapack, const vd_call& call, int64_t i) {
  return eig_of<T, false>(shape, lapack, call, i);
}

constexpr const char* kDiverged = "it did not converge: is there a NaN or inf in the matrix?";
VOB_MATRICES(eig, 1, 2, kDiverged)
VOB_MATRICES(eigvals, 1, 1, kDiverged)

}  // namespace

void add_eig(sdk::Table<Make>& table) {
  table.add("eig", make_matrices<eig_kernel>);
  table.add("eigvals", make_matrices<eigvals_kernel>);
}

}  // namespace vob
