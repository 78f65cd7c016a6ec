// Discrete Fourier transforms of many lines at a time: a vector holds one element of as many lines
// as it has lanes, so that every instruction works on whole vectors whatever the length is.
#ifndef VIDYA_OPENBLAS_FFT_H
#define VIDYA_OPENBLAS_FFT_H

#include <cstdint>
#include <vector>

namespace vob {

/* One pass of Stockham's algorithm (Cochran et al., 1967): for p < m and q < s, elements
 * q + s (p + m k), k < radix, become q + s (radix p + j), times the twiddle factor of p and j. */
template <class T>
struct FftPass {
  int radix;
  int64_t m, s;
  std::vector<T> twiddles;  // [p][j - 1] (re, im), for j >= 1
  std::vector<T> roots;     // (re, im) of exp(sign 2 pi i k / radix)
};

template <class T>
struct FftPlan {
  FftPlan() = default;
  /* sign: of the exponent. */
  FftPlan(int64_t n, int sign);

  int64_t n = 0;
  int sign = -1;
  std::vector<FftPass<T>> passes;
  /* A length with a large prime factor goes by Bluestein's algorithm (1970): x[j] w[j] convolved
   * with 1 / w, by transforms of `padded`, times w. */
  int64_t padded = 0;
  std::vector<T> wave;         // w[j] = exp(sign pi i j^2 / n): (re, im) each
  std::vector<T> filter;       // the transform of 1 / w, divided by `padded`
  std::vector<FftPlan> inner;  // one, of length padded

  /* Elements of a buffer: two of them are needed. */
  int64_t room() const { return padded ? padded : n; }
};

template <class T>
struct FftLoops {
  int64_t lanes;
  /* Buffers hold an element as two vectors, the real parts and the imaginary parts of `lanes`
   * lines; gives that of the two buffers in which the transform of z is. */
  T* (*run)(const FftPlan<T>& plan, T* z, T* other);
  /* Vector j of z, j < n, gets x[at[l] + j * step] of lines l < lines, and 0 in other lanes. */
  void (*fetch)(T* z, const T* x, const int64_t* at, int64_t step, int64_t lines, int64_t n);
  void (*put)(T* x, const int64_t* at, int64_t step, const T* z, int64_t lines, int64_t n);
  /* The same of n complex elements, two numbers each. */
  void (*fetch_complex)(T* z, const T* x, const int64_t* at, int64_t step, int64_t lines,
                        int64_t n);
  void (*put_complex)(T* x, const int64_t* at, int64_t step, const T* z, int64_t lines, int64_t n);
  /* z is the transform of h pairs of real numbers, taken as complex ones: to gets elements 0 .. h
   * of that of the 2 h numbers; turns[k] = exp(-pi i k / h). */
  void (*split)(T* to, const T* z, int64_t h, const T* turns);
  /* The reverse, times 2. */
  void (*join)(T* z, const T* from, int64_t h, const T* turns);
  /* z[k] = from[k], z[n - k] = its conjugate, for k <= n / 2; n is odd. */
  void (*mirror)(T* z, const T* from, int64_t n);
};

/* Appends exp(sign 2 pi i k / n): (re, im). */
template <class T>
void push_turn(std::vector<T>& to, int64_t k, int64_t n, int sign);

/* Those of k < count. */
template <class T>
std::vector<T> fft_turns(int64_t n, int64_t count, int sign);

}  // namespace vob

#endif
