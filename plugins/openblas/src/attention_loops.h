// The inner loops of attention, compiled once per instruction set.
#ifndef VIDYA_OPENBLAS_ATTENTION_LOOPS_H
#define VIDYA_OPENBLAS_ATTENTION_LOOPS_H

#include <cstdint>

namespace vob {

constexpr int64_t kAttentionKeys = 192;  // of a block: whole tiles of every instruction set
constexpr int64_t kAttentionLd = kAttentionKeys + 16;  // rows of scores lie on different cache sets

/* One tile of `rows` queries against one block of keys. Positions of keys count from the block. */
struct AttentionTile {
  const float* q;  // packed [depth][rows], times scale / ln 2: scores are exponents of two
  const float* k;  // panels of `columns` keys, each [depth][columns]
  int64_t depth;
  int64_t first, last;        // the keys to look at, multiples of `columns`
  const int64_t *low, *high;  // per row: the keys it may see, [low, high); null: all of them
  const float* bias;          // added to the scores, rows kAttentionLd apart; null: nothing
};

struct AttentionLoops {
  int rows, columns;  // of a tile in registers

  /* to[p * rows + i] = scale * x[i * ld + p] for i < rows, p < depth. */
  void (*pack_rows)(float* to, const float* x, int64_t ld, int64_t depth, float scale);
  /* to[p * columns + j] = x[j * ld + p] for j < columns, p < depth. */
  void (*pack_panel)(float* to, const float* x, int64_t ld, int64_t depth);

  /* One step of the online softmax: s is scratch for the scores; top and total [rows] are the
   * maximum and the sum so far; out (rows ldo apart) the unscaled sums of v's rows (ldv apart). */
  void (*forward)(const AttentionTile&, float* s, float* top, float* total, float* out, int64_t ldo,
                  const float* v, int64_t ldv, int64_t width);
  /* p = exp2(scores - lse) where a key may be seen, else 0, in [first, last). */
  void (*probabilities)(const AttentionTile&, const float* lse, float* p);
  /* ds = p (g v^T - delta) in [first, last); g packed as q is, v in panels as k is. */
  void (*score_gradient)(const float* g, const float* v, int64_t depth, int64_t first, int64_t last,
                         const float* delta, const float* p, float* ds);
  /* c (rows ldc apart, `width` floats) += a b, `depth` terms; rows of a are kAttentionLd apart. */
  void (*add_rows)(float* c, int64_t ldc, const float* a, const float* b, int64_t ldb,
                   int64_t width, int64_t depth);
  /* The same with a transposed: element (row, term) at a[term * kAttentionLd + row]. */
  void (*add_columns)(float* c, int64_t ldc, const float* a, const float* b, int64_t ldb,
                      int64_t width, int64_t depth);
};

}  // namespace vob

#endif
