#include "products/gemm.h"

#include <algorithm>
#include <type_traits>

#include "base/lines.h"
#include "products/gemm_packed.h"

namespace vob {

bool blas_layout(const Matrices& a, bool& transposed, int64_t& ld) {
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

inline void call_blas(const Blas& f, int ta, int tb, int m, int n, int k, const float* a, int lda,
                      const float* b, int ldb, bool add, float* c, int ldc) {
  f.sgemm(kRowMajor, ta, tb, m, n, k, 1.f, a, lda, b, ldb, add ? 1.f : 0.f, c, ldc);
}
inline void call_blas(const Blas& f, int ta, int tb, int m, int n, int k, const double* a, int lda,
                      const double* b, int ldb, bool add, double* c, int ldc) {
  f.dgemm(kRowMajor, ta, tb, m, n, k, 1., a, lda, b, ldb, add ? 1. : 0., c, ldc);
}
inline void call_blas(const Blas& f, int ta, int tb, int m, int n, int k,
                      const std::complex<float>* a, int lda, const std::complex<float>* b, int ldb,
                      bool add, std::complex<float>* c, int ldc) {
  const std::complex<float> one(1), beta(add ? 1.f : 0.f);
  f.cgemm(kRowMajor, ta, tb, m, n, k, &one, a, lda, b, ldb, &beta, c, ldc);
}
inline void call_blas(const Blas& f, int ta, int tb, int m, int n, int k,
                      const std::complex<double>* a, int lda, const std::complex<double>* b,
                      int ldb, bool add, std::complex<double>* c, int ldc) {
  const std::complex<double> one(1), beta(add ? 1. : 0.);
  f.zgemm(kRowMajor, ta, tb, m, n, k, &one, a, lda, b, ldb, &beta, c, ldc);
}

template <class T>
void dot_rows(const Simd* s, T* y, const T* a, int64_t stride, const T* x, int64_t rows,
              int64_t n) {
  if constexpr (sizeof(T) == 4) {
    s->dot_rows32(y, 1, a, stride, x, rows, n);
  } else {
    s->dot_rows64(y, 1, a, stride, x, rows, n);
  }
}
template <class T>
void axpy_rows(const Simd* s, T* y, const T* a, int64_t stride, const T* x, int64_t xstride,
               int64_t rows, int64_t n) {
  if constexpr (sizeof(T) == 4) {
    s->axpy_rows32(y, a, stride, x, xstride, rows, n);
  } else {
    s->axpy_rows64(y, a, stride, x, xstride, rows, n);
  }
}
template <class T>
void small_gemm(const Simd* s, T* c, int64_t ldc, const T* a, int64_t sa0, int64_t sa1, const T* b,
                int64_t ldb, int64_t m, int64_t n, int64_t k) {
  if constexpr (sizeof(T) == 4) {
    s->small_gemm32(c, ldc, a, sa0, sa1, b, ldb, m, n, k);
  } else {
    s->small_gemm64(c, ldc, a, sa0, sa1, b, ldb, m, n, k);
  }
}

/* y[n] = x[k] @ mat[k, n], the matrix's element (p, j) at p * s0 + j * s1. */
template <class T>
void vector_matrix(Device& d, T* y, const T* x, int64_t sx, const T* mat, int64_t s0, int64_t s1,
                   int64_t n, int64_t k, bool serial, const T* bias) {
  auto add_bias = [&](int64_t b, int64_t e) {
    if (bias)
      for (int64_t j = b; j < e; ++j) y[j] += bias[j];
  };
  if (s0 == 1 || k == 1) {  // the columns lie in rows: dot products
    if (sx != 1 && k > 1) {
      T* packed = static_cast<T*>(thread_scratch(1, size_t(k) * sizeof(T)));
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

constexpr double kSerialFlops = 1 << 20;

/* How one product is cut for the threads.  A cut costs packing anew, so there are as few tiles as
 * threads; but three quarters of the rows go first, and the last quarter, in as many small tiles,
 * to whoever is done: a thread that a neighbour slows down then holds nobody up. */
class Tiles {
 public:
  Tiles(int threads, const GemmShape& s, double flops) : m_(s.m), n_(s.n), first_(s.m) {
    if (threads == 1 || flops * double(s.batch) <= kSerialFlops || s.batch >= 4 * threads) return;
    const int64_t want = (threads + s.batch - 1) / s.batch;
    double best = 1e300;
    for (int64_t rows = 1; rows <= want; ++rows) {
      const int64_t cols = (want + rows - 1) / rows;
      const double edge = double(m_) / double(rows) + double(n_) / double(cols);
      if (rows * cols > want + want / 4 || edge >= best) continue;
      best = edge;
      rows_ = rows;
      cols_ = cols;
    }
    // A second wave packs B once more: not where B is the bulk of the work's memory.
    if (flops > 6e8 && m_ / rows_ >= 256 && 2 * m_ >= n_) first_ = m_ / 4 * 3, waves_ = 2;
  }
  int64_t count() const { return rows_ * cols_ * waves_; }
  void place(int64_t u, int64_t& m0, int64_t& mm, int64_t& n0, int64_t& nn) const {
    const int64_t wave = u / (rows_ * cols_), i = u % (rows_ * cols_) / cols_, j = u % cols_;
    const int64_t begin = wave ? first_ : 0, length = wave ? m_ - first_ : first_;
    cut(length, rows_, i, m0, mm);
    m0 += begin;
    cut(n_, cols_, j, n0, nn);
  }

 private:
  static void cut(int64_t length, int64_t parts, int64_t i, int64_t& begin, int64_t& n) {
    const int64_t step = ((length + parts - 1) / parts + 15) / 16 * 16;
    begin = std::min(i * step, length);
    n = std::min(step, length - begin);
  }
  int64_t m_, n_, first_, rows_ = 1, cols_ = 1, waves_ = 1;
};

constexpr int64_t kSmall =
    32 * 32 * 32;                      // multiplications: below, packing costs more than it saves
constexpr int64_t kFew = 8;            // rows that are not worth packing
constexpr int64_t kSmallPanel = 4096;  // elements of B that a small product may repack

}  // namespace

template <class T>
void gemm(Device& d, const GemmShape& s, T* c, const T* a, const Matrices& am, const T* b,
          const Matrices& bm, const T* bias) {
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
        T* pc = c + i * m * n;
        if (m == 1) {
          vector_matrix(d, pc, pa, am.s1, pb, bm.s0, bm.s1, n, k, serial, bias);
        } else {
          vector_matrix(d, pc, pb, bm.s0, pa, am.s1, am.s0, m, k, serial,
                        static_cast<const T*>(nullptr));
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
          T* pc = c + i * m * n;
          small_gemm(d.simd, pc, n, pa, ta ? 1 : lda, ta ? lda : 1, pb, ld, m, n, k);
          if (bias)
            for (int64_t r = 0; r < m; ++r)
              for (int64_t j = 0; j < n; ++j) pc[r * n + j] += bias[j];
        }
      });
      return;
    }
  }

  if constexpr (std::is_same_v<T, float>)
    if (d.simd->gemm32 && m > kFew && n >= kTileCols && k >= 16 &&
        gemm_packed(d, *d.simd->gemm32, s, {c, bias}, a, am, b, bm))
      return;

  const Tiles tiles(d.pool.threads(), s, flops);
  auto tile = [&](int64_t u) {
    // tiles of all matrices before the next, smaller tiles
    const int64_t i = u % s.batch, at = u / s.batch;
    int64_t m0, n0, mm, nn;
    tiles.place(at, m0, mm, n0, nn);
    if (mm <= 0 || nn <= 0) return;
    const T* pa = a + am.batch.at(i) + m0 * (ta ? 1 : lda);
    const T* pb = b + bm.batch.at(i) + n0 * (tb ? ldb : 1);
    T* pc = c + i * m * n + m0 * n + n0;
    if (bias)
      for (int64_t r = 0; r < mm; ++r) std::memcpy(pc + r * n, bias + n0, size_t(nn) * sizeof(T));
    call_blas(d.blas, ta ? kTrans : kNoTrans, tb ? kTrans : kNoTrans, int(mm), int(nn), int(k), pa,
              int(lda), pb, int(ldb), bias != nullptr, pc, int(n));
  };
  const int64_t units = s.batch * tiles.count();
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

template void gemm(Device&, const GemmShape&, float*, const float*, const Matrices&, const float*,
                   const Matrices&, const float*);
template void gemm(Device&, const GemmShape&, double*, const double*, const Matrices&,
                   const double*, const Matrices&, const double*);
template void gemm(Device&, const GemmShape&, std::complex<float>*, const std::complex<float>*,
                   const Matrices&, const std::complex<float>*, const Matrices&,
                   const std::complex<float>*);
template void gemm(Device&, const GemmShape&, std::complex<double>*, const std::complex<double>*,
                   const Matrices&, const std::complex<double>*, const Matrices&,
                   const std::complex<double>*);

}  // namespace vob
