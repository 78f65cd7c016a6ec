// least_squares: the x of least |x| among those with least |a x - b|, of batches of matrices.
//
// By Householder's reflections where they show that a has full rank; by the singular values else.
#include <cmath>

#include "matrices/matrices.h"
#include "matrices/svd.h"

namespace vob {
namespace {

constexpr int kSmall = 48;       // columns: loops of our own, LAPACK has much to do before its own
constexpr int kReflectors = 32;  // of a block
enum { kLeft = 141, kUpper = 121, kNonUnit = 131 };  // CBLAS

/* [a | b], `wide` numbers to a row: reflections turn a's n columns into a triangle. */
template <class T>
void reflect(T* a, int64_t m, int64_t n, int64_t wide, T* products) {
  for (int64_t j = 0; j < n; ++j) {
    T* top = a + j * wide;
    double below = 0;
    for (int64_t i = j + 1; i < m; ++i) below += double(a[i * wide + j]) * double(a[i * wide + j]);
    if (below == 0) continue;
    const T first = top[j];
    const T norm = T(std::sqrt(double(first) * double(first) + below));
    const T beta = first > 0 ? -norm : norm, scale = 1 / (first - beta);
    const T tau = (beta - first) / beta;  // 1 - tau v v^T, v_j = 1
    const int64_t from = j + 1, count = wide - from;
    for (int64_t c = 0; c < count; ++c) products[c] = top[from + c];
    for (int64_t i = j + 1; i < m; ++i) {
      T* row = a + i * wide;
      row[j] *= scale;
      const T v = row[j];
      for (int64_t c = 0; c < count; ++c) products[c] += v * row[from + c];
    }
    top[j] = beta;
    for (int64_t c = 0; c < count; ++c) top[from + c] -= tau * products[c];
    for (int64_t i = j + 1; i < m; ++i) {
      T* row = a + i * wide;
      const T v = tau * row[j];
      for (int64_t c = 0; c < count; ++c) row[from + c] -= v * products[c];
    }
  }
}

/* y := r^-1 y by rows, r's upper triangle. */
template <class T>
void back_substitute(const T* r, int64_t ldr, T* y, int64_t n, int64_t k) {
  for (int64_t i = n - 1; i >= 0; --i) {
    T* row = y + i * k;
    for (int64_t j = i + 1; j < n; ++j) {
      const T f = r[i * ldr + j];
      const T* other = y + j * k;
      for (int64_t c = 0; c < k; ++c) row[c] -= f * other[c];
    }
    const T d = 1 / r[i * ldr + i];
    for (int64_t c = 0; c < k; ++c) row[c] *= d;
  }
}

template <class T>
double squares(const T* r, int64_t n, int64_t ld) {
  double sum = 0;
  for (int64_t i = 0; i < n; ++i)
    for (int64_t j = i; j < n; ++j) sum += double(std::norm(r[i * ld + j]));
  return sum;
}

/* |r| |r^-1| in Frobenius' norm bounds the largest singular value by the least one. */
bool full_rank(double squares_r, double squares_inverse, double rtol) {
  return std::sqrt(squares_r) * std::sqrt(squares_inverse) * rtol < 1;  // no, if NaN
}

/* y := r^-1 y, r n x n. */
template <class T>
void solve_one(const T* r, T* y, int64_t n) {
  constexpr int64_t kSums = 16;
  for (int64_t i = n - 1; i >= 0; --i) {
    T sums[kSums] = {}, sum = y[i];
    int64_t j = i + 1;
    for (; j + kSums <= n; j += kSums)
      for (int64_t c = 0; c < kSums; ++c) sums[c] += r[i * n + j + c] * y[j + c];
    for (; j < n; ++j) sum -= r[i * n + j] * y[j];
    for (const T& part : sums) sum -= part;
    y[i] = sum / r[i * n + i];
  }
}
/* y := r^-H y. */
template <class T>
void solve_turned(const T* r, T* y, int64_t n) {
  for (int64_t i = 0; i < n; ++i) {
    const T v = y[i] /= conjugate(r[i * n + i]);
    for (int64_t j = i + 1; j < n; ++j) y[j] -= conjugate(r[i * n + j]) * v;
  }
}

/* About |r^-1| in the norm of columns, or of rows if `turned`, hardly ever less than a third of it:
 * the convex function |r^-1 x| is climbed from corner to corner of |x| <= 1. (Hager, 1984; Higham,
 * 1988: against cancellation a vector of alternating signs too.) x: 2 n numbers to work in. */
template <class T>
double inverse_norm(const T* r, int64_t n, bool turned, T* x) {
  using R = decltype(std::real(T{}));
  T* y = x + n;
  const auto length = [&] {
    double sum = 0;
    for (int64_t i = 0; i < n; ++i) sum += double(std::abs(y[i]));
    return sum;
  };
  std::fill_n(x, n, T(R(1) / R(n)));
  double best = 0;
  for (int round = 0; round < 5; ++round) {
    std::copy_n(x, n, y);
    turned ? solve_turned(r, y, n) : solve_one(r, y, n);
    const double now = length();
    if (!(now > best)) {
      if (now != now) return now;
      break;
    }
    best = now;
    double reached = 0;
    for (int64_t i = 0; i < n; ++i) y[i] = y[i] == T(0) ? T(1) : y[i] / T(std::abs(y[i]));
    turned ? solve_one(r, y, n) : solve_turned(r, y, n);
    int64_t top = 0;
    for (int64_t i = 0; i < n; ++i) {
      reached += double(std::real(conjugate(y[i]) * x[i]));
      if (std::abs(y[i]) > std::abs(y[top])) top = i;
    }
    if (!(double(std::abs(y[top])) > reached)) break;
    std::fill_n(x, n, T(0));
    x[top] = T(1);
  }
  for (int64_t i = 0; i < n; ++i) y[i] = T((i % 2 ? R(-1) : R(1)) * (R(1) + R(i) / R(n - 1)));
  turned ? solve_turned(r, y, n) : solve_one(r, y, n);
  return std::max(best, 2 * length() / double(3 * n));
}

/* The product of the norms of columns and of rows bounds the square of a largest singular value.
 * The estimates may be too low: what is anywhere near the limit is decided by the inverse. */
template <class T>
bool surely_full_rank(const T* r, int64_t n, double rtol, T* work) {
  std::fill_n(work, n, T(0));
  double rows = 0, columns = 0;
  for (int64_t i = 0; i < n; ++i) {
    double sum = 0;
    for (int64_t j = i; j < n; ++j) {
      const auto size = std::abs(r[i * n + j]);
      work[j] += T(size), sum += double(size);
    }
    rows = std::max(rows, sum);
  }
  for (int64_t j = 0; j < n; ++j) columns = std::max(columns, double(std::real(work[j])));
  const double inverse = inverse_norm(r, n, false, work) * inverse_norm(r, n, true, work);
  return std::sqrt(rows * columns * inverse) * 10 * rtol < 1;
}

/* Whether x is there. */
template <class T>
bool small_by_qr(const T* a, const T* b, T* x, int64_t m, int64_t n, int64_t k, double rtol) {
  const int64_t wide = n + k, both = k + n;  // [a | b], and [x | r^-1]
  T* mem = static_cast<T*>(thread_scratch(3, size_t(m * wide + wide + n * both) * sizeof(T)));
  if (!mem) return false;
  T *products = mem + m * wide, *y = products + wide;
  for (int64_t i = 0; i < m; ++i) {
    std::copy_n(a + i * n, n, mem + i * wide);
    std::copy_n(b + i * k, k, mem + i * wide + n);
  }
  reflect(mem, m, n, wide, products);
  for (int64_t i = 0; i < n; ++i) {
    std::copy_n(mem + i * wide + n, k, y + i * both);
    for (int64_t j = 0; j < n; ++j) y[i * both + k + j] = T(i == j);
  }
  back_substitute(mem, wide, y, n, both);
  if (!full_rank(squares(mem, n, wide), squares(y + k, n, both), rtol)) return false;
  for (int64_t i = 0; i < n; ++i) std::copy_n(y + i * both, k, x + i * k);
  return true;
}

/* a^T = L Q as LAPACK reads it, so a = Q^T L^T: x solves L^T x = the first n rows of Q b, where b^T
 * is what LAPACK multiplies. */
template <class T>
bool large_by_qr(const Lapack& lapack, const T* a, const T* b, T* x, int m, int n, int k,
                 double rtol) {
  const auto& l = lapack.of(T{});
  const size_t lwork = size_t(std::max(m, k)) * kReflectors;
  const size_t sizes =
      size_t(m) * n + size_t(n) * kReflectors + size_t(m) * k + lwork + size_t(n) * n;
  T* mem = static_cast<T*>(thread_scratch(3, sizes * sizeof(T)));
  if (!mem) return false;
  T *r = mem, *t = r + size_t(m) * n, *c = t + size_t(n) * kReflectors, *work = c + size_t(m) * k,
    *inverse = work + lwork;
  int info = 0;
  std::copy_n(a, size_t(m) * n, r);
  std::copy_n(b, size_t(m) * k, c);
  l.gelqt(&n, &m, &kReflectors, r, &n, t, &kReflectors, work, &info);
  const char* turned = std::is_floating_point_v<T> ? "T" : "C";
  if (!info && k)
    l.gemlqt("R", turned, &k, &m, &n, &kReflectors, r, &n, t, &kReflectors, c, &k, work, &info);
  if (info) return false;
  std::copy_n(c, size_t(n) * k, x);
  const T one(1);
  if constexpr (std::is_floating_point_v<T>)
    l.trsm(kRowMajor, kLeft, kUpper, kNoTrans, kNonUnit, n, k, one, r, n, x, std::max(k, 1));
  else
    l.trsm(kRowMajor, kLeft, kUpper, kNoTrans, kNonUnit, n, k, &one, r, n, x, std::max(k, 1));
  if (surely_full_rank(r, n, rtol, inverse)) return true;
  // r^-1 from an identity: LAPACK's own inverse of a triangle takes twice as long
  std::fill_n(inverse, size_t(n) * n, T(0));
  for (int i = 0; i < n; ++i) inverse[size_t(i) * n + i] = one;
  if constexpr (std::is_floating_point_v<T>)
    l.trsm(kRowMajor, kLeft, kUpper, kNoTrans, kNonUnit, n, n, one, r, n, inverse, n);
  else
    l.trsm(kRowMajor, kLeft, kUpper, kNoTrans, kNonUnit, n, n, &one, r, n, inverse, n);
  return full_rank(squares(r, n, n), squares(inverse, n, n), rtol);
}

/* V S^-1 U^H b over the singular values that count. */
template <class T>
int by_singular_values(const Matrices& shape, const Lapack& lapack, const vd_call& call, int64_t i,
                       const T* b, T* x, int64_t k, double rtol, int64_t* rank) {
  using R = decltype(std::real(T{}));
  const int64_t m = shape.m, n = shape.n, p = std::min(m, n);
  const size_t sizes = size_t(m * p + p * n + p + k) * sizeof(T);
  T* u = static_cast<T*>(thread_scratch(3, sizes));
  if (!u) return kNoMemory;
  T *vh = u + m * p, *row = vh + p * n;
  R* s = reinterpret_cast<R*>(row + k);
  if (int info = svd_of<T>(shape, lapack, call, i, "S", s, u, vh, p, n)) return info;
  std::fill_n(x, n * k, T(0));
  *rank = 0;
  for (int64_t j = 0; j<p&& double(s[j])> double(s[0]) * rtol; ++j, ++*rank) {
    std::fill_n(row, k, T(0));
    for (int64_t r = 0; r < m; ++r) {
      const T f = conjugate(u[r * p + j]);
      for (int64_t c = 0; c < k; ++c) row[c] += f * b[r * k + c];
    }
    for (int64_t r = 0; r < n; ++r) {
      const T f = conjugate(vh[j * n + r]) / s[j];
      for (int64_t c = 0; c < k; ++c) x[r * k + c] += f * row[c];
    }
  }
  return 0;
}

template <class T>
int least_squares(const Matrices& shape, const Lapack& lapack, const vd_call& call, int64_t i) {
  const vd_tensor& right = call.inputs[1];
  const int64_t m = shape.m, n = shape.n, k = right.shape[right.ndim - 1];
  const double rtol = sdk::attr_float(call, "rtol", 0);
  const T *a = shape.in<T>(call, 0, i, m * n), *b = shape.in<T>(call, 1, i, m * k);
  T* x = shape.out<T>(call, 0, i, n * k);
  int64_t* rank = shape.out<int64_t>(call, 1, i, 1);
  bool there = false;
  if (m >= n) {
    if constexpr (std::is_floating_point_v<T>)
      if (n <= kSmall) there = small_by_qr(a, b, x, m, n, k, rtol);
    if (!there && (n > kSmall || !std::is_floating_point_v<T>) && n > kReflectors)
      there = large_by_qr(lapack, a, b, x, int(m), int(n), int(k), rtol);
  }
  *rank = n;
  return there ? 0 : by_singular_values(shape, lapack, call, i, b, x, k, rtol, rank);
}

VOB_MATRICES(least_squares, 2, 2, "it did not converge: is there a NaN or inf in the matrix?")

}  // namespace

void add_least_squares(sdk::Table<Make>& table) {
  table.add("least_squares", make_matrices<least_squares_kernel>);
}

}  // namespace vob
