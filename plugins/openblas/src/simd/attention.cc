// Tiles of attention in registers: scores, their exponentials, and the products with them.
#include "../attention_loops.h"

#include "parts.h"
#include "row.h"
#if defined(__AVX512F__)
#include "transpose.h"
#endif

namespace vob {
namespace VOB_ISA {
namespace {

#if defined(__AVX512F__)
constexpr int R = 12;  // 24 sums, 2 operands and a broadcast in 32 registers
#elif defined(__AVX2__)
constexpr int R = 6;
#else
constexpr int R = 4;
#endif
// Compiled once more where the CPU multiplies pairs of bfloat16.
#if defined(__AVX512BF16__)
constexpr int kTerms = 2;
#else
constexpr int kTerms = 1;
#endif
constexpr int L = kLanes<float>;
constexpr int N = 2 * L;
constexpr int64_t kLd = kAttentionLd;
static_assert(kAttentionKeys % R == 0 && kAttentionKeys % N == 0, "blocks are whole tiles");

using F = Vec<float>;
constexpr float kInf = __builtin_inff();

/* 2^x for x < 127; 0 below the smallest normal number. */
inline F exp2(F x) {
  constexpr float kRound = 12582912.f;  // its addition leaves the nearest integer in the low bits
  const F z = x + kRound;
  const F f = x - (z - kRound);
  F p = splat(0.00015353361959569156f);
  p = p * f + 0.0013398875016719103f;
  p = p * f + 0.00961843691766262f;
  p = p * f + 0.055503323674201965f;
  p = p * f + 0.24022647738456726f;
  p = p * f + 0.6931471824645996f;
  p = p * f + 1.f;
  const F y = (F)((Vec<int32_t>)p + ((Vec<int32_t>)z << 23));
  return x < splat(-126.f) ? F{} : y;
}

/* acc += a y, a word of a. */
inline void multiply_add(F& acc, const float* a, F y) {
#if defined(__AVX512BF16__)
  acc = (F)_mm512_dpbf16_ps((__m512)acc, (__m512bh)splat(*a), (__m512bh)y);
#else
  acc += y * *a;
#endif
}

/* acc += a b; the rows of a are A0 apart, its words A1. */
template <int A0, int A1, int V>
__attribute__((always_inline)) inline void multiply(F (&acc)[R][V], const float* a, const float* b,
                                                    int64_t ldb, int64_t depth) {
  for (int64_t p = 0; p < depth; ++p, a += A1, b += ldb) {
    F y[V];
    for (int v = 0; v < V; ++v) y[v] = load(b + v * L);
    for (int r = 0; r < R; ++r)
      for (int v = 0; v < V; ++v) multiply_add(acc[r][v], a + r * A0, y[v]);
  }
}

/* c = c * keep + a b over the whole width; keep [R] or null for 1. */
template <int A0, int A1, int V, bool Scaled>
inline void add_tile(float* c, int64_t ldc, const float* a, const float* b, int64_t ldb,
                     int64_t depth, const float* keep) {
  F acc[R][V];
  for (int r = 0; r < R; ++r)
    for (int v = 0; v < V; ++v) {
      acc[r][v] = load(c + r * ldc + v * L);
      if (Scaled) acc[r][v] *= keep[r];
    }
  multiply<A0, A1>(acc, a, b, ldb, depth);
  for (int r = 0; r < R; ++r)
    for (int v = 0; v < V; ++v) store(c + r * ldc + v * L, acc[r][v]);
}
template <int A0, int A1, bool Scaled>
inline void add_product(float* c, int64_t ldc, const float* a, const float* b, int64_t ldb,
                        int64_t width, int64_t depth, const float* keep) {
  int64_t j = 0;
  for (; j + N <= width; j += N)
    add_tile<A0, A1, 2, Scaled>(c + j, ldc, a, b + j, ldb, depth, keep);
  if (j < width) add_tile<A0, A1, 1, Scaled>(c + j, ldc, a, b + j, ldb, depth, keep);
}
void add_rows(float* c, int64_t ldc, const float* a, const float* b, int64_t ldb, int64_t width,
              int64_t depth) {
  add_product<kLd, 1, false>(c, ldc, a, b, ldb, width, depth, nullptr);
}
void add_columns(float* c, int64_t ldc, const float* a, const float* b, int64_t ldb, int64_t width,
                 int64_t depth) {
  add_product<1, kTerms * kLd, false>(c, ldc, a, b, ldb, width, depth, nullptr);
}

/* store(r, j, scores) for every vector of the tile. */
template <class Store>
__attribute__((always_inline)) inline void each_score(const float* q, const float* k, int64_t depth,
                                                      int64_t first, int64_t last, Store put) {
  for (int64_t j = first; j < last; j += N) {
    F acc[R][2] = {};
    multiply<1, R>(acc, q, k + j * depth, N, depth);
    for (int r = 0; r < R; ++r)
      for (int v = 0; v < 2; ++v) put(r, j + v * L, acc[r][v]);
  }
}

/* What a row may not see becomes `value`. */
void blot(const AttentionTile& t, float* s, float value) {
  if (!t.low) return;
  for (int r = 0; r < R; ++r) {
    float* row = s + r * kLd;
    for (int64_t j = t.first; j < t.low[r] && j < t.last; ++j) row[j] = value;
    for (int64_t j = t.high[r] < t.first ? t.first : t.high[r]; j < t.last; ++j) row[j] = value;
  }
}

inline float largest(F v) {
  return lane_fold<float>(v, [](F a, F b) { return a > b ? a : b; });
}

/* Scores as the softmax takes them. */
inline F score(const AttentionTile& t, int r, int64_t j, F x) {
  if (kTerms > 1) x *= t.scale;
  return t.bias ? x + load(t.bias + r * kLd + j) : x;
}

/* Two vectors of a row as an operand: at its start, in words. */
inline void store_row(float* row, int64_t j, F a, F b) {
#if defined(__AVX512BF16__)
  store(row + j / 2, (F)_mm512_cvtne2ps_pbh((__m512)b, (__m512)a));
#else
  store(row + j, a);
  store(row + j + L, b);
#endif
}

void forward(const AttentionTile& t, float* s, float* top, float* total, float* out, int64_t ldo,
             const float* v, int64_t width) {
  each_score(t.q, t.k, t.depth, t.first, t.last,
             [&](int r, int64_t j, F x) { store(s + r * kLd + j, score(t, r, j, x)); });
  blot(t, s, -kInf);
  alignas(64) float keep[R];
  for (int r = 0; r < R; ++r) {
    float* row = s + r * kLd;
    F m0 = splat(-kInf), m1 = m0;
    for (int64_t j = t.first; j < t.last; j += N) {
      const F a = load(row + j), b = load(row + j + L);
      m0 = a > m0 ? a : m0;
      m1 = b > m1 ? b : m1;
    }
    float best = largest(m0 > m1 ? m0 : m1);
    best = best > top[r] ? best : top[r];
    // nothing seen so far: any finite shift will do, and a NaN still shows
    const float shift = best == -kInf ? 0.f : best;
    F a0{}, a1{};
    for (int64_t j = t.first; j < t.last; j += N) {
      const F a = exp2(load(row + j) - shift), b = exp2(load(row + j + L) - shift);
      store_row(row, j, a, b);
      a0 += a;
      a1 += b;
    }
    keep[r] = top[r] == best ? 1.f : __builtin_exp2f(top[r] - shift);
    total[r] = total[r] * keep[r] + lane_sum<float>(a0 + a1);
    top[r] = best;
  }
  add_product<kLd, 1, true>(out, ldo, s + t.first / kTerms, v + t.first / kTerms * width, width,
                            width, (t.last - t.first) / kTerms, keep);
}

void probabilities(const AttentionTile& t, const float* lse, float* p) {
  each_score(t.q, t.k, t.depth, t.first, t.last, [&](int r, int64_t j, F x) {
    store(p + r * kLd + j, exp2(score(t, r, j, x) - lse[r]));
  });
  blot(t, p, 0.f);
}

void score_gradient(const float* g, const float* v, int64_t depth, int64_t first, int64_t last,
                    const float* delta, const float* p, float* ds) {
  each_score(g, v, depth, first, last, [&](int r, int64_t j, F x) {
    store(ds + r * kLd + j, load(p + r * kLd + j) * (x - delta[r]));
  });
}

#if defined(__AVX512F__)
/* Words of 16 * kTerms numbers of a line, of which n exist. */
inline __m512i line_words(const float* x, int64_t n, float scale) {
  auto some = [&](int64_t from) {
    const int64_t here = n - from;
    const __mmask16 mask = here >= 16 ? 0xffff : here <= 0 ? 0 : __mmask16((1 << here) - 1);
    return _mm512_mul_ps(_mm512_maskz_loadu_ps(mask, x + from), _mm512_set1_ps(scale));
  };
#if defined(__AVX512BF16__)
  return (__m512i)_mm512_cvtne2ps_pbh(some(16), some(0));
#else
  return (__m512i)some(0);
#endif
}

template <int Lines>
void side_by_side(float* to, const float* x, int64_t ld, int64_t n, float scale) {
  constexpr int kNumbers = L * kTerms;
  for (int64_t p = 0; p < n; p += kNumbers, to += L * Lines)
    for (int i0 = 0; i0 < Lines; i0 += L) {
      constexpr int kPart = Lines < L ? Lines : L;
      __m512i r[16] = {};
      for (int i = 0; i < kPart; ++i) r[i] = line_words(x + (i0 + i) * ld + p, n - p, scale);
      transpose(r);
      const int64_t words = (n - p + kTerms - 1) / kTerms;
      for (int w = 0; w < L && w < words; ++w)
        _mm512_mask_storeu_epi32(to + w * Lines + i0, __mmask16((1 << kPart) - 1), r[w]);
    }
}
#else
template <int Lines>
void side_by_side(float* to, const float* x, int64_t ld, int64_t n, float scale) {
  for (int64_t p = 0; p < n; ++p)
    for (int i = 0; i < Lines; ++i) to[p * Lines + i] = x[i * ld + p] * scale;
}
#endif

void pack_rows(float* to, const float* x, int64_t ld, int64_t n, float scale) {
  side_by_side<R>(to, x, ld, n, scale);
}
void pack_panel(float* to, const float* x, int64_t ld, int64_t n) {
  side_by_side<N>(to, x, ld, n, 1.f);
}

#if defined(__AVX512BF16__)
/* Pairs (a_i, b_i) of bfloat16. */
inline __m512i pairs(__m512 a, __m512 b) {
  alignas(64) static const uint16_t order[32] = {0,  16, 1,  17, 2,  18, 3,  19, 4,  20, 5,
                                                 21, 6,  22, 7,  23, 8,  24, 9,  25, 10, 26,
                                                 11, 27, 12, 28, 13, 29, 14, 30, 15, 31};
  return _mm512_permutexvar_epi16(_mm512_load_si512(order), (__m512i)_mm512_cvtne2ps_pbh(b, a));
}

void pack_lines(float* to, const float* x, int64_t ld, int64_t lines, int64_t width) {
  for (int64_t i = 0; i < lines; i += 2, x += 2 * ld, to += width)
    for (int64_t j = 0; j < width; j += L)
      _mm512_storeu_si512(to + j, pairs(_mm512_loadu_ps(x + j), _mm512_loadu_ps(x + ld + j)));
}

void narrow(float* p, float* ds, float* ds_rows, int64_t n) {
  for (int r = 0; r < R; ++r)
    for (int64_t j = 0; j < n; j += N)
      store_row(ds_rows + r * kLd, j, load(ds + r * kLd + j), load(ds + r * kLd + j + L));
  for (float* x : {p, ds})
    for (int r = 0; r < R; r += 2)
      pack_lines(x + r * kLd, x + r * kLd, kLd, 2, (n + L - 1) / L * L);
}
#endif

}  // namespace

#if defined(__AVX512BF16__)
static const AttentionLoops loops{R,          N,          2,          true,          pack_rows,
                                  pack_panel, pack_lines, forward,    probabilities, score_gradient,
                                  narrow,     add_rows,   add_columns};
}  // namespace VOB_ISA

const AttentionLoops* bf16_attention_avx512() { return &VOB_ISA::loops; }
#else
void fill_attention(Simd& s) {
  static const AttentionLoops loops{R,          N,        1,          false,         pack_rows,
                                    pack_panel, nullptr,  forward,    probabilities, score_gradient,
                                    nullptr,    add_rows, add_columns};
  s.attention = &loops;
}

}  // namespace VOB_ISA
#endif
}  // namespace vob
