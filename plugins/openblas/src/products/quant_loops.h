// Products with weights in groups of 8- or 4-bit integers, compiled once per instruction set.
#ifndef VIDYA_OPENBLAS_QUANT_LOOPS_H
#define VIDYA_OPENBLAS_QUANT_LOOPS_H

#include <cstdint>

namespace vob {

/* A row of activations as 16-bit integers, one scale per group of the weights: what is lost is
 * below 2^-16 of a group's largest element. */
struct QuantRow {
  int16_t* q;
  float *scale, *sum;  // per group; sum is that of the elements
};

/* Weights lie in blocks of 16 rows, the last block with what rows there are: 4 bytes of a row, the
 * same of all rows of the block, then the next 4 bytes of each. Of 8 bits these are 4 neighbours;
 * of 4 bits 8 of them, the first 4 in the low nibbles and the others in the high ones, each plus 8.
 * Scales and zeros lie likewise: those of all rows of the block, group after group. */
constexpr int64_t kBlockRows = 16;
constexpr int64_t kMostGroup = 512;  // its products are summed in 32 bits

struct QuantLoops {
  /* Of every 8 elements 0 2 4 6 come first, then 1 3 5 7: pairs as a word of weights has them. */
  void (*quantize)(const QuantRow&, const float* x, int64_t n, int64_t group);
  /* y = the products of a block of 16 rows of weights with x.  A weight is (q scale + zero); zero
   * may be null.  n is a multiple of 64. */
  using Dot = void (*)(float* y, const uint8_t* block, const float* scale, const float* zero,
                       const QuantRow& x, int64_t n, int64_t group);
  Dot dot8, dot4;
  /* Row `row` of a block of `rows`. */
  using Widen = void (*)(float* to, const uint8_t* block, int64_t row, int64_t rows,
                         const float* scale, const float* zero, int64_t n, int64_t group);
  Widen widen8, widen4;
};

}  // namespace vob

#endif
