// Vectors of the instruction set at hand, on GCC's vector extension.  Included by the files of
// simd/ only: all is inside the namespace of the instruction set, so that the linker can never
// put code for a newer CPU into the baseline.
#ifndef VIDYA_OPENBLAS_SIMD_VEC_H
#define VIDYA_OPENBLAS_SIMD_VEC_H

#include <cstdint>

#ifdef __x86_64__
#include <immintrin.h>
#endif

#include "../simd.h"

#ifndef VOB_ISA
#define VOB_ISA baseline
#endif

namespace vob {
namespace VOB_ISA {

#if defined(__AVX512F__)
constexpr int kVecBytes = 64;
#elif defined(__AVX2__)
constexpr int kVecBytes = 32;
#else
constexpr int kVecBytes = 16;
#endif

template <class T>
struct VecOf {
  typedef T type __attribute__((vector_size(kVecBytes)));
  typedef T loose __attribute__((vector_size(kVecBytes), aligned(sizeof(T)), may_alias));
};
template <class T>
using Vec = typename VecOf<T>::type;
template <class T>
constexpr int kLanes = kVecBytes / int(sizeof(T));

template <class T>
static inline Vec<T> load(const T *p) {
  return *reinterpret_cast<const typename VecOf<T>::loose *>(p);
}
template <class T>
static inline void store(T *p, Vec<T> v) {
  *reinterpret_cast<typename VecOf<T>::loose *>(p) = v;
}
template <class T>
static inline Vec<T> splat(T x) {
  return Vec<T>{} + x;
}
template <class T>
static inline T lane_sum(Vec<T> v) {
  // Pairwise, so that the order does not depend on the compiler.
  T a[kLanes<T>];
  store(a, v);
  for (int w = kLanes<T> / 2; w > 0; w /= 2)
    for (int i = 0; i < w; ++i) a[i] += a[i + w];
  return a[0];
}

template <class To, class From>
static inline To bits(From x) {
  static_assert(sizeof(To) == sizeof(From), "same size");
  To y;
  __builtin_memcpy(&y, &x, sizeof y);
  return y;
}

}  // namespace VOB_ISA
}  // namespace vob

#endif
