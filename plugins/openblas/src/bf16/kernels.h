// Products of bfloat16 by the CPU's own dot products (AVX512_BF16, and AVX512_VNNI for 4 bits).
#ifndef VIDYA_OPENBLAS_BF16_KERNELS_H
#define VIDYA_OPENBLAS_BF16_KERNELS_H

#include <cstdint>

#include "../packed_kernels.h"

namespace vob {

/* A row of activations as 15-bit integers 128 high + low, one scale per 32 of them: what is lost is
 * below 2^-15 of a group's largest element. Of 128 elements come the high bytes of groups 0 and 2,
 * the low ones of those, then those of groups 1 and 3: as nibbles of 64 bytes of weights lie. */
struct NibbleRow {
  int8_t* high_low;    // 2 bytes per element
  float *scale, *sum;  // per group; sum is that of the elements
};
/* Groups of 32, in whole fours. */
inline int64_t nibble_groups(int64_t n) { return (n + 127) / 128 * 4; }
/* Where the high byte of element i lies; the low one is 64 bytes on. */
inline int64_t nibble_at(int64_t i) {
  const int64_t group = i / 32 % 4;
  return i / 128 * 256 + group % 2 * 128 + group / 2 * 32 + i % 32;
}

/* Rows of integer weights, laid out as QuantLoops says. */
struct IntWeights {
  const uint8_t* w;
  const void *scale, *zero;  // [rows][n / group]; zero may be null
  bool half;                 // they are bfloat16, else float32
  int64_t group;
};

constexpr int kNibbleRows = 4;  // of weights, multiplied at a time
inline int64_t nibble_scratch(int64_t n) { return (kNibbleRows + 1) * (nibble_groups(n) + 16); }

struct Bf16Kernels {
  PackedKernels<uint16_t> gemm;
  /* n is a multiple of 64; room for whole 128. */
  void (*nibble_row)(const NibbleRow& to, const uint16_t* x, int64_t n);
  /* y[r] = row r of `rows` of w, times x; scratch: nibble_scratch(n) floats. */
  void (*dot4)(float* y, const IntWeights& w, int64_t rows, const NibbleRow& x, int64_t n,
               float* scratch);
  /* PackedKernels::pack_b of rows [0, rows) of w (at most kTileCols), each `depth` long, of which
   * [k0, k0 + k): both multiples of 32. Rounded to bfloat16. */
  void (*pack_ints)(uint32_t* to, const IntWeights& w, int bits, int64_t depth, int64_t k0,
                    int64_t k, int64_t rows);
  /* to[x][j] = scale q[x] k[j] for `rows` dense rows of q and n of k; depth is a multiple of 32. */
  void (*scores)(float* to, int64_t ldt, const uint16_t* k, int64_t ldk, int64_t n,
                 const uint16_t* q, int64_t rows, int64_t depth, float scale);
  /* out[x] = keep[x] out[x] + the sum of p[x][j] v[j]; width is a multiple of 16. */
  void (*weighted)(float* out, const float* keep, const float* p, int64_t ldp, const uint16_t* v,
                   int64_t ldv, int64_t n, int64_t rows, int64_t width);
  /* y[j * ldy + r] = dot(row r of `rows` of w, row j of `count` of x), each n long. */
  void (*few_rows)(float* y, int64_t ldy, const uint16_t* w, int64_t stride, int64_t rows,
                   const uint16_t* x, int64_t ldx, int64_t count, int64_t n);
};

/* nullptr where the library was built without them or the CPU lacks the instruction. */
const Bf16Kernels* bf16_kernels();
/* Compiled for AVX512_BF16: to be called only where the CPU has it. */
const Bf16Kernels* bf16_kernels_avx512();
void bf16_nibble_row(const NibbleRow& to, const uint16_t* x, int64_t n);
void bf16_dot4(float* y, const IntWeights& w, int64_t rows, const NibbleRow& x, int64_t n,
               float* scratch);
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
