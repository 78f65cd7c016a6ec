// A few rows of bfloat16 times many, each of which is read once, and not packed.
#include <immintrin.h>

#include "kernels.h"
#include "simd/transpose.h"

namespace vob {
namespace {

constexpr int kMost = 8;          // rows of x at a time: registers for the sums
constexpr int64_t kDepth = 1024;  // of many rows of x, so that they stay in the first cache
constexpr int64_t kLong = 4096;   // of a few

/* R rows of weights by X rows of x, the next R rows fetched meanwhile; y gets or, if `add`, is
 * added the sums. */
template <int R, int X>
void tile(float* y, int64_t ldy, const uint16_t* w, int64_t stride, const uint16_t* x, int64_t ldx,
          int64_t n, bool fetch, bool add) {
  __m512 acc[16];  // the first R X of them
  for (__m512& a : acc) a = _mm512_setzero_ps();
  auto step = [&](int64_t i, auto load) {
    __m512bh v[R];
    for (int r = 0; r < R; ++r) v[r] = (__m512bh)load(w + r * stride + i);
    for (int j = 0; j < X; ++j) {
      const __m512bh u = (__m512bh)load(x + j * ldx + i);
      for (int r = 0; r < R; ++r) acc[j * R + r] = _mm512_dpbf16_ps(acc[j * R + r], v[r], u);
    }
  };
  int64_t i = 0;
  for (; i + 32 <= n; i += 32) {
    for (int r = 0; r < R && fetch; ++r) {
      const int64_t at = R * i + 32 * r, next = at >= n;  // row after row, as memory likes it
      const uint16_t* p = w + (R + next) * stride + at - next * n;
      _mm_prefetch(reinterpret_cast<const char*>(p), _MM_HINT_T1);
    }
    step(i, [](const uint16_t* p) { return _mm512_loadu_si512(p); });
  }
  if (i < n) {
    const __mmask32 mask = (__mmask32(1) << (n - i)) - 1;
    step(i, [=](const uint16_t* p) { return _mm512_maskz_loadu_epi16(mask, p); });
  }
  alignas(64) float sum[16];
  _mm512_store_ps(sum, lane_sums(acc));
  for (int j = 0; j < X; ++j)
    for (int r = 0; r < R; ++r) y[j * ldy + r] = sum[j * R + r] + (add ? y[j * ldy + r] : 0.f);
}

template <int R>
void tiles(float* y, int64_t ldy, const uint16_t* w, int64_t stride, const uint16_t* x, int64_t ldx,
           int64_t count, int64_t n, bool add) {
  using Fn = void (*)(float*, int64_t, const uint16_t*, int64_t, const uint16_t*, int64_t, int64_t,
                      bool, bool);
  static const Fn by_count[] = {tile<R, 1>, tile<R, 2>, tile<R, 3>, tile<R, 4>,
                                tile<R, 5>, tile<R, 6>, tile<R, 7>, tile<R, 8>};
  bool fetch = true;
  for (int64_t groups = (count + kMost - 1) / kMost; groups; --groups, fetch = false) {
    const int64_t some = (count + groups - 1) / groups;  // as many in each
    by_count[some - 1](y, ldy, w, stride, x, ldx, n, fetch, add);
    y += some * ldy, x += some * ldx, count -= some;
  }
}

}  // namespace

void bf16_few_rows(float* y, int64_t ldy, const uint16_t* w, int64_t stride, int64_t rows,
                   const uint16_t* x, int64_t ldx, int64_t count, int64_t n) {
  const int64_t most = count <= 4 ? kLong : kDepth;
  for (int64_t k = 0; k < n; k += most, w += most, x += most) {
    const int64_t depth = n - k < most ? n - k : most;
    int64_t r = 0;
    for (; r + 2 <= rows; r += 2)
      tiles<2>(y + r, ldy, w + r * stride, stride, x, ldx, count, depth, k > 0);
    if (r < rows) tiles<1>(y + r, ldy, w + r * stride, stride, x, ldx, count, depth, k > 0);
  }
}

}  // namespace vob
