// Passes of Fourier transforms, and lines turned into lanes.
#include "fourier/fft.h"

#include "parts.h"
#if defined(__AVX512F__)
#include "transpose.h"
#endif

namespace vob {
namespace VOB_ISA {
namespace {

template <class T>
struct Complex {
  Vec<T> re, im;
};
template <class T>
inline Complex<T> operator+(Complex<T> a, Complex<T> b) {
  return {a.re + b.re, a.im + b.im};
}
template <class T>
inline Complex<T> operator-(Complex<T> a, Complex<T> b) {
  return {a.re - b.re, a.im - b.im};
}
template <class T>
inline Complex<T> times(Complex<T> a, T re, T im) {
  return {a.re * re - a.im * im, a.re * im + a.im * re};
}
template <class T>
inline Complex<T> scaled(Complex<T> a, T by) {
  return {a.re * by, a.im * by};
}
/* a times i, or -i. */
template <class T>
inline Complex<T> turned(Complex<T> a, T sign) {
  return {a.im * -sign, a.re * sign};
}

template <class T>
inline Complex<T> get(const T* z, int64_t i) {
  const T* p = z + i * 2 * kLanes<T>;
  return {load(p), load(p + kLanes<T>)};
}
template <class T>
inline void set(T* z, int64_t i, Complex<T> x) {
  T* p = z + i * 2 * kLanes<T>;
  store(p, x.re);
  store(p + kLanes<T>, x.im);
}

/* Transforms of R elements in place. */
template <class T>
inline void butterfly(Complex<T> (&a)[2], T) {
  const Complex<T> x = a[0] - a[1];
  a[0] = a[0] + a[1];
  a[1] = x;
}
template <class T>
inline void butterfly(Complex<T> (&a)[3], T sign) {
  const T sine = T(0.86602540378443864676) * sign;
  const Complex<T> sum = a[1] + a[2], half = a[0] - scaled(sum, T(0.5));
  const Complex<T> side = turned(a[1] - a[2], sine);
  a[0] = a[0] + sum;
  a[1] = half + side;
  a[2] = half - side;
}
template <class T>
inline void butterfly(Complex<T> (&a)[4], T sign) {
  const Complex<T> p = a[0] + a[2], q = a[0] - a[2], r = a[1] + a[3];
  const Complex<T> t = turned(a[1] - a[3], sign);
  a[0] = p + r;
  a[1] = q + t;
  a[2] = p - r;
  a[3] = q - t;
}
template <class T>
inline void butterfly(Complex<T> (&a)[5], T sign) {
  const T c1 = T(0.30901699437494742410), c2 = T(-0.80901699437494742410);
  const T s1 = T(0.95105651629515357212) * sign, s2 = T(0.58778525229247312917) * sign;
  const Complex<T> p = a[1] + a[4], q = a[2] + a[3], r = a[1] - a[4], t = a[2] - a[3];
  const Complex<T> x = a[0] + scaled(p, c1) + scaled(q, c2);
  const Complex<T> y = a[0] + scaled(p, c2) + scaled(q, c1);
  const Complex<T> u = turned(scaled(r, s1) + scaled(t, s2), T(1));
  const Complex<T> v = turned(scaled(r, s2) - scaled(t, s1), T(1));
  a[0] = a[0] + p + q;
  a[1] = x + u;
  a[2] = y + v;
  a[3] = y - v;
  a[4] = x - u;
}

template <class T, int R>
void pass_of(const FftPass<T>& pass, int sign, T* to, const T* from) {
  const T* w = pass.twiddles.data();
  for (int64_t p = 0; p < pass.m; ++p, w += 2 * (R - 1)) {
    const T* x = from + pass.s * p * 2 * kLanes<T>;
    T* y = to + pass.s * R * p * 2 * kLanes<T>;
    for (int64_t q = 0; q < pass.s; ++q) {
      Complex<T> a[R];
      for (int k = 0; k < R; ++k) a[k] = get(x, q + pass.s * pass.m * k);
      butterfly(a, T(sign));
      set(y, q, a[0]);
      for (int j = 1; j < R; ++j)
        set(y, q + pass.s * j, p ? times(a[j], w[2 * j - 2], w[2 * j - 1]) : a[j]);
    }
  }
}

/* Any odd radix: pairs of elements that lie opposite share their products. */
template <class T>
void odd_pass(const FftPass<T>& pass, T* to, const T* from) {
  const int r = pass.radix, half = r / 2;
  const T *w = pass.twiddles.data(), *root = pass.roots.data();
  for (int64_t p = 0; p < pass.m; ++p, w += 2 * (r - 1)) {
    const T* x = from + pass.s * p * 2 * kLanes<T>;
    T* y = to + pass.s * r * p * 2 * kLanes<T>;
    for (int64_t q = 0; q < pass.s; ++q) {
      Complex<T> sum[16], gap[16];
      const Complex<T> first = get(x, q);
      Complex<T> all = first;
      for (int k = 1; k <= half; ++k) {
        const Complex<T> u = get(x, q + pass.s * pass.m * k);
        const Complex<T> v = get(x, q + pass.s * pass.m * (r - k));
        sum[k] = u + v, gap[k] = u - v;
        all = all + sum[k];
      }
      set(y, q, all);
      for (int j = 1; j <= half; ++j) {
        Complex<T> even = first, odd{};
        for (int k = 1; k <= half; ++k) {
          const int at = j * k % r;
          even = even + scaled(sum[k], root[2 * at]);
          odd = odd + scaled(gap[k], root[2 * at + 1]);
        }
        odd = turned(odd, T(1));
        set(y, q + pass.s * j, times(even + odd, w[2 * j - 2], w[2 * j - 1]));
        set(y, q + pass.s * (r - j), times(even - odd, w[2 * (r - j) - 2], w[2 * (r - j) - 1]));
      }
    }
  }
}

template <class T>
T* run(const FftPlan<T>& plan, T* z, T* other) {
  if (!plan.padded) {
    for (const FftPass<T>& pass : plan.passes) {
      switch (pass.radix) {
        case 2:
          pass_of<T, 2>(pass, plan.sign, other, z);
          break;
        case 3:
          pass_of<T, 3>(pass, plan.sign, other, z);
          break;
        case 4:
          pass_of<T, 4>(pass, plan.sign, other, z);
          break;
        case 5:
          pass_of<T, 5>(pass, plan.sign, other, z);
          break;
        default:
          odd_pass(pass, other, z);
      }
      T* last = z;
      z = other, other = last;
    }
    return z;
  }
  const T *w = plan.wave.data(), *f = plan.filter.data();
  for (int64_t j = 0; j < plan.n; ++j) set(z, j, times(get(z, j), w[2 * j], w[2 * j + 1]));
  for (int64_t j = plan.n; j < plan.padded; ++j) set(z, j, Complex<T>{});
  T* there = run(plan.inner[0], z, other);
  other = there == z ? other : z;
  for (int64_t j = 0; j < plan.padded; ++j) {  // conjugated: the inverse by the same transform
    const Complex<T> x = times(get(there, j), f[2 * j], f[2 * j + 1]);
    set(there, j, Complex<T>{x.re, -x.im});
  }
  T* back = run(plan.inner[0], there, other);
  for (int64_t j = 0; j < plan.n; ++j) {
    const Complex<T> x = get(back, j);
    set(back, j, times(Complex<T>{x.re, -x.im}, w[2 * j], w[2 * j + 1]));
  }
  return back;
}

#if defined(__AVX512F__)
/* Whole squares of 16 x 16: how many vectors are done. */
inline int64_t fetch_squares(float* z, const float* x, const int64_t* at, int64_t n) {
  int64_t j = 0;
  for (; j + 16 <= n; j += 16) {
    __m512i r[16];
    for (int l = 0; l < 16; ++l) r[l] = _mm512_loadu_si512(x + at[l] + j);
    transpose(r);
    for (int i = 0; i < 16; ++i) _mm512_storeu_si512(z + (j + i) * 16, r[i]);
  }
  return j;
}
inline int64_t put_squares(float* x, const int64_t* at, const float* z, int64_t n) {
  int64_t j = 0;
  for (; j + 16 <= n; j += 16) {
    __m512i r[16];
    for (int i = 0; i < 16; ++i) r[i] = _mm512_loadu_si512(z + (j + i) * 16);
    transpose(r);
    for (int l = 0; l < 16; ++l) _mm512_storeu_si512(x + at[l] + j, r[l]);
  }
  return j;
}
#else
template <class T>
inline int64_t fetch_squares(T*, const T*, const int64_t*, int64_t) {
  return 0;
}
template <class T>
inline int64_t put_squares(T*, const int64_t*, const T*, int64_t) {
  return 0;
}
#endif

template <class T>
void fetch(T* z, const T* x, const int64_t* at, int64_t step, int64_t lines, int64_t n) {
  constexpr int64_t L = kLanes<T>;
  int64_t j = 0;
  if constexpr (sizeof(T) == 4)
    if (step == 1 && lines == L) j = fetch_squares(z, x, at, n);
  for (; j < n; ++j) {
    T* to = z + j * L;
    for (int64_t l = 0; l < lines; ++l) to[l] = x[at[l] + j * step];
    for (int64_t l = lines; l < L; ++l) to[l] = 0;
  }
}
template <class T>
void put(T* x, const int64_t* at, int64_t step, const T* z, int64_t lines, int64_t n) {
  constexpr int64_t L = kLanes<T>;
  int64_t j = 0;
  if constexpr (sizeof(T) == 4)
    if (step == 1 && lines == L) j = put_squares(x, at, z, n);
  for (; j < n; ++j)
    for (int64_t l = 0; l < lines; ++l) x[at[l] + j * step] = z[j * L + l];
}

/* Do the lines lie side by side, one complex number after the other? */
inline bool neighbours(const int64_t* at, int64_t lines) {
  return at[lines - 1] - at[0] == 2 * (lines - 1);
}

template <class T>
void fetch_complex(T* z, const T* x, const int64_t* at, int64_t step, int64_t lines, int64_t n) {
  constexpr int64_t L = kLanes<T>;
  if (step == 2) return fetch(z, x, at, 1, lines, 2 * n);
  if (lines == L && neighbours(at, L)) {
    for (int64_t j = 0; j < n; ++j) {
      const T* p = x + at[0] + j * step;
      if (j + 8 < n)
        for (int64_t i = 0; i < 2 * L; i += 64 / int64_t(sizeof(T)))
          __builtin_prefetch(p + 8 * step + i);
      T *re = z + 2 * j * L, *im = re + L;
#pragma GCC ivdep
      for (int64_t l = 0; l < L; ++l) re[l] = p[2 * l], im[l] = p[2 * l + 1];
    }
    return;
  }
  for (int64_t j = 0; j < n; ++j) {
    T *re = z + 2 * j * L, *im = re + L;
    for (int64_t l = 0; l < lines; ++l) {
      re[l] = x[at[l] + j * step];
      im[l] = x[at[l] + j * step + 1];
    }
    for (int64_t l = lines; l < L; ++l) re[l] = im[l] = 0;
  }
}
template <class T>
void put_complex(T* x, const int64_t* at, int64_t step, const T* z, int64_t lines, int64_t n) {
  constexpr int64_t L = kLanes<T>;
  if (step == 2) return put(x, at, 1, z, lines, 2 * n);
  const bool side_by_side = lines == L && neighbours(at, L);
  for (int64_t j = 0; j < n; ++j) {
    const T *re = z + 2 * j * L, *im = re + L;
    if (side_by_side) {
      T* p = x + at[0] + j * step;
#pragma GCC ivdep
      for (int64_t l = 0; l < L; ++l) p[2 * l] = re[l], p[2 * l + 1] = im[l];
      continue;
    }
    for (int64_t l = 0; l < lines; ++l) {
      x[at[l] + j * step] = re[l];
      x[at[l] + j * step + 1] = im[l];
    }
  }
}

template <class T>
inline Complex<T> conjugate(Complex<T> x) {
  return {x.re, -x.im};
}

template <class T>
void split(T* to, const T* z, int64_t h, const T* turns) {
  for (int64_t k = 0; k <= h; ++k) {
    const Complex<T> x = get(z, k == h ? 0 : k), y = conjugate(get(z, k ? h - k : 0));
    const Complex<T> even = scaled(x + y, T(0.5)), odd = turned(scaled(x - y, T(0.5)), T(-1));
    set(to, k, even + times(odd, turns[2 * k], turns[2 * k + 1]));
  }
}

template <class T>
void join(T* z, const T* from, int64_t h, const T* turns) {
  for (int64_t k = 0; k < h; ++k) {
    Complex<T> x = get(from, k), y = conjugate(get(from, h - k));
    if (k == 0) x.im = y.im = Vec<T>{};  // of a real line there is none
    const Complex<T> odd = times(x - y, turns[2 * k], -turns[2 * k + 1]);
    set(z, k, x + y + turned(odd, T(1)));
  }
}

template <class T>
void mirror(T* z, const T* from, int64_t n) {
  for (int64_t k = 0; k <= n / 2; ++k) {
    Complex<T> x = get(from, k);
    if (k == 0) x.im = Vec<T>{};
    set(z, k, x);
    if (k) set(z, n - k, conjugate(x));
  }
}

}  // namespace

void fill_fft(Simd& s) {
  static const FftLoops<float> narrow{kLanes<float>, run<float>,           fetch<float>,
                                      put<float>,    fetch_complex<float>, put_complex<float>,
                                      split<float>,  join<float>,          mirror<float>};
  static const FftLoops<double> wide{kLanes<double>, run<double>,           fetch<double>,
                                     put<double>,    fetch_complex<double>, put_complex<double>,
                                     split<double>,  join<double>,          mirror<double>};
  s.fft32 = &narrow;
  s.fft64 = &wide;
}

}  // namespace VOB_ISA
}  // namespace vob
