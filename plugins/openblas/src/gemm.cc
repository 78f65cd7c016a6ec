#include "gemm.h"

#include <algorithm>
#include <type_traits>

#include "lines.h"

namespace vob {

bool blas_layout(const Matrices &a, bool &transposed, int64_t &ld) {
  // a dim of size 1 fits any stride
  const int64_t s0 = a.rows == 1 ? (a.s1 == 1 ? a.cols : 1) : a.s0;
  const int64_t s1 = a.cols == 1 ? (a.rows == 1 || a.s0 != 1 ? 1 : a.rows) : a.s1;
  constexpr int64_t kMost = 0x7fffffff;
  if (s1 == 1 && s0 >= std::max<int64_t>(1, a.cols) && s0 < kMost) {
    transposed = false;
    ld = s0;
    return true;
  }
  if (s0 == 1 && s1 >= std::max<int64_t>(1, a.rows) && s1 < kMost) {
    transposed = true;
    ld = s1;
    return true;
  }
  return false;
}

namespace {

template <class T>
constexpr bool kReal = std::is_floating_point_v<T>;

inline void call_blas(const Blas &f, int ta, int tb, int m, int n, int k, const float *a, int lda,
                      const float *b, int ldb, bool add, float *c, int ldc) {
  f.sgemm(kRowMajor, ta, tb, m, n, k, 1.f, a, lda, b, ldb, add ? 1.f : 0.f, c, ldc);
}
inline void call_blas(const Blas &f, int ta, int tb, int m, int n, int k, const double *a, int lda,
                      const double *b, int ldb, bool add, double *c, int ldc) {
  f.dgemm(kRowMajor, ta, tb, m, n, k, 1., a, lda, b, ldb, add ? 1. : 0., c, ldc);
}
inline void call_blas(const Blas &f, int ta, int tb, int m, int n, int k,
                      const std::complex<float> *a, int lda, const std::complex<float> *b, int ldb,
                      bool add, std::complex<float> *c, int ldc) {
  const std::complex<float> one(1), beta(add ? 1.f : 0.f);
  f.cgemm(kRowMajor, ta, tb, m, n, k, &one, a, lda, b, ldb, &beta, c, ldc);
}
inline void call_blas(const Blas &f, int ta, int tb, int m, int n, int k,
                      const std::complex<double> *a, int lda, const std::complex<double> *b,
                      int ldb, bool add, std::complex<double> *c, int ldc) {
  const std::complex<double> one(1), beta(add ? 1. : 0.);
  f.zgemm(kRowMajor, ta, tb, m, n, k, &one, a, lda, b, ldb, &beta, c, ldc);
}

template <class T>
void dot_rows(const Simd *s, T *y, const T *a, int64_t stride, const T *x, int64_t rows,
              int64_t n) {
  if constexpr (sizeof(T) == 4) {
    s->dot_rows32(y, 1, a, stride, x, rows, n);
  } else {
    s->dot_rows64(y, 1, a, stride, x, rows, n);
  }
}
template <class T>
void axpy_rows(const Simd *s, T *y, const T *a, int64_t stride, const T *x, int64_t xstride,
               int64_t rows, int64_t n) {
  if constexpr (sizeof(T) == 4) {
    s->axpy_rows32(y, a, stride, x, xstride, rows, n);
  } else {
    s->axpy_rows64(y, a, stride, x, xstride, rows, n);
  }
}
template <class T>
void small_gemm(const Simd *s, T *c, int64_t ldc, const T *a, int64_t sa0, int64_t sa1, const T *b,
                int64_t ldb, int64_t m, int64_t n, int64_t k) {
  if constexpr (sizeof(T) == 4) {
    s->small_gemm32(c, ldc, a, sa0, sa1, b, ldb, m, n, k);
  } else {
    s->small_gemm64(c, ldc, a, sa0, sa1, b, ldb, m, n, k);
  }
}

/* y[n] = x[k] @ mat[k, n], the matrix's element (p, j) at p * s0 + j * s1. */
template <class T>
void vector_matrix(Device &d, T *y, const T *x, int64_t sx, const T *mat, int64_t s0, int64_t s1,
                   int64_t n, int64_t k, bool serial, const T *bias) {
  auto add_bias = [&](int64_t b, int64_t e) {
    if (bias)
      for (int64_t j = b; j < e; ++j) y[j] += bias[j];
  };
  if (s0 == 1 || k == 1) {  // the columns lie in rows: dot products
    if (sx != 1 && k > 1) {
      T *packed = static_cast<T *>(thread_scratch(1, size_t(k) * sizeof(T)));
      if (packed)
        for (int64_t p = 0; p < k; ++p) packed[p] = x[p * sx];
      if (packed) x = packed;
      if (packed) sx = 1;
    }
    if (sx == 1 || k == 1) {
      auto part = [&](int64_t b, int64_t e) {
        dot_rows(d.simd, y + b, mat + b * s1, s1, x, e - b, k);
        add_bias(b, e);
      };
      serial ? part(0, n) : d.pool.ranges(n, double(k) / 2, 4, part);
      return;
    }
  }
  auto part = [&](int64_t b, int64_t e) {
    for (int64_t j = b; j < e; ++j) y[j] = 0;
    if (s1 == 1 || n == 1) {
      axpy_rows(d.simd, y + b, mat + b * s1, s0, x, sx, k, e - b);
    } else {
      for (int64_t p = 0; p < k; ++p)
        for (int64_t j = b; j < e; ++j) y[j] += x[p * sx] * mat[p * s0 + j * s1];
    }
    add_bias(b, e);
  };
  serial ? part(0, n) : d.pool.ranges(n, double(k) / 2, 256, part);
}

constexpr int64_t kSmall = 32 * 32 * 32;    // multiplications: below, packing costs more than it saves
constexpr double kSerialFlops = 1 << 20;
constexpr int64_t kSmallPanel = 4096;       // elements of B that a small product may repack

}  // namespace

template <class T>
void gemm(Device &d, const GemmShape &s, T *c, const T *a, const Matrices &am, const T *b,
          const Matrices &bm, const T *bias) {
  const int64_t m = s.m, n = s.n, k = s.k;
  const double flops = 2.0 * double(m) * double(n) * double(k);
  bool ta = false, tb = false;
  int64_t lda = 1, ldb = 1;
  blas_layout(am, ta, lda);
  blas_layout(bm, tb, ldb);

  if constexpr (kReal<T>) {
    if (m == 1 || n == 1) {
      auto one = [&](int64_t i, bool serial) {
        const T *pa = a + am.batch.at(i), *pb = b + bm.batch.at(i);
        T *pc = c + i * m * n;
        if (m == 1) {
          vector_matrix(d, pc, pa, am.s1, pb, bm.s0, bm.s1, n, k, serial, bias);
        } else {
          vector_matrix(d, pc, pb, bm.s0, pa, am.s1, am.s0, m, k, serial,
                        static_cast<const T *>(nullptr));
          if (bias)
            for (int64_t j = 0; j < m; ++j) pc[j] += bias[0];
        }
      };
      if (s.batch == 1) return one(0, false);
      d.pool.ranges(s.batch, flops / 4 + 8, 1, [&](int64_t x, int64_t y) {
        for (int64_t i = x; i < y; ++i) one(i, true);
      });
      return;
    }
    if (m * n * k <= kSmall && (!tb || k * n <= kSmallPanel)) {
      d.pool.ranges(s.batch, flops / 4 + 16, 1, [&](int64_t x, int64_t y) {
        alignas(64) T panel[kSmallPanel];
        for (int64_t i = x; i < y; ++i) {
          const T *pa = a + am.batch.at(i), *pb = b + bm.batch.at(i);
          int64_t ld = ldb;
          if (tb) {
            for (int64_t j = 0; j < n; ++j)
              for (int64_t p = 0; p < k; ++p) panel[p * n + j] = pb[j * ldb + p];
            pb = panel;
            ld = n;
          }
          T *pc = c + i * m * n;
          small_gemm(d.simd, pc, n, pa, ta ? 1 : lda, ta ? lda : 1, pb, ld, m, n, k);
          if (bias)
            for (int64_t r = 0; r < m; ++r)
              for (int64_t j = 0; j < n; ++j) pc[r * n + j] += bias[j];
        }
      });
      return;
    }
  }

  // Tiles: enough for every thread to have a few, each as large as can be.
  int64_t tm = 1, tn = 1;
  if (d.pool.threads() > 1 && flops * double(s.batch) > kSerialFlops) {
    const int64_t want = d.pool.threads() * 2;
    while (s.batch * tm * tn < want) {
      const int64_t hm = m / (tm * 2), hn = n / (tn * 2);
      if (hm < 32 && hn < 32) break;
      (hm >= hn ? tm : tn) *= 2;
    }
  }
  const int64_t sm = ((m + tm - 1) / tm + 15) / 16 * 16, sn = ((n + tn - 1) / tn + 15) / 16 * 16;
  tm = (m + sm - 1) / sm;
  tn = (n + sn - 1) / sn;
  auto tile = [&](int64_t u) {
    const int64_t i = u / (tm * tn), m0 = u / tn % tm * sm, n0 = u % tn * sn;
    const int64_t mm = std::min(sm, m - m0), nn = std::min(sn, n - n0);
    const T *pa = a + am.batch.at(i) + m0 * (ta ? 1 : lda);
    const T *pb = b + bm.batch.at(i) + n0 * (tb ? ldb : 1);
    T *pc = c + i * m * n + m0 * n + n0;
    if (bias)
      for (int64_t r = 0; r < mm; ++r) std::memcpy(pc + r * n, bias + n0, size_t(nn) * sizeof(T));
    call_blas(d.blas, ta ? kTrans : kNoTrans, tb ? kTrans : kNoTrans, int(mm), int(nn), int(k), pa,
              int(lda), pb, int(ldb), bias != nullptr, pc, int(n));
  };
  const int64_t units = s.batch * tm * tn;
  if (flops * double(s.batch) <= kSerialFlops) {
    for (int64_t u = 0; u < units; ++u) tile(u);
  } else if (s.batch < 8 * d.pool.threads()) {
    d.pool.each(units, tile);
  } else {
    d.pool.ranges(units, flops / 16, 1, [&](int64_t x, int64_t y) {
      for (int64_t u = x; u < y; ++u) tile(u);
    });
  }
}

template void gemm(Device &, const GemmShape &, float *, const float *, const Matrices &,
                   const float *, const Matrices &, const float *);
template void gemm(Device &, const GemmShape &, double *, const double *, const Matrices &,
                   const double *, const Matrices &, const double *);
template void gemm(Device &, const GemmShape &, std::complex<float> *, const std::complex<float> *,
                   const Matrices &, const std::complex<float> *, const Matrices &,
                   const std::complex<float> *);
template void gemm(Device &, const GemmShape &, std::complex<double> *,
                   const std::complex<double> *, const Matrices &, const std::complex<double> *,
                   const Matrices &, const std::complex<double> *);

}  // namespace vob
