// Linear systems and determinants of batches of matrices, by LAPACK's LU.
//
// LAPACK reads our a as its transpose, so a x = b is its system with the transposed matrix.
#include <algorithm>
#include <cmath>

#include "matrices/matrices.h"

namespace vob {
namespace {

constexpr int64_t kLarge = 64;
enum { kLeft = 141, kUpper = 121, kLower = 122, kUnit = 132, kNonUnit = 131 };  // CBLAS

template <class T>
int solve(const Matrices& shape, const Lapack& lapack, const vd_call& call, int64_t i) {
  const vd_tensor& right = call.inputs[1];
  const int n = int(shape.n), k = int(right.shape[right.ndim - 1]);
  if (n == 0) return 0;
  T* mem = static_cast<T*>(
      thread_scratch(1, (size_t(n) * n + size_t(n) * k) * sizeof(T) + size_t(n) * sizeof(int)));
  if (!mem) return kNoMemory;
  T *a = mem, *columns = a + int64_t(n) * n;
  int* pivots = reinterpret_cast<int*>(columns + int64_t(n) * k);
  std::copy_n(shape.in<T>(call, 0, i, shape.n * shape.n), int64_t(n) * n, a);
  const auto& l = lapack.of(T{});
  int info = 0;
  l.getrf(&n, &n, a, &n, pivots, &info);
  if (info) return info;
  const T* b = shape.in<T>(call, 1, i, int64_t(n) * k);
  T* x = shape.out<T>(call, 0, i, int64_t(n) * k);
  if (k == 1) {
    std::copy_n(b, n, x);
    l.getrs("T", &n, &k, a, &n, pivots, x, &n, &info);
    return info;
  }
  for (int64_t r = 0; r < n; ++r)
    for (int64_t c = 0; c < k; ++c) columns[c * n + r] = b[r * k + c];
  if (k) l.getrs("T", &n, &k, a, &n, pivots, columns, &n, &info);
  for (int64_t r = 0; r < n; ++r)
    for (int64_t c = 0; c < k; ++c) x[r * k + c] = columns[c * n + r];
  return info;
}

/* One large system after the other, its columns shared out: for fewer systems than threads. */
template <class T>
vd_status solve_columns(Device& d, const vd_call& call, const Matrices& shape, vd_err* err) {
  const vd_tensor& right = call.inputs[1];
  const int n = int(shape.n), k = int(right.shape[right.ndim - 1]);
  const size_t elements = size_t(n) * n + size_t(n) * k;
  T* a = static_cast<T*>(d.scratch.get(elements * sizeof(T) + size_t(n) * sizeof(int)));
  if (!a) return fail(err, VD_OOM, "solve: no memory to work in");
  T* columns = a + int64_t(n) * n;
  int* pivots = reinterpret_cast<int*>(columns + int64_t(n) * k);
  const auto& l = d.blas.lapack.of(T{});
  for (int64_t i = 0; i < shape.batch; ++i) {
    std::copy_n(shape.in<T>(call, 0, i, shape.n * shape.n), int64_t(n) * n, a);
    int info = 0;
    l.getrf(&n, &n, a, &n, pivots, &info);
    if (info) return fail(err, VD_INVALID, "solve: the matrix is singular");
    const T* b = shape.in<T>(call, 1, i, int64_t(n) * k);
    T* x = shape.out<T>(call, 0, i, int64_t(n) * k);
    d.pool.ranges(k, double(n) * n, 16, [&](int64_t first, int64_t last) {
      const int count = int(last - first);
      T* own = columns + first * n;
      int ignored = 0;
      for (int64_t r = 0; r < n; ++r)
        for (int64_t c = 0; c < count; ++c) own[c * n + r] = b[r * k + first + c];
      l.getrs("T", &n, &count, a, &n, pivots, own, &n, &ignored);
      for (int64_t r = 0; r < n; ++r)
        for (int64_t c = 0; c < count; ++c) x[r * k + first + c] = own[c * n + r];
    });
  }
  return VD_OK;
}

/* CBLAS knows rows: no transposing, and a zero on the diagonal gives infinities. */
template <class T>
int solve_triangular(const Matrices& shape, const Lapack& lapack, const vd_call& call, int64_t i) {
  const vd_tensor& right = call.inputs[1];
  const int n = int(shape.n), k = int(right.shape[right.ndim - 1]);
  if (n == 0 || k == 0) return 0;
  T* x = shape.out<T>(call, 0, i, int64_t(n) * k);
  std::copy_n(shape.in<T>(call, 1, i, int64_t(n) * k), int64_t(n) * k, x);
  const int uplo = sdk::attr_int(call, "upper", 0) ? kUpper : kLower;
  const int diagonal = sdk::attr_int(call, "unit", 0) ? kUnit : kNonUnit;
  const T one(1), *a = shape.in<T>(call, 0, i, shape.n * shape.n);
  const auto& l = lapack.of(T{});
  if constexpr (std::is_floating_point_v<T>) {
    l.trsm(kRowMajor, kLeft, uplo, kNoTrans, diagonal, n, k, one, a, n, x, k);
  } else {
    l.trsm(kRowMajor, kLeft, uplo, kNoTrans, diagonal, n, k, &one, a, n, x, k);
  }
  return 0;
}

/* a, n rows of W, becomes a triangle by exchanging and adding rows. Was it an odd number of
 * exchanges? LAPACK has much to do before its own for so small a matrix. What is left of the
 * diagonal is not kept up. */
template <int W, class T>
bool eliminate(T* a, int64_t n) {
  bool odd = false;
  for (int64_t j = 0; j < n; ++j) {
    int64_t best = j;
    T most = std::abs(a[j * W + j]);
    for (int64_t i = j + 1; i < n; ++i)
      if (const T size = std::abs(a[i * W + j]); size > most) best = i, most = size;
    T* row = a + j * W;
    if (best != j) std::swap_ranges(row, row + W, a + best * W), odd = !odd;
    if (row[j] == 0) return odd;
    for (int64_t i = j + 1; i < n; ++i) {
      T* other = a + i * W;
      const T f = other[j] / row[j];
      for (int64_t c = j / 4 * 4; c < W; c += 4)
        for (int64_t k = 0; k < 4; ++k) other[c + k] -= f * row[c + k];
    }
  }
  return odd;
}

/* The sign and the logarithm of a product, of which neither over- nor underflows. */
template <class T>
struct Product {
  using R = decltype(std::real(T{}));
  T sign = T(1);
  double part = 1;
  int64_t powers = 0;

  void take(T d) {
    const R size = std::abs(d);
    sign *= size == 0 ? T(0) : d / size;
    int power = 0;
    part = std::frexp(part * double(size), &power);
    powers += power;
  }
  R log() const { return R(std::log(part) + double(powers) * 0.693147180559945309); }
};

template <int W, class T>
Product<T> small_product(const T* a, int64_t n) {
  alignas(64) T rows[W * W] = {};
  for (int64_t r = 0; r < n; ++r) std::copy_n(a + r * n, n, rows + r * W);
  Product<T> product;
  if (eliminate<W>(rows, n)) product.sign = T(-1);
  for (int64_t j = 0; j < n; ++j) product.take(rows[j * W + j]);
  return product;
}

template <class T>
int slogdet(const Matrices& shape, const Lapack& lapack, const vd_call& call, int64_t i) {
  using R = decltype(std::real(T{}));
  const int n = int(shape.n);
  const T* from = shape.in<T>(call, 0, i, shape.n * shape.n);
  Product<T> product;
  bool small = false;
  if constexpr (std::is_floating_point_v<T>) {
    small = n <= 32;
    if (small) product = n <= 16 ? small_product<16>(from, n) : small_product<32>(from, n);
  }
  if (!small) {
    T* a = static_cast<T*>(thread_scratch(1, size_t(n) * n * sizeof(T) + size_t(n) * sizeof(int)));
    if (!a) return kNoMemory;
    int* pivots = reinterpret_cast<int*>(a + int64_t(n) * n);
    std::copy_n(from, int64_t(n) * n, a);
    int info = 0;
    if (n) lapack.of(T{}).getrf(&n, &n, a, &n, pivots, &info);
    if (info < 0) return info;
    for (int64_t j = 0; j < n; ++j) {
      product.take(a[j * n + j]);
      if (pivots[j] != j + 1) product.sign = -product.sign;
    }
  }
  *shape.out<T>(call, 0, i, 1) = product.sign;
  *shape.out<R>(call, 1, i, 1) = product.log();
  return 0;
}

/* LAPACK's for columns first: a zero pivot is left where it is and divides nothing. */
template <class T>
int lu(const Matrices& shape, const Lapack& lapack, const vd_call& call, int64_t i) {
  const int m = int(shape.m), n = int(shape.n), k = std::min(m, n);
  const T* a = shape.in<T>(call, 0, i, shape.m * shape.n);
  T* out = shape.out<T>(call, 0, i, shape.m * shape.n);
  if (k == 0) return 0;
  T* columns = static_cast<T*>(thread_scratch(1, size_t(m) * n * sizeof(T)));
  if (!columns) return kNoMemory;
  for (int64_t r = 0; r < m; ++r)
    for (int64_t c = 0; c < n; ++c) columns[c * m + r] = a[r * n + c];
  int info = 0;
  lapack.of(T{}).getrf(&m, &n, columns, &m, shape.out<int32_t>(call, 1, i, k), &info);
  for (int64_t r = 0; r < m; ++r)
    for (int64_t c = 0; c < n; ++c) out[r * n + c] = columns[c * m + r];
  return info < 0 ? info : 0;
}

VOB_MATRICES(lu, 1, 2, "")
VOB_MATRICES(solve, 2, 1, "the matrix is singular")
VOB_MATRICES(solve_triangular, 2, 1, "")
VOB_MATRICES(slogdet, 1, 2, "")

vd_status make_solve(Device& d, const vd_call& call, std::unique_ptr<Kernel>& kernel, vd_err* err) {
  if (vd_status s = make_matrices<solve_kernel>(d, call, kernel, err)) return s;
  const Matrices shape(call.inputs[0]);
  const vd_tensor& right = call.inputs[1];
  if (shape.batch >= d.pool.threads() || shape.n < kLarge || right.shape[right.ndim - 1] < kLarge)
    return VD_OK;
  auto share = [&](auto zero) {
    using T = decltype(zero);
    return answer(kernel, kPreferred, [shape](Device& dev, const vd_call& c, vd_err* e) {
      return solve_columns<T>(dev, c, shape, e);
    });
  };
  switch (in_type(call, 0)) {
    case DType::F32:
      return share(float{});
    case DType::F64:
      return share(double{});
    case DType::C64:
      return share(std::complex<float>{});
    default:
      return share(std::complex<double>{});
  }
}

}  // namespace

void add_solve(sdk::Table<Make>& table) {
  table.add("lu", make_matrices<lu_kernel>);
  table.add("solve", make_solve);
  table.add("solve_triangular", make_matrices<solve_triangular_kernel>);
  table.add("slogdet", make_matrices<slogdet_kernel>);
}

}  // namespace vob
