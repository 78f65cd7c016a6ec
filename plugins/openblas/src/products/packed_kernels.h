// The register tile of a matrix product and the packing that feeds it.
#ifndef VIDYA_OPENBLAS_PACKED_KERNELS_H
#define VIDYA_OPENBLAS_PACKED_KERNELS_H

#include <cstdint>

namespace vob {

constexpr int64_t kTileRows = 12;  // of a tile in registers: 12 x 2 vectors of float32
constexpr int64_t kTileCols = 32;
constexpr int64_t kStripRows = 4 * kTileRows;  // packed at a time, at most: whole vectors

/* Memory that is read after this tile: `left` lines of 64 bytes in rows of `wide`, `step` bytes
 * apart, from line `column` of the row at `row` on. They are asked for while the tile is made. */
struct Ahead {
  const char* row;
  int64_t step, wide, column, left = 0;
};

/* One tile of a product of E, from operands packed in words of 4 bytes: a float32, or two bfloat16
 * that follow each other along k, the last pair filled up with 0. */
template <class E>
struct Tile {
  const uint32_t* a;  // word p of row i at i * a_row + p * a_word, one of which is 1
  int64_t a_row, a_word;
  const uint32_t* b;             // word p of column j at p * kTileCols + j
  int64_t rows, columns, words;  // at most kTileRows x kTileCols
  const float* from;             // what the sums start from, `from_step` between rows; null: from 0
  int64_t from_step;
  float* sums;  // where they are kept, kTileCols wide unless E is float; unless there is an `out`
  int64_t sums_step;
  void* out;  // rounded to E, or float32 where it is `wide`
  int64_t out_step;
  const void* plus;  // of the same type: is added to the sums first; or null
  int64_t plus_step;
  bool wide;
  Ahead ahead[2];  // into the second cache
};

template <class E>
struct PackedKernels {
  static constexpr int64_t kTerms = 4 / int64_t(sizeof(E));  // of a word

  /* Packs columns [0, n) (n <= kTileCols, the rest 0) of a k x n matrix, element (p, j) at
   * p * s0 + j * s1 with s0 or s1 1. */
  void (*pack_b)(uint32_t* to, const E* b, int64_t s0, int64_t s1, int64_t k, int64_t n);
  /* Copies `rows` rows of an A that lie along k, s0 apart: word p of row i to i * step + p. */
  void (*copy_rows)(uint32_t* to, int64_t step, const E* a, int64_t s0, int64_t rows, int64_t k);
  /* The same of columns that lie along the rows, s1 apart: word p of row i to p * step + i. In both
   * `step` is a multiple of 16, and what fills the last vector up may be anything. */
  void (*copy_columns)(uint32_t* to, int64_t step, const E* a, int64_t s1, int64_t rows, int64_t k);
  /* bfloat16 rounds ties to even and subnormal numbers to 0. */
  void (*tile)(const Tile<E>& t);
};

}  // namespace vob

#endif
