// Tiles of attention in registers: scores, their exponentials, and the products with them.
#include "attention/attention_loops.h"

#include "attention_pack.h"
#include "parts.h"
#include "row.h"

namespace vob {
namespace VOB_ISA {
namespace {

constexpr int64_t kLd = kAttentionLd;
static_assert(kAttentionKeys % R == 0 && kAttentionKeys % N == 0, "blocks are whole tiles");

constexpr float kInf = __builtin_inff();

/* 2^x for x < 127; next to nothing, or 0, below the smallest normal number. */
inline F exp2(F x) {
#if defined(__AVX512F__)
  const F f = (F)_mm512_reduce_ps((__m512)x, 9);  // what is above the next lower integer
#if defined(__AVX512BF16__)
  // 3e-6 of the result: a thousandth of what is rounded off
  F p = splat(0.013426683843135834f);
  p = p * f + 0.052242472767829895f;
  p = p * f + 0.241280198097229f;
  p = p * f + 0.6930448412895203f;
#else
  F p = splat(0.00021613210265059024f);
  p = p * f + 0.0012467751512303948f;
  p = p * f + 0.009675461798906326f;
  p = p * f + 0.05548527464270592f;
  p = p * f + 0.2402293086051941f;
  p = p * f + 0.6931470632553101f;
#endif
  p = p * f + 1.f;
  return (F)_mm512_scalef_ps((__m512)p, (__m512)x);
#else
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
#endif
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
#pragma GCC unroll 12
  for (int r = 0; r < R; ++r)
    for (int v = 0; v < V; ++v) {
      acc[r][v] = load(c + r * ldc + v * L);
      if (Scaled) acc[r][v] *= keep[r];
    }
  multiply<A0, A1>(acc, a, b, ldb, depth);
#pragma GCC unroll 12
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
#pragma GCC unroll 12
    for (int r = 0; r < R; ++r)
      for (int v = 0; v < 2; ++v) put(r, j + v * L, acc[r][v]);
  }
}

/* What a row may not see of the keys [first, last), which begin at s, becomes `value`. */
void blot(const AttentionTile& t, float* s, int64_t ld, int64_t first, int64_t last, float value) {
  if (!t.low) return;
  for (int r = 0; r < R; ++r) {
    float* row = s + r * ld - first;
    for (int64_t j = first; j < t.low[r] && j < last; ++j) row[j] = value;
    for (int64_t j = t.high[r] < first ? first : t.high[r]; j < last; ++j) row[j] = value;
  }
}

inline float largest(F v) {
  return lane_fold<float>(v, [](F a, F b) { return a > b ? a : b; });
}

/* What is left of the tile's scale where a bias has been added: that was for scaled scores. */
inline float rest_of_scale(const AttentionTile& t) { return t.bias ? 1.f : t.scale; }
inline F score(const AttentionTile& t, int r, int64_t j, F x) {
  return t.bias ? x * t.scale + load(t.bias + r * kLd + j) : x;
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
  blot(t, s + t.first, kLd, t.first, t.last, -kInf);
  const float scale = rest_of_scale(t);
  constexpr int kRows = (R + L - 1) / L * L;
  alignas(64) float shift[kRows] = {}, keep[kRows] = {};
  for (int r = 0; r < R; ++r) {
    const float* row = s + r * kLd;
    F m0 = splat(-kInf), m1 = m0;
    for (int64_t j = t.first; j < t.last; j += N) {
      const F a = load(row + j), b = load(row + j + L);
      m0 = a > m0 ? a : m0;
      m1 = b > m1 ? b : m1;
    }
    const float best = largest(m0 > m1 ? m0 : m1) * scale;
    const float now = best > top[r] ? best : top[r];
    // nothing seen so far: any finite shift will do, and a NaN still shows
    shift[r] = now == -kInf ? 0.f : now;
    keep[r] = top[r] - shift[r];
    top[r] = now;
  }
  for (int r = 0; r < R; r += L) store(keep + r, exp2(load(keep + r)));
  for (int r = 0; r < R; ++r) {
    float* row = s + r * kLd;
    F a0{}, a1{};
    for (int64_t j = t.first; j < t.last; j += N) {
      const F a = exp2(load(row + j) * scale - shift[r]);
      const F b = exp2(load(row + j + L) * scale - shift[r]);
      store_row(row, j, a, b);
      a0 += a;
      a1 += b;
    }
    total[r] = total[r] * keep[r] + lane_sum<float>(a0 + a1);
  }
  // what lies behind the last key that any row sees is 0
  int64_t last = t.low ? t.first : t.last;
  for (int r = 0; t.low && r < R; ++r) last = t.high[r] > last ? t.high[r] : last;
  last = last < t.last ? (last + kTerms - 1) / kTerms * kTerms : t.last;
  add_product<kLd, 1, true>(out, ldo, s + t.first / kTerms, v + t.first / kTerms * width, width,
                            width, (last - t.first) / kTerms, keep);
}

/* As operands, for r, r + 1, ... of the terms of a word: x at word j of the first row. */
inline void store_words(float* to, int64_t j, const F* x) {
#if defined(__AVX512BF16__)
  store(to + j, (F)pairs((__m512)x[0], (__m512)x[1]));
#else
  store(to + j, x[0]);
#endif
}

void gradients(const AttentionTile& t, const float* lse, const float* g, const float* v,
               int64_t depth, const float* delta, float* p, float* ds, float* ds_rows) {
  const float scale = rest_of_scale(t);
  alignas(64) float e[R * N];
  for (int64_t j = t.first; j < t.last; j += N) {
    each_score(t.q, t.k, t.depth, j, j + N, [&](int r, int64_t i, F x) {
      store(e + r * N + i - j, exp2(score(t, r, i, x) * scale - lse[r]));
    });
    blot(t, e, N, j, j + N, 0.f);
    F d[R][2] = {};
    multiply<1, R>(d, g, v + j * depth, N, depth);
#pragma GCC unroll 12
    for (int r = 0; r < R; r += kTerms) {
      F y[2][kTerms], x[2][kTerms];
      for (int i = 0; i < kTerms; ++i) {
        for (int w = 0; w < 2; ++w) {
          y[w][i] = load(e + (r + i) * N + w * L);
          x[w][i] = y[w][i] * (d[r + i][w] - delta[r + i]);
        }
        if (kTerms > 1) store_row(ds_rows + (r + i) * kLd, j, x[0][i], x[1][i]);
      }
      for (int w = 0; w < 2; ++w) {
        store_words(p + r * kLd, j + w * L, y[w]);
        store_words(ds + r * kLd, j + w * L, x[w]);
      }
    }
  }
}

}  // namespace

#if defined(__AVX512BF16__)
static const AttentionLoops loops{R,          N,       2,         true,     pack_rows,  pack_panel,
                                  pack_lines, forward, gradients, add_rows, add_columns};
}  // namespace VOB_ISA

const AttentionLoops* bf16_attention_avx512() { return &VOB_ISA::loops; }
#else
void fill_attention(Simd& s) {
  static const AttentionLoops loops{R,       N,       1,         false,    pack_rows,  pack_panel,
                                    nullptr, forward, gradients, add_rows, add_columns};
  s.attention = &loops;
}

}  // namespace VOB_ISA
#endif
}  // namespace vob
