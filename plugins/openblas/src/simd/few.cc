// A few rows times many: each row of weights is read once, and not packed.
#include "halves.h"
#include "parts.h"
#include "row.h"

namespace vob {
namespace VOB_ISA {
namespace {

constexpr int kMost = kLanes<float> == 16 ? 8 : 4;  // rows of x at a time: registers for the sums

/* What a row of weights holds, as T. */
template <class T>
struct Plain {
  using Row = T;
  static Vec<T> vec(const T* p) { return load(p); }
  static T one(T v) { return v; }
};
struct Bf16 {
  using Row = uint16_t;
  static Vec<float> vec(const uint16_t* p) { return load_bf16(p); }
  static float one(uint16_t v) { return bits<float>(uint32_t(v) << 16); }
};
struct F16 {
  using Row = uint16_t;
  static Vec<float> vec(const uint16_t* p) { return load_f16(p); }
  static float one(uint16_t v) { return one_f16(v); }
};

/* R rows of weights by X rows of x, the next R rows fetched meanwhile; y gets or, if `add`, is
 * added the sums. */
template <class W, class T, int R, int X>
void tile(T* y, int64_t ldy, const typename W::Row* w, int64_t stride, const T* x, int64_t ldx,
          int64_t n, bool fetch, bool add) {
  constexpr int64_t L = kLanes<T>;
  Vec<T> acc[R][X] = {};
  int64_t i = 0;
  for (; i + L <= n; i += L) {
    Vec<T> v[R];
    for (int r = 0; r < R; ++r) {
      v[r] = W::vec(w + r * stride + i);
      const int64_t at = R * i + L * r, next = at >= n;  // row after row, as memory likes it
      if (fetch) __builtin_prefetch(w + (R + next) * stride + at - next * n, 0, 2);
    }
    for (int j = 0; j < X; ++j) {
      const Vec<T> u = load(x + j * ldx + i);
      for (int r = 0; r < R; ++r) acc[r][j] += v[r] * u;
    }
  }
  for (int r = 0; r < R; ++r)
    for (int j = 0; j < X; ++j) {
      T sum = lane_sum<T>(acc[r][j]);
      for (int64_t k = i; k < n; ++k) sum += W::one(w[r * stride + k]) * x[j * ldx + k];
      y[j * ldy + r] = add ? y[j * ldy + r] + sum : sum;
    }
}

template <class W, class T, int R>
void tiles(T* y, int64_t ldy, const typename W::Row* w, int64_t stride, const T* x, int64_t ldx,
           int64_t count, int64_t n, bool add) {
  using Fn = void (*)(T*, int64_t, const typename W::Row*, int64_t, const T*, int64_t, int64_t,
                      bool, bool);
  static const Fn by_count[] = {tile<W, T, R, 1>, tile<W, T, R, 2>, tile<W, T, R, 3>,
                                tile<W, T, R, 4>,
#if defined(__AVX512F__)
                                tile<W, T, R, 5>, tile<W, T, R, 6>, tile<W, T, R, 7>,
                                tile<W, T, R, 8>
#endif
  };
  bool fetch = true;
  for (int64_t groups = (count + kMost - 1) / kMost; groups; --groups, fetch = false) {
    const int64_t some = (count + groups - 1) / groups;  // as many in each
    by_count[some - 1](y, ldy, w, stride, x, ldx, n, fetch, add);
    y += some * ldy, x += some * ldx, count -= some;
  }
}

template <class W, class T>
void few_rows(T* y, int64_t ldy, const typename W::Row* w, int64_t stride, int64_t rows, const T* x,
              int64_t ldx, int64_t count, int64_t n) {
  // of x, so that it stays in the first cache, or long rows of a few
  const int64_t most = (count <= 4 ? 8192 : 2048) / sizeof(T);
  for (int64_t k = 0; k < n; k += most, w += most, x += most) {
    const int64_t depth = n - k < most ? n - k : most;
    int64_t r = 0;
    for (; r + 2 <= rows; r += 2)
      tiles<W, T, 2>(y + r, ldy, w + r * stride, stride, x, ldx, count, depth, k > 0);
    if (r < rows) tiles<W, T, 1>(y + r, ldy, w + r * stride, stride, x, ldx, count, depth, k > 0);
  }
}

}  // namespace

void fill_few(Simd& s) {
  s.few_rows32 = few_rows<Plain<float>, float>;
  s.few_rows64 = few_rows<Plain<double>, double>;
  s.few_rows_bf16 = few_rows<Bf16, float>;
  s.few_rows_f16 = few_rows<F16, float>;
}

}  // namespace VOB_ISA
}  // namespace vob
