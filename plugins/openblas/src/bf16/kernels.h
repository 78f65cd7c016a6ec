// Products of bfloat16 by the CPU's own dot products (AVX512_BF16; AVX512_VNNI for integer
// weights).
#ifndef VIDYA_OPENBLAS_BF16_KERNELS_H
#define VIDYA_OPENBLAS_BF16_KERNELS_H

#include <cstdint>

#include "products/packed_kernels.h"
#include "products/quant_loops.h"

namespace vob {

/* A row of activations as 15-bit integers 128 high + low, one scale per 32 of them: what is lost is
 * below 2^-15 of a group's largest element. Of 8 elements come the high bytes, then the low ones.
 */
struct ByteRow {
  int8_t* bytes;              // 2 per element
  float *scale, *sum, *less;  // per group; sum is that of the elements, less what offsets add
};

/* Rows of integer weights, laid out as QuantLoops says; the first begins a block. */
struct IntWeights {
  const uint8_t* w;
  const void *scale, *zero;  // one per group; zero may be null
  bool half;                 // they are bfloat16, else float32
  int64_t group;
};

struct Bf16Kernels {
  PackedKernels<uint16_t> gemm;
  /* For weights of so many bits; n is a multiple of 64. */
  void (*byte_row)(const ByteRow& to, int bits, const uint16_t* x, int64_t n);
  /* y[r][j] = row j of a block of 16 rows of weights, times x[r]. */
  void (*dot_ints)(float* y, const IntWeights& block, int bits, const ByteRow* x, int64_t rows,
                   int64_t n);
  /* PackedKernels::pack_b of columns [k0, k0 + k) of `rows` rows of w, at most kTileCols, that are
   * `depth` long; k0 and k are multiples of 32. A last block is short if rows are.
   * Rounded to bfloat16. */
  void (*pack_ints)(uint32_t* to, const IntWeights& w, int bits, int64_t depth, int64_t k0,
                    int64_t k, int64_t rows);
  /* to[x][j] = scale q[x] k[j] for `rows` dense rows of q and n of k; depth is a multiple of 32. */
  void (*scores)(float* to, int64_t ldt, const uint16_t* k, int64_t ldk, int64_t n,
                 const uint16_t* q, int64_t rows, int64_t depth, float scale);
  /* out[x] = keep[x] out[x] + the sum of p[x][j] v[j]; width is a multiple of 16. */
  void (*weighted)(float* out, const float* keep, const float* p, int64_t ldp, const uint16_t* v,
                   int64_t ldv, int64_t n, int64_t rows, int64_t width);
  /* y = x[0, 2 half) turned by `half` angles: pairs (i, i + half). y may be x. */
  void (*rope)(uint16_t* y, const uint16_t* x, const float* cos, const float* sin, int64_t half);
  /* y[j * ldy + r] = dot(row r of `rows` of w, row j of `count` of x), each n long. */
  void (*few_rows)(float* y, int64_t ldy, const uint16_t* w, int64_t stride, int64_t rows,
                   const uint16_t* x, int64_t ldx, int64_t count, int64_t n);
};

/* As Simd's, by one instruction for 32 numbers. */
void bf16_from_float(uint16_t* y, const float* x, int64_t n);
/* As Simd's; an exponent is below this in size. */
constexpr float kMostBf16Exponent = 1e37f;
double bf16_log_sum_exp(const uint16_t* x, int64_t n);
void bf16_scaled_exp(uint16_t* y, const uint16_t* x, double lse, double g, int64_t n);
void bf16_swiglu(uint16_t* y, const uint16_t* gate, const uint16_t* up, int64_t n);
void bf16_swiglu_backward(uint16_t* dgate, uint16_t* dup, const uint16_t* g, const uint16_t* gate,
                          const uint16_t* up, int64_t n);
/* nullptr where the library was built without them or the CPU lacks the instruction. */
const Bf16Kernels* bf16_kernels();
/* Compiled for AVX512_BF16: to be called only where the CPU has it. */
const Bf16Kernels* bf16_kernels_avx512();
void bf16_rope(uint16_t* y, const uint16_t* x, const float* cos, const float* sin, int64_t half);
void bf16_byte_row(const ByteRow& to, int bits, const uint16_t* x, int64_t n);
void bf16_dot_ints(float* y, const IntWeights& block, int bits, const ByteRow* x, int64_t rows,
                   int64_t n);
void bf16_pack_ints(uint32_t* to, const IntWeights& w, int bits, int64_t depth, int64_t k0,
                    int64_t k, int64_t rows);
void bf16_scores(float* to, int64_t ldt, const uint16_t* k, int64_t ldk, int64_t n,
                 const uint16_t* q, int64_t rows, int64_t depth, float scale);
void bf16_few_rows(float* y, int64_t ldy, const uint16_t* w, int64_t stride, int64_t rows,
                   const uint16_t* x, int64_t ldx, int64_t count, int64_t n);
void bf16_weighted(float* out, const float* keep, const float* p, int64_t ldp, const uint16_t* v,
                   int64_t ldv, int64_t n, int64_t rows, int64_t width);

}  // namespace vob

#endif
