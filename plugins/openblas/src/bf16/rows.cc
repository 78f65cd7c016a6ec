// A few rows of bfloat16 against many: the scores and the weighted values of attention.
#include "../simd/transpose.h"
#include "kernels.h"

namespace vob {
namespace {

/* The sums of the lanes of 16 vectors. */
inline __m512 sums(__m512 (&v)[16]) {
  __m512i r[16];
  for (int i = 0; i < 16; ++i) r[i] = (__m512i)v[i];
  transpose(r);
  for (int step = 8; step; step /= 2)
    for (int i = 0; i < step; ++i) r[i] = (__m512i)_mm512_add_ps((__m512)r[i], (__m512)r[i + step]);
  return (__m512)r[0];
}

/* out[x] = out[x] keep[x] + sum over j of p[x][j] v[j], for X rows and 64 columns. */
template <int X, int V>
void weigh(float* out, int64_t ldo, const float* keep, const float* p, int64_t ldp,
           const uint16_t* v, int64_t ldv, int64_t n) {
  __m512 acc[X][V];
  for (int x = 0; x < X; ++x)
    for (int c = 0; c < V; ++c)
      acc[x][c] = _mm512_mul_ps(_mm512_loadu_ps(out + x * ldo + 16 * c), _mm512_set1_ps(keep[x]));
  for (int64_t j = 0; j < n; ++j, v += ldv)
    for (int c = 0; c < V; ++c) {
      const __m256i half = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(v + 16 * c));
      const __m512 y = (__m512)_mm512_slli_epi32(_mm512_cvtepu16_epi32(half), 16);
      for (int x = 0; x < X; ++x)
        acc[x][c] = _mm512_fmadd_ps(_mm512_set1_ps(p[x * ldp + j]), y, acc[x][c]);
    }
  for (int x = 0; x < X; ++x)
    for (int c = 0; c < V; ++c) _mm512_storeu_ps(out + x * ldo + 16 * c, acc[x][c]);
}

template <int X>
void weigh_rows(float* out, const float* keep, const float* p, int64_t ldp, const uint16_t* v,
                int64_t ldv, int64_t n, int64_t width) {
  int64_t c = 0;
  for (; c + 64 <= width; c += 64) weigh<X, 4>(out + c, width, keep, p, ldp, v + c, ldv, n);
  for (; c < width; c += 16) weigh<X, 1>(out + c, width, keep, p, ldp, v + c, ldv, n);
}

}  // namespace

void bf16_scores(float* to, int64_t ldt, const uint16_t* k, int64_t ldk, int64_t n,
                 const uint16_t* q, int64_t rows, int64_t depth, float scale) {
  for (int64_t j0 = 0; j0 < n; j0 += 16) {
    const int64_t m = n - j0 < 16 ? n - j0 : 16;
    for (int64_t x = 0; x < rows; ++x) {
      __m512 acc[16] = {};
      for (int64_t j = 0; j < m; ++j)
        for (int64_t d = 0; d < depth; d += 32)
          acc[j] = _mm512_dpbf16_ps(acc[j], (__m512bh)_mm512_loadu_si512(k + (j0 + j) * ldk + d),
                                    (__m512bh)_mm512_loadu_si512(q + x * depth + d));
      _mm512_mask_storeu_ps(to + x * ldt + j0, __mmask16((1u << m) - 1),
                            _mm512_mul_ps(sums(acc), _mm512_set1_ps(scale)));
    }
  }
}

void bf16_weighted(float* out, const float* keep, const float* p, int64_t ldp, const uint16_t* v,
                   int64_t ldv, int64_t n, int64_t rows, int64_t width) {
  for (int64_t x = 0; x < rows; x += 4) {
    float* at = out + x * width;
    const float* weights = p + x * ldp;
    switch (rows - x) {
      case 1:
        weigh_rows<1>(at, keep + x, weights, ldp, v, ldv, n, width);
        break;
      case 2:
        weigh_rows<2>(at, keep + x, weights, ldp, v, ldv, n, width);
        break;
      case 3:
        weigh_rows<3>(at, keep + x, weights, ldp, v, ldv, n, width);
        break;
      default:
        weigh_rows<4>(at, keep + x, weights, ldp, v, ldv, n, width);
    }
  }
}

}  // namespace vob
