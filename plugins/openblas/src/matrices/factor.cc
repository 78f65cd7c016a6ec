// Factorisations of batches of matrices, by LAPACK; each matrix on one thread of our own pool.
//
// LAPACK's matrices are columns first.  What lies in memory as our a is its transpose there, so
// where a transpose is as good (a's LQ for its QR, V for U) nothing is moved.
#include <algorithm>
#include <complex>

#include "matrices/matrices.h"
#include "matrices/svd.h"

namespace vob {
namespace {

/* The lower L with a = L L^H: as LAPACK sees it, the upper U with a^T = U^H U and U = L^T. */
template <class T>
int cholesky(const Matrices& shape, const Lapack& lapack, const vd_call& call, int64_t i) {
  const int n = int(shape.n);
  if (n == 0) return 0;
  T* y = shape.out<T>(call, 0, i, shape.n * shape.n);
  const T* a = shape.in<T>(call, 0, i, shape.n * shape.n);
  for (int r = 0; r < n; ++r)
    for (int c = 0; c < n; ++c) y[r * shape.n + c] = c <= r ? a[r * shape.n + c] : T(0);
  int info = 0;
  lapack.of(T{}).potrf("U", &n, y, &n, &info);
  return info;
}

/* a = Q R from a^T = L Q', with Q = Q'^T and R = L^T: both lie right as they are. */
/* From this size on the reflectors are made and applied in blocks: fewer passes over the matrix. */
constexpr int kBlocked = 32, kReflectors = 16;

/* a = Q R from a^T = L Q', with Q = Q'^T and R = L^T: both lie right as they are. */
template <class T>
int qr(const Matrices& shape, const Lapack& lapack, const vd_call& call, int64_t i) {
  const int m = int(shape.m), n = int(shape.n), k = std::min(m, n);
  const int wide = sdk::attr_int(call, "complete", 0) ? m : k;
  T *q = shape.out<T>(call, 0, i, shape.m * wide), *r = shape.out<T>(call, 1, i, wide * shape.n);
  const bool blocked = k >= kBlocked;
  if (n == 0 || blocked)  // an identity, of which LAPACK would not hear, or which it multiplies
    for (int c = 0; c < m; ++c)
      for (int row = 0; row < wide; ++row) q[int64_t(c) * wide + row] = T(row == c);
  if (m == 0 || n == 0) return 0;
  const auto& l = lapack.of(T{});
  int lwork = std::max(m, wide) * kReflectors, info = 0;
  if (!blocked) {
    T best[2];
    int ask = -1;
    l.gelqf(&n, &m, nullptr, &n, nullptr, best, &ask, &info);
    l.orglq(&wide, &m, &k, nullptr, &wide, nullptr, best + 1, &ask, &info);
    lwork = std::max(int(std::real(best[0])), int(std::real(best[1])));
    lwork = std::max({lwork, n, wide, 1});
  }
  const int taus = blocked ? k * kReflectors : k;
  const size_t sizes = size_t(m) * n + taus + lwork;
  T* work = static_cast<T*>(thread_scratch(1, sizes * sizeof(T)));
  if (!work) return kNoMemory;
  T *b = work, *tau = b + int64_t(m) * n, *rest = tau + taus;
  std::copy_n(shape.in<T>(call, 0, i, shape.m * shape.n), int64_t(m) * n, b);
  if (blocked)
    l.gelqt(&n, &m, &kReflectors, b, &n, tau, &kReflectors, rest, &info);
  else
    l.gelqf(&n, &m, b, &n, tau, rest, &lwork, &info);
  if (info) return info;
  for (int row = 0; row < wide; ++row)
    for (int c = 0; c < n; ++c) r[int64_t(row) * n + c] = c >= row ? b[int64_t(row) * n + c] : T(0);
  if (blocked) {
    l.gemlqt("R", "N", &wide, &m, &k, &kReflectors, b, &n, tau, &kReflectors, q, &wide, rest,
             &info);
    return info;
  }
  // the reflectors: the first k rows there, in memory every n-th element
  for (int c = 0; c < m; ++c)
    for (int row = 0; row < wide; ++row)
      q[int64_t(c) * wide + row] = row < k ? b[int64_t(c) * n + row] : T(0);
  l.orglq(&wide, &m, &k, q, &wide, tau, rest, &lwork, &info);
  return info;
}

template <class T>
int svd(const Matrices& shape, const Lapack& lapack, const vd_call& call, int64_t i) {
  using R = decltype(std::real(T{}));
  const bool full = sdk::attr_int(call, "full_matrices", 0);
  const int64_t k = std::min(shape.m, shape.n);
  const int64_t inner_u = full ? shape.m : k, inner_v = full ? shape.n : k;
  return svd_of<T>(shape, lapack, call, i, full ? "A" : "S", shape.out<R>(call, 1, i, k),
                   shape.out<T>(call, 0, i, shape.m * inner_u),
                   shape.out<T>(call, 2, i, inner_v * shape.n), inner_u, inner_v);
}
template <class T>
int svdvals(const Matrices& shape, const Lapack& lapack, const vd_call& call, int64_t i) {
  using R = decltype(std::real(T{}));
  return svd_of<T>(shape, lapack, call, i, "N",
                   shape.out<R>(call, 0, i, std::min(shape.m, shape.n)), nullptr, nullptr, 1, 1);
}

template <class T, class R>
void syevd(const LapackOf<T, R>& l, const char* job, const char* uplo, int n, T* a, R* w, T* work,
           int lwork, R* real, int lreal, int* whole, int lwhole, int* info) {
  if constexpr (std::is_same_v<T, R>) {
    using F = void (*)(const char*, const char*, const int*, T*, const int*, R*, T*, const int*,
                       int*, const int*, int*);
    reinterpret_cast<F>(l.syevd)(job, uplo, &n, a, &n, w, work, &lwork, whole, &lwhole, info);
  } else {
    using F = void (*)(const char*, const char*, const int*, T*, const int*, R*, T*, const int*, R*,
                       const int*, int*, const int*, int*);
    reinterpret_cast<F>(l.syevd)(job, uplo, &n, a, &n, w, work, &lwork, real, &lreal, whole,
                                 &lwhole, info);
  }
}

template <class T, bool Vectors>
int eigh_of(const Matrices& shape, const Lapack& lapack, const vd_call& call, int64_t i) {
  using R = decltype(std::real(T{}));
  const int n = int(shape.n);
  if (n == 0) return 0;
  const char* job = Vectors ? "V" : "N";
  const char* uplo = sdk::attr_int(call, "upper", 0) ? "L" : "U";  // of the transpose
  const auto& l = lapack.of(T{});
  T size;
  R lreal = 0;
  int lwhole = 0, info = 0;
  syevd(l, job, uplo, n, (T*)nullptr, (R*)nullptr, &size, -1, &lreal, -1, &lwhole, -1, &info);
  const int lwork = int(std::real(size)) + 1, reals = int(lreal) + 1;
  const size_t bytes =
      (size_t(n) * n + lwork) * sizeof(T) + size_t(reals) * sizeof(R) + size_t(lwhole + 1) * 4 + 64;
  char* mem = static_cast<char*>(thread_scratch(1, bytes));
  if (!mem) return kNoMemory;
  T *a = reinterpret_cast<T*>(mem), *work = a + int64_t(n) * n;
  R* real = reinterpret_cast<R*>(work + lwork);
  int* whole = reinterpret_cast<int*>(real + reals);
  std::copy_n(shape.in<T>(call, 0, i, shape.n * shape.n), int64_t(n) * n, a);
  R* values = shape.out<R>(call, 0, i, n);
  syevd(l, job, uplo, n, a, values, work, lwork, real, reals, whole, lwhole, &info);
  if constexpr (Vectors) {
    T* v = shape.out<T>(call, 1, i, shape.n * shape.n);
    for (int64_t r = 0; r < n; ++r)  // of the transpose, which is the conjugate
      for (int64_t c = 0; c < n; ++c) v[r * n + c] = conjugate(a[c * n + r]);
  }
  return info;
}
template <class T>
int eigh(const Matrices& shape, const Lapack& lapack, const vd_call& call, int64_t i) {
  return eigh_of<T, true>(shape, lapack, call, i);
}
template <class T>
int eigvalsh(const Matrices& shape, const Lapack& lapack, const vd_call& call, int64_t i) {
  return eigh_of<T, false>(shape, lapack, call, i);
}

constexpr const char* kDiverged = "it did not converge: is there a NaN or inf in the matrix?";
VOB_MATRICES(cholesky, 1, 1, "the matrix is not positive definite")
VOB_MATRICES(qr, 1, 2, kDiverged)
VOB_MATRICES(svd, 1, 3, kDiverged)
VOB_MATRICES(svdvals, 1, 1, kDiverged)
VOB_MATRICES(eigh, 1, 2, kDiverged)
VOB_MATRICES(eigvalsh, 1, 1, kDiverged)

}  // namespace

void add_factor(sdk::Table<Make>& table) {
  table.add("cholesky", make_matrices<cholesky_kernel>);
  table.add("qr", make_matrices<qr_kernel>);
  table.add("svd", make_matrices<svd_kernel>);
  table.add("svdvals", make_matrices<svdvals_kernel>);
  table.add("eigh", make_matrices<eigh_kernel>);
  table.add("eigvalsh", make_matrices<eigvalsh_kernel>);
}

}  // namespace vob
