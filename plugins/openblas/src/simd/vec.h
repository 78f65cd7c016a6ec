// Vectors of the instruction set at hand, on GCC's vector extension.  Included by the files of
// simd/ only: all is inside the namespace of the instruction set, so that the linker can never
// put code for a newer CPU into the baseline.
#ifndef VIDYA_OPENBLAS_SIMD_VEC_H
#define VIDYA_OPENBLAS_SIMD_VEC_H

#include <cstdint>
#include <utility>

#ifdef __x86_64__
#include <immintrin.h>
#endif

#include "simd.h"

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
static inline Vec<T> load(const T* p) {
  return *reinterpret_cast<const typename VecOf<T>::loose*>(p);
}
template <class T>
static inline void store(T* p, Vec<T> v) {
  *reinterpret_cast<typename VecOf<T>::loose*>(p) = v;
}
template <class T>
static inline Vec<T> splat(T x) {
  return x - Vec<T>{};  // a sum with 0 would be one, because of -0
}
template <int Bytes>
struct IntOf;
template <>
struct IntOf<4> {
  using type = int32_t;
};
template <>
struct IntOf<8> {
  using type = int64_t;
};
template <class T>
using Int = typename IntOf<int(sizeof(T))>::type;

template <class T, int W, int... I>
static inline Vec<T> swap_lanes(Vec<T> v, std::integer_sequence<int, I...>) {
  return __builtin_shuffle(v, Vec<Int<T>>{(I ^ W)...});
}
/* All lanes folded into one, pairwise: halves, then quarters, ... */
template <class T, int W = kLanes<T> / 2, class F>
static inline T lane_fold(Vec<T> v, F f) {
  if constexpr (W == 0) {
    return v[0];
  } else {
    return lane_fold<T, W / 2>(
        f(v, swap_lanes<T, W>(v, std::make_integer_sequence<int, kLanes<T>>())), f);
  }
}
template <class T>
static inline T lane_sum(Vec<T> v) {
  return lane_fold<T>(v, [](Vec<T> a, Vec<T> b) { return a + b; });
}

template <class T>
static inline bool any_nan(Vec<T> v) {
#if defined(__AVX512F__)
  if constexpr (sizeof(T) == 4)
    return _mm512_cmp_ps_mask((__m512)v, (__m512)v, _CMP_UNORD_Q);
  else
    return _mm512_cmp_pd_mask((__m512d)v, (__m512d)v, _CMP_UNORD_Q);
#else
  return lane_fold<Int<T>>(v != v, [](Vec<Int<T>> a, Vec<Int<T>> b) { return a | b; });
#endif
}

/* The last n <= lanes elements of a row, the rest of the lanes being `fill`. */
template <class T>
static inline Vec<T> load_tail(const T* p, int64_t n, T fill) {
#if defined(__AVX512F__)
  if constexpr (sizeof(T) == 4)
    return (Vec<T>)_mm512_mask_loadu_ps((__m512)splat(fill), __mmask16((1u << n) - 1), p);
  else
    return (Vec<T>)_mm512_mask_loadu_pd((__m512d)splat(fill), __mmask8((1u << n) - 1), p);
#else
  T a[kLanes<T>];
  for (int i = 0; i < kLanes<T>; ++i) a[i] = i < n ? p[i] : fill;
  return load(a);
#endif
}
template <class T>
static inline void store_tail(T* p, int64_t n, Vec<T> v) {
#if defined(__AVX512F__)
  if constexpr (sizeof(T) == 4)
    _mm512_mask_storeu_ps(p, __mmask16((1u << n) - 1), (__m512)v);
  else
    _mm512_mask_storeu_pd(p, __mmask8((1u << n) - 1), (__m512d)v);
#else
  for (int64_t i = 0; i < n; ++i) p[i] = v[i];
#endif
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
