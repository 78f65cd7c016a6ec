#include <cmath>
#include <utility>

#include "fourier/fft.h"

namespace vob {
namespace {

constexpr int kLargest = 31;  // prime factor that a pass of its own is good for
constexpr double kPi = 3.14159265358979323846;

/* exp(2 pi i k / n), exact to the last bits: the angle is taken from the nearest quarter turn. */
void turn(int64_t k, int64_t n, int sign, double* re, double* im) {
  k %= n;
  const int64_t quarter = (4 * k + n / 2) / n;  // of a turn, the nearest
  const double rest = 2 * kPi * (double(4 * k - quarter * n) / 4) / double(n);
  const double c = std::cos(rest), s = std::sin(rest);
  const double cos[] = {c, -s, -c, s}, sin[] = {s, c, -s, -c};
  *re = cos[quarter % 4];
  *im = sign * sin[quarter % 4];
}

/* The radices of n, fours first; empty if a factor is too large. */
std::vector<int> radices(int64_t n) {
  std::vector<int> found;
  for (; n % 4 == 0; n /= 4) found.push_back(4);
  for (int p = 2; p <= kLargest; ++p)
    for (; n % p == 0; n /= p) found.push_back(p);
  if (n > 1) found.clear();
  return found;
}

}  // namespace

template <class T>
void push_turn(std::vector<T>& to, int64_t k, int64_t n, int sign) {
  double re, im;
  turn(k, n, sign, &re, &im);
  to.push_back(T(re));
  to.push_back(T(im));
}

template <class T>
FftPlan<T>::FftPlan(int64_t length, int direction) : n(length), sign(direction) {
  if (n == 1) return;
  int64_t rest = n, s = 1;
  for (int radix : radices(n)) {
    FftPass<T> pass{radix, rest / radix, s, {}, {}};
    for (int64_t p = 0; p < pass.m; ++p)
      for (int j = 1; j < radix; ++j) push_turn(pass.twiddles, p * j, rest, sign);
    for (int k = 0; k < radix; ++k) push_turn(pass.roots, k, radix, sign);
    passes.push_back(std::move(pass));
    rest /= radix;
    s *= radix;
  }
  if (!passes.empty()) return;
  padded = 1;
  while (padded < 2 * n - 1) padded *= 2;
  for (int64_t j = 0; j < n; ++j) push_turn(wave, int64_t(__int128(j) * j % (2 * n)), 2 * n, sign);
  inner.emplace_back(padded, -1);
  // the filter's transform, in double, by the definition's own recursion: once per plan
  std::vector<double> re(size_t(padded), 0), im(size_t(padded), 0);
  for (int64_t j = 0; j < n; ++j) {
    double c, d;
    turn(int64_t(__int128(j) * j % (2 * n)), 2 * n, -sign, &c, &d);
    re[size_t(j)] = c, im[size_t(j)] = d;
    if (j) re[size_t(padded - j)] = c, im[size_t(padded - j)] = d;
  }
  for (int64_t i = 1, j = 0; i < padded; ++i) {  // bits in reverse order
    int64_t bit = padded >> 1;
    for (; j & bit; bit >>= 1) j ^= bit;
    j ^= bit;
    if (i < j) std::swap(re[size_t(i)], re[size_t(j)]), std::swap(im[size_t(i)], im[size_t(j)]);
  }
  for (int64_t half = 1; half < padded; half *= 2)
    for (int64_t k = 0; k < half; ++k) {
      double c, d;
      turn(k, 2 * half, -1, &c, &d);
      for (int64_t i = k; i < padded; i += 2 * half) {
        const size_t u = size_t(i), v = size_t(i + half);
        const double x = re[v] * c - im[v] * d, y = re[v] * d + im[v] * c;
        re[v] = re[u] - x, im[v] = im[u] - y;
        re[u] += x, im[u] += y;
      }
    }
  for (int64_t j = 0; j < padded; ++j) {
    filter.push_back(T(re[size_t(j)] / double(padded)));
    filter.push_back(T(im[size_t(j)] / double(padded)));
  }
}

template <class T>
std::vector<T> fft_turns(int64_t n, int64_t count, int sign) {
  std::vector<T> turns;
  for (int64_t k = 0; k < count; ++k) push_turn(turns, k, n, sign);
  return turns;
}

template void push_turn(std::vector<float>&, int64_t, int64_t, int);
template void push_turn(std::vector<double>&, int64_t, int64_t, int);
template struct FftPlan<float>;
template struct FftPlan<double>;
template std::vector<float> fft_turns(int64_t, int64_t, int);
template std::vector<double> fft_turns(int64_t, int64_t, int);

}  // namespace vob
