// Vectors of 16-bit floats as float32.
#ifndef VIDYA_OPENBLAS_SIMD_HALVES_H
#define VIDYA_OPENBLAS_SIMD_HALVES_H

#include "vec.h"

namespace vob {
namespace VOB_ISA {

static inline Vec<float> load_bf16(const uint16_t* p) {
#if defined(__AVX512F__)
  __m256i h = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p));
  return (Vec<float>)_mm512_slli_epi32(_mm512_cvtepu16_epi32(h), 16);
#elif defined(__AVX2__)
  __m128i h = _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
  return (Vec<float>)_mm256_slli_epi32(_mm256_cvtepu16_epi32(h), 16);
#else
  Vec<float> v;
  for (int i = 0; i < kLanes<float>; ++i) v[i] = bits<float>(uint32_t(p[i]) << 16);
  return v;
#endif
}
static inline float one_f16(uint16_t h) {
  float f = bits<float>(uint32_t(h & 0x7fff) << 13) * bits<float>(0x77800000u);
  uint32_t u = bits<uint32_t>(f);
  u = (h & 0x7c00) == 0x7c00 ? u | 0x7f800000u : u;
  return bits<float>(u | uint32_t(h & 0x8000) << 16);
}
static inline Vec<float> load_f16(const uint16_t* p) {
#if defined(__AVX512F__)
  return (Vec<float>)_mm512_cvtph_ps(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)));
#elif defined(__F16C__)
  return (Vec<float>)_mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p)));
#else
  Vec<float> v;
  for (int i = 0; i < kLanes<float>; ++i) v[i] = one_f16(p[i]);
  return v;
#endif
}

}  // namespace VOB_ISA
}  // namespace vob

#endif
