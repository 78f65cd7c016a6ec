// What the kernels of Fourier transforms share.
#ifndef VIDYA_OPENBLAS_FFT_KERNELS_H
#define VIDYA_OPENBLAS_FFT_KERNELS_H

#include "base/common.h"
#include "fourier/fft.h"

namespace vob {

enum class FftKind { Complex, ToHalf, FromHalf };  // of complex numbers, of real ones, back

inline const FftLoops<float>& fft_loops(const Simd* s, float) { return *s->fft32; }
inline const FftLoops<double>& fft_loops(const Simd* s, double) { return *s->fft64; }

/* For a few contiguous lines that are too long to fill vectors with; nullptr for others. */
std::unique_ptr<Kernel> long_lines(FftKind kind, bool wide, int64_t lines, int64_t n, int sign);

}  // namespace vob

#endif
