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

/* Weights of 4 bits lie in blocks of 16 rows, the last block with what rows there are: of every 8
 * neighbours in a row 4 bytes, whose low nibbles are the first 4 and whose high ones the others;
 * those of all rows of the block before the next 8. A nibble is its weight plus 8. Scales and zeros
 * lie likewise: those of all rows of the block, group after group. */
constexpr int64_t kBlockRows = 16;
constexpr int64_t kMostGroup = 1024;  // its products are summed in 32 bits

struct QuantLoops {
  /* Of every 8 elements in `pairs` those come first that a word of weights has in its low nibbles,
   * even ones before odd ones. */
  void (*quantize)(const QuantRow&, const float* x, int64_t n, int64_t group, bool pairs);
  /* y = the products of `rows` rows of weights with x.  A weight is (q scale + zero); zero may be
   * null; scales lie row after row.  n is a multiple of 64, `each` is scratch of n / group floats.
   */
  void (*dot8)(float* y, const void* w, int64_t rows, const float* scale, const float* zero,
               const QuantRow& x, int64_t n, int64_t group, float* each);
  /* The same for a block of 16 rows of 4 bits and x in pairs. */
  void (*dot4)(float* y, const uint8_t* block, const float* scale, const float* zero,
               const QuantRow& x, int64_t n, int64_t group);
  void (*widen8)(float* to, const void* w, const float* scale, const float* zero, int64_t n,
                 int64_t group);
  /* Row `row` of a block of `rows`. */
  void (*widen4)(float* to, const uint8_t* block, int64_t row, int64_t rows, const float* scale,
                 const float* zero, int64_t n, int64_t group);
};

}  // namespace vob

#endif
