// Tiles of attention in registers: scores, their exponentials, and the products with them.
#include "../attention_loops.h"

#include "parts.h"
#include "row.h"

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

/* acc += a b; the rows of a are A0 apart, its terms A1. */
template <int A0, int A1, int V>
__attribute__((always_inline)) inline void multiply(F (&acc)[R][V], const float* a, const float* b,
                                                    int64_t ldb, int64_t depth) {
  for (int64_t p = 0; p < depth; ++p, a += A1, b += ldb) {
    F y[V];
    for (int v = 0; v < V; ++v) y[v] = load(b + v * L);
    for (int r = 0; r < R; ++r)
      for (int v = 0; v < V; ++v) acc[r][v] += y[v] * a[r * A0];
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
  add_product<1, kLd, false>(c, ldc, a, b, ldb, width, depth, nullptr);
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

void forward(const AttentionTile& t, float* s, float* top, float* total, float* out, int64_t ldo,
             const float* v, int64_t ldv, int64_t width) {
  if (t.bias)
    each_score(t.q, t.k, t.depth, t.first, t.last, [&](int r, int64_t j, F x) {
      store(s + r * kLd + j, x + load(t.bias + r * kLd + j));
    });
  else
    each_score(t.q, t.k, t.depth, t.first, t.last,
               [&](int r, int64_t j, F x) { store(s + r * kLd + j, x); });
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
      store(row + j, a);
      store(row + j + L, b);
      a0 += a;
      a1 += b;
    }
    keep[r] = top[r] == best ? 1.f : __builtin_exp2f(top[r] - shift);
    total[r] = total[r] * keep[r] + lane_sum<float>(a0 + a1);
    top[r] = best;
  }
  add_product<kLd, 1, true>(out, ldo, s + t.first, v + t.first * ldv, ldv, width, t.last - t.first,
                            keep);
}

void probabilities(const AttentionTile& t, const float* lse, float* p) {
  if (t.bias)
    each_score(t.q, t.k, t.depth, t.first, t.last, [&](int r, int64_t j, F x) {
      store(p + r * kLd + j, exp2(x + load(t.bias + r * kLd + j) - lse[r]));
    });
  else
    each_score(t.q, t.k, t.depth, t.first, t.last,
               [&](int r, int64_t j, F x) { store(p + r * kLd + j, exp2(x - lse[r])); });
  blot(t, p, 0.f);
}

void score_gradient(const float* g, const float* v, int64_t depth, int64_t first, int64_t last,
                    const float* delta, const float* p, float* ds) {
  each_score(g, v, depth, first, last, [&](int r, int64_t j, F x) {
    store(ds + r * kLd + j, load(p + r * kLd + j) * (x - delta[r]));
  });
}

void pack_rows(float* to, const float* x, int64_t ld, int64_t depth, float scale) {
  for (int64_t p = 0; p < depth; ++p)
    for (int r = 0; r < R; ++r) to[p * R + r] = x[r * ld + p] * scale;
}
void pack_panel(float* to, const float* x, int64_t ld, int64_t depth) {
  for (int64_t p = 0; p < depth; ++p)
    for (int j = 0; j < N; ++j) to[p * N + j] = x[j * ld + p];
}

}  // namespace

void fill_attention(Simd& s) {
  static const AttentionLoops loops{
      R, N, pack_rows, pack_panel, forward, probabilities, score_gradient, add_rows, add_columns};
  s.attention = &loops;
}

}  // namespace VOB_ISA
}  // namespace vob
