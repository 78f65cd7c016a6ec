// The parts from which one instruction set's table is put together.
#ifndef VIDYA_OPENBLAS_SIMD_PARTS_H
#define VIDYA_OPENBLAS_SIMD_PARTS_H

#include "vec.h"

namespace vob {
namespace VOB_ISA {

void fill_elementwise(Simd&);
void fill_smooth(Simd&);
void fill_special(Simd&);
void fill_pairs(Simd&);
void fill_ewise(Simd&);
void fill_activations(Simd&);
void fill_gated(Simd&);
void fill_recurrent(Simd&);
void fill_rope(Simd&);
void fill_convert(Simd&);
void fill_move(Simd&);
void fill_reduce(Simd&);
void fill_reduce_table(Simd&);
/* acc[j] += the sum of `rows` rows' element j; rows are `stride` elements apart. */
void add_rows(double* acc, const float* x, int64_t n, int64_t rows, int64_t stride);
void fill_rows(Simd&);
void fill_columns(Simd&);
void fill_norm(Simd&);
void fill_channels(Simd&);
void fill_gemv(Simd&);
void fill_few(Simd&);
void fill_fft(Simd&);
void fill_gemm(Simd&);
void fill_optim(Simd&);
void fill_attention(Simd&);
void fill_quant(Simd&);
void fill_conv(Simd&);
void fill_pool(Simd&);
void fill_scan(Simd&);

}  // namespace VOB_ISA
}  // namespace vob

#endif
