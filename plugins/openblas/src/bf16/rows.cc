// A few rows of bfloat16 against many: the scores and the weighted values of attention.
#include "kernels.h"
#include "simd/transpose.h"

namespace vob {
namespace {

constexpr int64_t kNear = 64;  // rows of values that stay in the first cache

/* out[x] = out[x] keep[x] + sum over j of p[x][j] v[j], for X rows and V vectors of columns. */
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

/* Whole rows of 128 at once: memory that is read in order comes twice as fast as by columns. */
template <int X>
void weigh_rows(float* out, const float* keep, const float* p, int64_t ldp, const uint16_t* v,
                int64_t ldv, int64_t n, int64_t width) {
  int64_t c = 0;
  for (; c + 128 <= width; c += 128) weigh<X, 8>(out + c, width, keep, p, ldp, v + c, ldv, n);
  for (; c + 64 <= width; c += 64) weigh<X, 4>(out + c, width, keep, p, ldp, v + c, ldv, n);
  for (; c < width; c += 16) weigh<X, 1>(out + c, width, keep, p, ldp, v + c, ldv, n);
}

/* acc[16 / X x + j] += q[x] k[j], V vectors of each; what is loaded of q stays in registers. */
template <int X, int V>
inline void multiply(__m512 (&acc)[16], const uint16_t* const (&k)[16 / X], const uint16_t* q,
                     int64_t depth, int64_t d) {
  __m512bh row[X][V];
  for (int x = 0; x < X; ++x)
    for (int v = 0; v < V; ++v)
      row[x][v] = (__m512bh)_mm512_loadu_si512(q + x * depth + d + 32 * v);
  for (int j = 0; j < 16 / X; ++j)
    for (int v = 0; v < V; ++v) {
      const __m512bh key = (__m512bh)_mm512_loadu_si512(k[j] + d + 32 * v);
      for (int x = 0; x < X; ++x) {
        __m512& sum = acc[16 / X * x + j];
        sum = _mm512_dpbf16_ps(sum, key, row[x][v]);
      }
    }
}

/* Scores of X queries and n keys. */
template <int X>
void score(float* to, int64_t ldt, const uint16_t* k, int64_t ldk, int64_t n, const uint16_t* q,
           int64_t depth, __m512 scale) {
  constexpr int kKeys = 16 / X;
  const uint16_t* keys[kKeys];  // beyond the last one: that again
  for (int j = 0; j < kKeys; ++j) keys[j] = k + (j < n ? j : n - 1) * ldk;
  __m512 acc[16] = {};
  int64_t d = 0;
  for (; d + 128 <= depth; d += 128) multiply<X, 4>(acc, keys, q, depth, d);
  for (; d < depth; d += 32) multiply<X, 1>(acc, keys, q, depth, d);
  const __m512 all = _mm512_mul_ps(lane_sums(acc), scale);
  const __mmask16 some = __mmask16((1u << (n < kKeys ? n : kKeys)) - 1);
  _mm512_mask_storeu_ps(to, some, all);
  if (X == 2)
    _mm512_mask_storeu_ps(to + ldt, some,
                          (__m512)_mm512_maskz_compress_epi32(0xff00, (__m512i)all));
}

}  // namespace

void bf16_scores(float* to, int64_t ldt, const uint16_t* k, int64_t ldk, int64_t n,
                 const uint16_t* q, int64_t rows, int64_t depth, float scale) {
  const __m512 s = _mm512_set1_ps(scale);
  for (int64_t x = 0; x < rows; x += 2)
    if (x + 1 < rows)
      for (int64_t j = 0; j < n; j += 8)
        score<2>(to + x * ldt + j, ldt, k + j * ldk, ldk, n - j, q + x * depth, depth, s);
    else
      for (int64_t j = 0; j < n; j += 16)
        score<1>(to + x * ldt + j, ldt, k + j * ldk, ldk, n - j, q + x * depth, depth, s);
}

void bf16_weighted(float* out, const float* keep, const float* p, int64_t ldp, const uint16_t* v,
                   int64_t ldv, int64_t n, int64_t rows, int64_t width) {
  static const float ones[2] = {1, 1};
  const int64_t step = rows > 2 ? kNear : n;
  for (int64_t j = 0; j < n; j += step) {
    const int64_t m = n - j < step ? n - j : step;
    for (int64_t x = 0; x < rows; x += 2) {
      const auto some = x + 1 < rows ? weigh_rows<2> : weigh_rows<1>;
      some(out + x * width, j ? ones : keep + x, p + x * ldp + j, ldp, v + j * ldv, ldv, m, width);
    }
  }
}

}  // namespace vob
