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

struct QuantLoops {
  void (*quantize)(const QuantRow&, const float* x, int64_t n, int64_t group);
  /* y = the products of `rows` rows of weights with x.  A weight is (q scale + zero); zero may be
   * null; scales lie row after row.  8 bits: n int8.  4 bits: nibbles less 8; of 64 weights the
   * first half lies in the low nibbles of 32 bytes.  n is a multiple of 64, `each` is scratch of
   * n / group floats. */
  void (*dot8)(float* y, const void* w, int64_t rows, const float* scale, const float* zero,
               const QuantRow& x, int64_t n, int64_t group, float* each);
  void (*dot4)(float* y, const void* w, int64_t rows, const float* scale, const float* zero,
               const QuantRow& x, int64_t n, int64_t group, float* each);
  void (*widen8)(float* to, const void* w, const float* scale, const float* zero, int64_t n,
                 int64_t group);
  void (*widen4)(float* to, const void* w, const float* scale, const float* zero, int64_t n,
                 int64_t group);
};

}  // namespace vob

#endif
