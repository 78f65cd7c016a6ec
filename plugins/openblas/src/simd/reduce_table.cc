// What reducing means, for every dtype: the loops behind sum, prod, amax, amin and the 2-norm.
// Accumulators are double for float32, so that the order of the parts hardly matters, and the
// unsigned type for sums and products of integers, which wrap.
#include <limits>
#include <type_traits>

#include "parts.h"
#include "row.h"

namespace vob {
namespace VOB_ISA {
namespace {

/* std::complex's functions would be the linker's to share between instruction sets. */
template <class T>
struct Complex {
  T re, im;
  Complex() = default;
  explicit Complex(T r) : re(r), im(0) {}
  Complex(T r, T i) : re(r), im(i) {}
  template <class U>
  explicit Complex(Complex<U> z) : re(T(z.re)), im(T(z.im)) {}
  friend Complex operator+(Complex a, Complex b) { return {a.re + b.re, a.im + b.im}; }
  friend Complex operator*(Complex a, Complex b) {
    return {a.re * b.re - a.im * b.im, a.re * b.im + a.im * b.re};
  }
};
using complex64 = Complex<float>;
using complex128 = Complex<double>;
template <class T>
constexpr bool is_complex = std::is_same_v<T, complex64> || std::is_same_v<T, complex128>;

template <class T, int Op>
auto accumulator() {
  constexpr bool adds = Op == kSum || Op == kProd;
  if constexpr (std::is_same_v<T, float>)
    return std::conditional_t<Op == kMax || Op == kMin, float, double>();
  else if constexpr (is_complex<T>)
    return complex128();
  else if constexpr (std::is_integral_v<T> && adds)
    return std::make_unsigned_t<T>();
  else
    return T();
}
template <class T, int Op>
using Acc = decltype(accumulator<T, Op>());

template <class A, int Op>
inline A identity() {
  using L = std::numeric_limits<A>;
  if constexpr (Op == kSum || Op == kNorm) return A(0);
  if constexpr (Op == kProd) return A(1);
  if constexpr (Op == kMax) return L::has_infinity ? A(-L::infinity()) : L::lowest();
  if constexpr (Op == kMin) return L::has_infinity ? L::infinity() : L::max();
}
template <class A, int Op>
inline A joined(A a, A b) {
  if constexpr (Op == kSum || Op == kNorm) {
    return a + b;
  } else if constexpr (Op == kProd) {
    return a * b;
  } else if constexpr (std::is_integral_v<A>) {
    return (Op == kMax) == (b > a) ? b : a;
  } else {
    const bool take = (Op == kMax ? b > a : b < a) | (b != b);
    return take ? b : a;
  }
}
/* What an element adds to the accumulator. */
template <class T, int Op>
inline Acc<T, Op> term(T x) {
  using A = Acc<T, Op>;
  if constexpr (Op == kNorm) return A(x) * A(x);
  return A(x);
}

template <class T>
double row_product(const T* x, int64_t n) {
  typedef T Part __attribute__((vector_size(kLanes<double> * sizeof(T)), aligned(sizeof(T))));
  constexpr int64_t L = kLanes<double>;
  auto wide = [&](int64_t i) {
    return __builtin_convertvector(*reinterpret_cast<const Part*>(x + i), Vec<double>);
  };
  Vec<double> a = splat(1.), b = a, c = a, d = a;
  int64_t i = 0;
  for (; i + 4 * L <= n; i += 4 * L) {
    a *= wide(i);
    b *= wide(i + L);
    c *= wide(i + 2 * L);
    d *= wide(i + 3 * L);
  }
  a = (a * b) * (c * d);
  double y = 1;
  for (; i < n; ++i) y *= double(x[i]);
  return y * lane_fold<double>(a, [](Vec<double> p, Vec<double> q) { return p * q; });
}
/* Eight factors at a time in float32, their products in double: half the work, and as long as those
 * are of moderate size nothing is lost but roundings.  Blocks with others are done again. */
double quick_product(const float* x, int64_t n) {
  constexpr int64_t L = kLanes<float>, kGroup = 8 * L, kBlock = 8 * kGroup;
  typedef float Part __attribute__((vector_size(kVecBytes / 2)));
  struct Pair {
    Part low, high;
  };
  const Vec<int32_t> magnitude = splat(int32_t(0x7fffffff));
  double total = 1;
  for (int64_t at = 0; at < n; at += kBlock) {
    const int64_t count = n - at < kBlock ? n - at : kBlock, whole = count / kGroup * kGroup;
    Vec<double> low = splat(1.), high = low;
    Vec<int32_t> most{}, least = magnitude;
    for (const float *p = x + at, *end = p + whole; p < end; p += kGroup) {
      const Vec<float> v =
          ((load(p) * load(p + L)) * (load(p + 2 * L) * load(p + 3 * L))) *
          ((load(p + 4 * L) * load(p + 5 * L)) * (load(p + 6 * L) * load(p + 7 * L)));
      const Vec<int32_t> size = (Vec<int32_t>)v & magnitude;
      most = size > most ? size : most;
      least = size < least ? size : least;
      const Pair two = bits<Pair>(v);
      low *= __builtin_convertvector(two.low, Vec<double>);
      high *= __builtin_convertvector(two.high, Vec<double>);
    }
    const auto larger = [](Vec<int32_t> p, Vec<int32_t> q) { return p > q ? p : q; };
    const auto smaller = [](Vec<int32_t> p, Vec<int32_t> q) { return p < q ? p : q; };
    const bool moderate = lane_fold<int32_t>(most, larger) < bits<int32_t>(1e15f) &&
                          lane_fold<int32_t>(least, smaller) > bits<int32_t>(1e-15f);
    if (moderate || whole == 0)
      total *= lane_fold<double>(low * high, [](Vec<double> p, Vec<double> q) { return p * q; });
    const int64_t done = moderate || whole == 0 ? whole : 0;
    if (done < count) total *= row_product(x + at + done, count - done);
  }
  return total;
}

/* Squares that float32 cannot hold, or that it would round to 0, are taken in double. */
double row_squares(const float* x, int64_t n) {
  const double sum = blocked_sum<float>(n, [=](auto at) {
    const Vec<float> v = at(x);
    return v * v;
  });
  if (sum > 1e-20 && sum < 1e38) return sum;
  double wide = 0;
  for (int64_t i = 0; i < n; ++i) wide += double(x[i]) * double(x[i]);
  return wide;
}
double row_squares(const double* x, int64_t n) {
  return blocked_sum<double>(n, [=](auto at) {
    const Vec<double> v = at(x);
    return v * v;
  });
}

template <class T, int Op>
void row(void* acc, const void* from, int64_t n) {
  using A = Acc<T, Op>;
  A& a = *static_cast<A*>(acc);
  const T* x = static_cast<const T*>(from);
  A part = identity<A, Op>();
  if constexpr (std::is_floating_point_v<T>) {
    if constexpr (Op == kSum) part = row_sum(x, n);
    if constexpr (Op == kProd && sizeof(T) == 4) part = quick_product(x, n);
    if constexpr (Op == kProd && sizeof(T) == 8) part = row_product(x, n);
    if constexpr (Op == kMax || Op == kMin) part = row_extreme<T, Op == kMax>(x, n);
    if constexpr (Op == kNorm) part = row_squares(x, n);
  } else {
    for (int64_t i = 0; i < n; ++i) part = joined<A, Op>(part, term<T, Op>(x[i]));
  }
  a = joined<A, Op>(a, part);
}

/* acc[j] with `rows` rows, `stride` apart; four at a time, so that acc is seldom touched. */
template <class T, int Op>
void columns(void* to, const void* from, int64_t n, int64_t rows, int64_t stride) {
  using A = Acc<T, Op>;
  A* acc = static_cast<A*>(to);
  const T* x = static_cast<const T*>(from);
  auto join = [](A a, A b) { return joined<A, Op>(a, b); };
  int64_t r = 0;
  for (; r + 4 <= rows; r += 4, x += 4 * stride) {
    const T *p = x, *q = p + stride, *s = q + stride, *t = s + stride;
#pragma GCC ivdep
    for (int64_t j = 0; j < n; ++j) {
      A a = join(term<T, Op>(p[j]), term<T, Op>(q[j]));
      A b = join(term<T, Op>(s[j]), term<T, Op>(t[j]));
      acc[j] = join(acc[j], join(a, b));
    }
  }
  for (; r < rows; ++r, x += stride) {
#pragma GCC ivdep
    for (int64_t j = 0; j < n; ++j) acc[j] = join(acc[j], term<T, Op>(x[j]));
  }
}
/* A NaN stays. */
template <class T, int Op>
void extreme_columns(void* to, const void* from, int64_t n, int64_t rows, int64_t stride) {
  constexpr int64_t L = kLanes<T>;
  T* acc = static_cast<T*>(to);
  const T* x = static_cast<const T*>(from);
  auto better = [](Vec<T> v, Vec<T> m) {
    return ((Op == kMax ? v > m : v < m) | (v != v)) ? v : m;
  };
  for (int64_t r = 0; r < rows; r += 8, x += 8 * stride) {
    const int64_t some = rows - r < 8 ? rows - r : 8;
    int64_t j = 0;
    for (; j + L <= n; j += L) {
      Vec<T> m = load(acc + j);
      for (int64_t k = 0; k < some; ++k) m = better(load(x + k * stride + j), m);
      store(acc + j, m);
    }
    for (; j < n; ++j)
      for (int64_t k = 0; k < some; ++k) acc[j] = joined<T, Op>(acc[j], x[k * stride + j]);
  }
}
void float_sums(void* acc, const void* x, int64_t n, int64_t rows, int64_t stride) {
  add_rows(static_cast<double*>(acc), static_cast<const float*>(x), n, rows, stride);
}

/* Two bfloat16s are one word; which comes first does not matter to a sum. */
void row_bf16(void* acc, const void* from, int64_t n) {
  const uint16_t* x = static_cast<const uint16_t*>(from);
  double sum = blocked_sum<float>(n / 2, [=](auto at) {
    const Vec<uint32_t> two = (Vec<uint32_t>)at(reinterpret_cast<const float*>(x));
    return (Vec<float>)(two << 16) + (Vec<float>)(two & 0xffff0000u);
  });
  if (n % 2) sum += double(bits<float>(uint32_t(x[n - 1]) << 16));
  *static_cast<double*>(acc) += sum;
}

template <class T, int Op>
void start(void* acc, int64_t n) {
  using A = Acc<T, Op>;
  for (int64_t i = 0; i < n; ++i) static_cast<A*>(acc)[i] = identity<A, Op>();
}
template <class T, int Op>
void join(void* acc, const void* other, int64_t n) {
  using A = Acc<T, Op>;
  A* a = static_cast<A*>(acc);
  const A* b = static_cast<const A*>(other);
  for (int64_t i = 0; i < n; ++i) a[i] = joined<A, Op>(a[i], b[i]);
}
template <class T, int Op>
void finish(void* out, const void* acc, int64_t n) {
  using A = Acc<T, Op>;
  const A* a = static_cast<const A*>(acc);
  for (int64_t i = 0; i < n; ++i) {
    if constexpr (Op == kNorm)
      static_cast<T*>(out)[i] = T(__builtin_sqrt(a[i]));
    else
      static_cast<T*>(out)[i] = T(a[i]);
  }
}

template <class T, int Op>
void set(ReduceLoops (&table)[kReduceOps]) {
  auto all_columns = columns<T, Op>;
  if constexpr (std::is_floating_point_v<T> && (Op == kMax || Op == kMin))
    all_columns = extreme_columns<T, Op>;
  table[Op] = {
      int(sizeof(Acc<T, Op>)), start<T, Op>, row<T, Op>, all_columns, join<T, Op>, finish<T, Op>};
}
template <class T>
void set_all(ReduceLoops (&table)[kReduceOps]) {
  set<T, kSum>(table), set<T, kProd>(table);
  if constexpr (!is_complex<T>) set<T, kMax>(table), set<T, kMin>(table);
  if constexpr (std::is_floating_point_v<T>) set<T, kNorm>(table);
}

}  // namespace

void fill_reduce_table(Simd& s) {
#define SET(index, type) set_all<type>(s.reduce[index]);
  VOB_REDUCE_TYPES(SET)
#undef SET
  for (int op : {kMax, kMin}) s.reduce[0][op] = s.reduce[1][op];
  s.reduce[11][kSum].columns = float_sums;
  s.sum_row_bf16 = row_bf16;
}

}  // namespace VOB_ISA
}  // namespace vob
