// 16-bit floats to and from float32, and stores that go past the caches.
#include "parts.h"

namespace vob {
namespace VOB_ISA {
namespace {

void bf16_to_f32(float* y, const uint16_t* x, int64_t n) {
  uint32_t* u = reinterpret_cast<uint32_t*>(y);
#pragma GCC ivdep
  for (int64_t i = 0; i < n; ++i) u[i] = uint32_t(x[i]) << 16;
}

void f32_to_bf16(uint16_t* y, const float* x, int64_t n) {
#pragma GCC ivdep
  for (int64_t i = 0; i < n; ++i) {
    uint32_t u = bits<uint32_t>(x[i]);
    uint32_t rounded = (u + 0x7fffu + ((u >> 16) & 1)) >> 16;
    uint32_t nan = (u >> 16) | 0x40;
    y[i] = uint16_t((u & 0x7fffffffu) > 0x7f800000u ? nan : rounded);
  }
}

void f16_to_f32(float* y, const uint16_t* x, int64_t n) {
  int64_t i = 0;
#if defined(__AVX512F__)
  for (; i + 16 <= n; i += 16)
    _mm512_storeu_ps(y + i,
                     _mm512_cvtph_ps(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(x + i))));
#elif defined(__F16C__)
  for (; i + 8 <= n; i += 8)
    _mm256_storeu_ps(y + i,
                     _mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(x + i))));
#endif
#pragma GCC ivdep
  for (; i < n; ++i) {
    uint32_t h = x[i], sign = (h & 0x8000u) << 16;
    float f = bits<float>((h & 0x7fffu) << 13) * bits<float>(0x77800000u);
    uint32_t u = bits<uint32_t>(f);
    u = (h & 0x7c00u) == 0x7c00u ? u | 0x7f800000u : u;
    y[i] = bits<float>(u | sign);
  }
}

void f32_to_f16(uint16_t* y, const float* x, int64_t n) {
  int64_t i = 0;
#if defined(__AVX512F__)
  for (; i + 16 <= n; i += 16)
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(y + i),
                        _mm512_cvtps_ph(_mm512_loadu_ps(x + i), _MM_FROUND_TO_NEAREST_INT));
#elif defined(__F16C__)
  for (; i + 8 <= n; i += 8)
    _mm_storeu_si128(reinterpret_cast<__m128i*>(y + i),
                     _mm256_cvtps_ph(_mm256_loadu_ps(x + i), _MM_FROUND_TO_NEAREST_INT));
#endif
#pragma GCC ivdep
  for (; i < n; ++i) {
    uint32_t u = bits<uint32_t>(x[i]), sign = (u >> 16) & 0x8000u;
    u &= 0x7fffffffu;
    // below 2^-14 the result is subnormal: the adder rounds it
    uint32_t small = bits<uint32_t>(bits<float>(u) + 0.5f) - 0x3f000000u;
    uint32_t normal = (u + 0xc8000fffu + ((u >> 13) & 1)) >> 13;
    uint32_t h = u < 0x38800000u ? small : normal;
    h = u >= 0x477ff000u ? 0x7c00u : h;
    h = u > 0x7f800000u ? 0x7e00u : h;
    y[i] = uint16_t(sign | h);
  }
}

void fill32(void* y, const void* x, int64_t n) {
  uint32_t* to = static_cast<uint32_t*>(y);
  const uint32_t value = *static_cast<const uint32_t*>(x);
  for (int64_t i = 0; i < n; ++i) to[i] = value;
}

/* The same as loops of element-wise kernels. */
template <void (*F)(uint16_t*, const float*, int64_t)>
void narrowing(void* out, const void* const* in, int64_t n) {
  F(static_cast<uint16_t*>(out), static_cast<const float*>(in[0]), n);
}
template <void (*F)(float*, const uint16_t*, int64_t)>
void widening(void* out, const void* const* in, int64_t n) {
  F(static_cast<float*>(out), static_cast<const uint16_t*>(in[0]), n);
}

void stream(void* dst, const void* src, int64_t bytes) {
  char* d = static_cast<char*>(dst);
  const char* s = static_cast<const char*>(src);
#if defined(__AVX512F__)
  for (int64_t i = 0; i < bytes; i += 64)
    _mm512_stream_si512(reinterpret_cast<__m512i*>(d + i), _mm512_loadu_si512(s + i));
#elif defined(__AVX2__)
  for (int64_t i = 0; i < bytes; i += 32)
    _mm256_stream_si256(reinterpret_cast<__m256i*>(d + i),
                        _mm256_loadu_si256(reinterpret_cast<const __m256i*>(s + i)));
#elif defined(__SSE2__)
  for (int64_t i = 0; i < bytes; i += 16)
    _mm_stream_si128(reinterpret_cast<__m128i*>(d + i),
                     _mm_loadu_si128(reinterpret_cast<const __m128i*>(s + i)));
#else
  __builtin_memcpy(d, s, bytes);
#endif
}

void stream_end() {
#if defined(__SSE2__)
  _mm_sfence();
#endif
}

#if defined(__AVX512F__)

typedef uint32_t Sixteen __attribute__((vector_size(64)));
typedef uint32_t SixteenLoose __attribute__((vector_size(64), aligned(4), may_alias));

/* Every cache line is read and written once and whole: rows a power of two apart share a set. */
void transpose16(uint32_t* dst, int64_t ldd, const uint32_t* src, int64_t lds, bool stream) {
  Sixteen r[16], s[16];
  for (int i = 0; i < 16; ++i) r[i] = *reinterpret_cast<const SixteenLoose*>(src + i * lds);
  for (int i = 0; i < 16; i += 2) {  // pairs
    s[i] = __builtin_shuffle(r[i], r[i + 1],
                             Sixteen{0, 16, 1, 17, 4, 20, 5, 21, 8, 24, 9, 25, 12, 28, 13, 29});
    s[i + 1] = __builtin_shuffle(
        r[i], r[i + 1], Sixteen{2, 18, 3, 19, 6, 22, 7, 23, 10, 26, 11, 27, 14, 30, 15, 31});
  }
  for (int i = 0; i < 16; i += 4)  // quads
    for (int k = 0; k < 2; ++k) {
      r[i + 2 * k] =
          __builtin_shuffle(s[i + k], s[i + k + 2],
                            Sixteen{0, 1, 16, 17, 4, 5, 20, 21, 8, 9, 24, 25, 12, 13, 28, 29});
      r[i + 2 * k + 1] =
          __builtin_shuffle(s[i + k], s[i + k + 2],
                            Sixteen{2, 3, 18, 19, 6, 7, 22, 23, 10, 11, 26, 27, 14, 15, 30, 31});
    }
  const Sixteen even{0, 1, 2, 3, 8, 9, 10, 11, 16, 17, 18, 19, 24, 25, 26, 27};
  const Sixteen odd{4, 5, 6, 7, 12, 13, 14, 15, 20, 21, 22, 23, 28, 29, 30, 31};
  for (int k = 0; k < 4; ++k) {  // lanes of 16 bytes
    const Sixteen a = __builtin_shuffle(r[k], r[4 + k], even);
    const Sixteen b = __builtin_shuffle(r[k], r[4 + k], odd);
    const Sixteen c = __builtin_shuffle(r[8 + k], r[12 + k], even);
    const Sixteen d = __builtin_shuffle(r[8 + k], r[12 + k], odd);
    s[k] = __builtin_shuffle(a, c, even);
    s[4 + k] = __builtin_shuffle(b, d, even);
    s[8 + k] = __builtin_shuffle(a, c, odd);
    s[12 + k] = __builtin_shuffle(b, d, odd);
  }
  for (int i = 0; i < 16; ++i) {
    if (stream) {
      _mm512_stream_si512(reinterpret_cast<__m512i*>(dst + i * ldd), (__m512i)s[i]);
    } else {
      *reinterpret_cast<SixteenLoose*>(dst + i * ldd) = s[i];
    }
  }
}

#else

// Eight rows of eight at a time: three rounds of interleaving pairs, quads and halves.
typedef uint32_t Eight __attribute__((vector_size(32)));
typedef uint32_t EightLoose __attribute__((vector_size(32), aligned(4), may_alias));

inline void transpose8(uint32_t* dst, int64_t ldd, const uint32_t* src, int64_t lds) {
  Eight r[8], s[8];
  for (int i = 0; i < 8; ++i) r[i] = *reinterpret_cast<const EightLoose*>(src + i * lds);
  for (int i = 0; i < 8; i += 2) {
    s[i] = __builtin_shuffle(r[i], r[i + 1], Eight{0, 8, 1, 9, 4, 12, 5, 13});
    s[i + 1] = __builtin_shuffle(r[i], r[i + 1], Eight{2, 10, 3, 11, 6, 14, 7, 15});
  }
  for (int i = 0; i < 8; i += 4)
    for (int k = 0; k < 2; ++k) {
      r[i + 2 * k] = __builtin_shuffle(s[i + k], s[i + k + 2], Eight{0, 1, 8, 9, 4, 5, 12, 13});
      r[i + 2 * k + 1] =
          __builtin_shuffle(s[i + k], s[i + k + 2], Eight{2, 3, 10, 11, 6, 7, 14, 15});
    }
  for (int i = 0; i < 4; ++i) {
    s[i] = __builtin_shuffle(r[i], r[i + 4], Eight{0, 1, 2, 3, 8, 9, 10, 11});
    s[i + 4] = __builtin_shuffle(r[i], r[i + 4], Eight{4, 5, 6, 7, 12, 13, 14, 15});
  }
  for (int i = 0; i < 8; ++i) *reinterpret_cast<EightLoose*>(dst + i * ldd) = s[i];
}

void transpose16(uint32_t* dst, int64_t ldd, const uint32_t* src, int64_t lds, bool) {
  for (int i = 0; i < 16; i += 8)
    for (int j = 0; j < 16; j += 8) transpose8(dst + i * ldd + j, ldd, src + j * lds + i, lds);
}

#endif

}  // namespace

void fill_convert(Simd& s) {
  s.bf16_to_f32 = bf16_to_f32;
  s.f32_to_bf16 = f32_to_bf16;
  s.f16_to_f32 = f16_to_f32;
  s.f32_to_f16 = f32_to_f16;
  s.narrow[0] = narrowing<f32_to_bf16>, s.narrow[1] = narrowing<f32_to_f16>;
  s.widen[0] = widening<bf16_to_f32>, s.widen[1] = widening<f16_to_f32>;
  s.fill32 = fill32;
  s.stream = stream;
  s.stream_end = stream_end;
  s.transpose16 = transpose16;
}

}  // namespace VOB_ISA
}  // namespace vob
