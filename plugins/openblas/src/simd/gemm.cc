// Packing and the register tile of float32 products, for instruction sets whose tile beats
// OpenBLAS.
#include "../packed_kernels.h"

#include <cstring>

#include "parts.h"
#if defined(__AVX512F__)
#include "transpose.h"
#endif

namespace vob {
namespace VOB_ISA {

#if defined(__AVX512F__)
namespace {

constexpr int64_t kAhead = 16;  // lines of memory, far apart, that no hardware foresees

inline __mmask16 first(int64_t n) { return n >= 16 ? 0xffff : __mmask16((1u << n) - 1); }

inline void prefetch(const float* x, int64_t n) {
  for (int64_t i = 0; i < n; i += 16)
    _mm_prefetch(reinterpret_cast<const char*>(x + i), _MM_HINT_T0);
}

/* At most 16 lines of k numbers each become columns: number p of line i is to[p * step + i]. */
void pack_lines(uint32_t* to, int64_t step, int64_t written, const float* from, int64_t line,
                int64_t lines, int64_t k) {
  for (int64_t p = 0; p < k; p += 16, to += 16 * step) {
    __m512i r[16];
    for (int i = 0; i < 16; ++i)
      r[i] = i < lines ? _mm512_maskz_loadu_epi32(first(k - p), from + i * line + p)
                       : _mm512_setzero_si512();
    transpose(r);
    for (int i = 0; i < 16 && i < k - p; ++i)
      _mm512_mask_storeu_epi32(to + i * step, first(written), r[i]);
  }
}

void pack_b(uint32_t* to, const float* b, int64_t s0, int64_t s1, int64_t k, int64_t n) {
  if (s1 != 1) {  // columns lie along k
    pack_lines(to, 32, 16, b, s1, n < 16 ? n : 16, k);
    pack_lines(to + 16, 32, 16, b + 16 * s1, s1, n < 16 ? 0 : n - 16, k);
    return;
  }
  for (int64_t p = 0; p < k; ++p, b += s0, to += 32) {
    prefetch(b + kAhead * s0, 32);
    _mm512_storeu_si512(to, _mm512_maskz_loadu_epi32(first(n), b));
    _mm512_storeu_si512(to + 16, _mm512_maskz_loadu_epi32(n < 16 ? 0 : first(n - 16), b + 16));
  }
}

void pack_a(uint32_t* to, const float* a, int64_t s0, int64_t s1, int64_t rows, int64_t each,
            int64_t k) {
  if (s1 == 1) {
    for (int64_t r = 0; r < rows; r += each) {
      const int64_t n = r + each < rows ? each : rows - r;
      pack_lines(to + r * k, n, n, a + r * s0, s0, n, k);
    }
    return;
  }
  // all rows of a column before the next: its cache lines are read once
  for (int64_t p = 0; p < k; ++p, a += s1) {
    if (s0 == 1) prefetch(a + kAhead * s1, rows);
    for (int64_t r = 0; r < rows; r += each) {
      const int64_t n = r + each < rows ? each : rows - r;
      uint32_t* at = to + r * k + p * n;
      if (s0 == 1)
        _mm512_mask_storeu_epi32(at, first(n), _mm512_maskz_loadu_epi32(first(n), a + r));
      else
        for (int64_t i = 0; i < n; ++i) std::memcpy(at + i, a + (r + i) * s0, 4);
    }
  }
}

template <int R>
void tile_of(float* c, int64_t ldc, const uint32_t* a, const uint32_t* b, int64_t words, bool add) {
  __m512 acc[R][2];
  for (int i = 0; i < R; ++i)
    for (int j = 0; j < 2; ++j)
      acc[i][j] = add ? _mm512_loadu_ps(c + i * ldc + 16 * j) : _mm512_setzero_ps();
  for (int64_t p = 0; p < words; ++p, a += R, b += 32) {
    const __m512 b0 = (__m512)_mm512_loadu_si512(b), b1 = (__m512)_mm512_loadu_si512(b + 16);
    for (int i = 0; i < R; ++i) {
      const __m512 x = (__m512)_mm512_set1_epi32(int(a[i]));
      acc[i][0] = _mm512_fmadd_ps(x, b0, acc[i][0]);
      acc[i][1] = _mm512_fmadd_ps(x, b1, acc[i][1]);
    }
  }
  for (int i = 0; i < R; ++i)
    for (int j = 0; j < 2; ++j) _mm512_storeu_ps(c + i * ldc + 16 * j, acc[i][j]);
}

void tile(float* c, int64_t ldc, const uint32_t* a, const uint32_t* b, int64_t rows, int64_t words,
          bool add) {
  using Fn = void (*)(float*, int64_t, const uint32_t*, const uint32_t*, int64_t, bool);
  static const Fn by_rows[] = {nullptr,     tile_of<1>,  tile_of<2>, tile_of<3>, tile_of<4>,
                               tile_of<5>,  tile_of<6>,  tile_of<7>, tile_of<8>, tile_of<9>,
                               tile_of<10>, tile_of<11>, tile_of<12>};
  by_rows[rows](c, ldc, a, b, words, add);
}

void round(float* to, const float* x, int64_t n) { std::memcpy(to, x, size_t(n) * 4); }

}  // namespace

void fill_gemm(Simd& s) {
  static const PackedKernels<float> kernels{pack_b, pack_a, tile, round};
  s.gemm32 = &kernels;
}
#else
void fill_gemm(Simd& s) { s.gemm32 = nullptr; }
#endif

}  // namespace VOB_ISA
}  // namespace vob
