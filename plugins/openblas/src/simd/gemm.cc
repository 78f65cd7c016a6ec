// Packing and the register tile of float32 products, for instruction sets whose tile beats
// OpenBLAS.
#include "products/packed_kernels.h"

#include "parts.h"
#if defined(__AVX512F__)
#include "tile.h"
#include "transpose.h"
#endif

namespace vob {
namespace VOB_ISA {

#if defined(__AVX512F__)
namespace {

// Lines of memory, far apart, that no hardware foresees. Those a power of two apart share a few
// places in the cache, so what is asked for much earlier is gone when its turn comes.
constexpr int64_t kAhead = 4;

inline void prefetch(const float* x, int64_t n) {
  for (int64_t i = 0; i < n; i += 16)
    _mm_prefetch(reinterpret_cast<const char*>(x + i), _MM_HINT_T0);
}

/* At most 16 lines of k numbers each become columns: number p of line i is to[p * step + i]. */
void pack_lines(uint32_t* to, int64_t step, const float* from, int64_t line, int64_t lines,
                int64_t k) {
  for (int64_t p = 0; p < k; p += 16, to += 16 * step) {
    __m512i r[16];
    for (int i = 0; i < 16; ++i)
      r[i] = i < lines ? _mm512_maskz_loadu_epi32(first16(k - p), from + i * line + p)
                       : _mm512_setzero_si512();
    transpose(r);
    for (int i = 0; i < 16 && i < k - p; ++i) _mm512_storeu_si512(to + i * step, r[i]);
  }
}

void pack_b(uint32_t* to, const float* b, int64_t s0, int64_t s1, int64_t k, int64_t n) {
  if (s1 != 1) {  // columns lie along k
    pack_lines(to, 32, b, s1, n < 16 ? n : 16, k);
    pack_lines(to + 16, 32, b + 16 * s1, s1, n < 16 ? 0 : n - 16, k);
    return;
  }
  for (int64_t p = 0; p < k; ++p, b += s0, to += 32) {
    prefetch(b + kAhead * s0, 32);
    _mm512_storeu_si512(to, _mm512_maskz_loadu_epi32(first16(n), b));
    _mm512_storeu_si512(to + 16, _mm512_maskz_loadu_epi32(first16(n - 16), b + 16));
  }
}

void copy_rows(uint32_t* to, int64_t step, const float* a, int64_t s0, int64_t rows, int64_t k) {
  for (int64_t i = 0; i < rows; ++i, to += step, a += s0)
    for (int64_t p = 0; p < k; p += 16)
      _mm512_storeu_si512(to + p, _mm512_maskz_loadu_epi32(first16(k - p), a + p));
}

void copy_columns(uint32_t* to, int64_t step, const float* a, int64_t s1, int64_t rows, int64_t k) {
  for (int64_t p = 0; p < k; ++p, to += step, a += s1) {
    prefetch(a + kAhead * s1, rows);
    for (int64_t i = 0; i < rows; i += 16)
      _mm512_storeu_si512(to + i, _mm512_maskz_loadu_epi32(first16(rows - i), a + i));
  }
}

struct Madd {
  using E = float;
  static __m512 madd(__m512 sum, __m512i a, __m512i b) {
    return _mm512_fmadd_ps((__m512)a, (__m512)b, sum);
  }
  static void store(float*, const float*, __m512, __m512, int64_t) {}  // float32 is wide
};

}  // namespace

void fill_gemm(Simd& s) {
  static const PackedKernels<float> kernels{pack_b, copy_rows, copy_columns, tile<Madd>};
  s.gemm32 = &kernels;
}
#else
void fill_gemm(Simd& s) { s.gemm32 = nullptr; }
#endif

}  // namespace VOB_ISA
}  // namespace vob
