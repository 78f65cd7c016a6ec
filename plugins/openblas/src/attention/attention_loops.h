// The inner loops of attention, compiled once per instruction set.
#ifndef VIDYA_OPENBLAS_ATTENTION_LOOPS_H
#define VIDYA_OPENBLAS_ATTENTION_LOOPS_H

#include <cstdint>

namespace vob {

constexpr int64_t kAttentionKeys = 192;  // of a block: whole tiles of every instruction set
constexpr int64_t kAttentionLd = kAttentionKeys + 16;  // rows of scores lie on different cache sets

/* Operands of products are packed in words of 4 bytes. A word holds `terms` terms of a sum: a
 * float32, or a pair of bfloat16, which one instruction multiplies by another pair and adds.  All
 * counts of words below are of such groups of terms, the last one filled up with zeros. */

/* One tile of `rows` queries against one block of keys. Positions of keys count from the block. */
struct AttentionTile {
  const float* q;       // packed [words of depth][rows]
  const float* k;       // panels of `columns` keys, each [words of depth][columns]
  int64_t depth;        // in words
  float scale;          // of q k^T where that is not in q, else 1; 1 / ln 2 makes scores exponents
                        // of two. Not negative
  int64_t first, last;  // the keys to look at, multiples of `columns`
  const int64_t *low, *high;  // per row: the keys it may see, [low, high); null: all of them
  const float* bias;          // added to the scores, rows kAttentionLd apart; null: nothing
};

struct AttentionLoops {
  int rows, columns;   // of a tile in registers
  int terms;           // of a word
  bool scores_scaled;  // the scale's size is the tile's, because it would be rounded in q

  int64_t words(int64_t n) const { return (n + terms - 1) / terms; }

  /* Lines of n numbers side by side: word w of line i at to[w * rows + i], i < rows. */
  void (*pack_rows)(float* to, const float* x, int64_t ld, int64_t n, float scale);
  /* The same for `columns` lines. */
  void (*pack_panel)(float* to, const float* x, int64_t ld, int64_t n);
  /* A word of each column from every `terms` lines of `width` numbers: word j of group i at
   * to[i * width + j].  The lines are a multiple of `terms`. */
  void (*pack_lines)(float* to, const float* x, int64_t ld, int64_t lines, int64_t width);

  /* One step of the online softmax: s is scratch for the scores; top and total [rows] are the
   * maximum and the sum so far; out (rows ldo apart) the unscaled sums of v's lines, as pack_lines
   * leaves them. */
  void (*forward)(const AttentionTile&, float* s, float* top, float* total, float* out, int64_t ldo,
                  const float* v, int64_t width);
  /* p = exp2(scores - lse) where a key may be seen, else 0, and ds = p (g v^T - delta), in
   * [first, last), as operands: words of `terms` rows, at the places of the first rows; where a
   * word is not a float, ds_rows gets ds in words of `terms` columns.  g is packed as q is, v in
   * panels as k is. */
  void (*gradients)(const AttentionTile&, const float* lse, const float* g, const float* v,
                    int64_t depth, const float* delta, float* p, float* ds, float* ds_rows);
  /* c (rows ldc apart, `width` floats) += a b, `depth` words; rows of a are kAttentionLd apart. */
  void (*add_rows)(float* c, int64_t ldc, const float* a, const float* b, int64_t ldb,
                   int64_t width, int64_t depth);
  /* The same with a transposed: word w of a row is a[w * terms * kAttentionLd + row]. */
  void (*add_columns)(float* c, int64_t ldc, const float* a, const float* b, int64_t ldb,
                      int64_t width, int64_t depth);
};

/* Loops over pairs of bfloat16: to be called only where the CPU has AVX512_BF16. */
const AttentionLoops* bf16_attention_avx512();
/* Those, or nullptr where the library was built without them or the CPU lacks the instruction. */
const AttentionLoops* bf16_attention();

}  // namespace vob

#endif
