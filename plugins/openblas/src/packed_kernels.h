// The register tile of a matrix product and the packing that feeds it.
#ifndef VIDYA_OPENBLAS_PACKED_KERNELS_H
#define VIDYA_OPENBLAS_PACKED_KERNELS_H

#include <cstdint>

namespace vob {

constexpr int64_t kTileRows = 12;  // of a tile in registers: 12 x 2 vectors of float32
constexpr int64_t kTileCols = 32;

/* Matrices of E, packed in words of 4 bytes: a float32, or two bfloat16 that follow each other
 * along k, the last pair filled up with 0. */
template <class E>
struct PackedKernels {
  static constexpr int64_t kTerms = 4 / int64_t(sizeof(E));  // of a word

  /* Packs columns [0, n) (n <= kTileCols, the rest 0) of a k x n matrix, element (p, j) at
   * p * s0 + j * s1 with s0 or s1 1: word after word of k, column by column. */
  void (*pack_b)(uint32_t* to, const E* b, int64_t s0, int64_t s1, int64_t k, int64_t n);
  /* Packs `rows` rows of an A whose element (i, p) is at i * s0 + p * s1, in tiles of `each`: word
   * after word of k, row by row. */
  void (*pack_a)(uint32_t* to, const E* a, int64_t s0, int64_t s1, int64_t rows, int64_t each,
                 int64_t k);
  /* c (rows x kTileCols, rows ldc apart) = or += packed a times packed b over `words` words. */
  void (*tile)(float* c, int64_t ldc, const uint32_t* a, const uint32_t* b, int64_t rows,
               int64_t words, bool add);
  /* Sums as they are stored; bfloat16 rounds ties to even and subnormal numbers to 0. */
  void (*round)(E* to, const float* x, int64_t n);
};

}  // namespace vob

#endif
