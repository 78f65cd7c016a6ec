// Running sums and products of a row: within a vector by doubling steps, the total carried on.
#include "parts.h"

namespace vob {
namespace VOB_ISA {
namespace {

constexpr int kD = kLanes<double>;
using Wide = Vec<double>;
typedef float Narrow __attribute__((vector_size(kD * 4), aligned(4), may_alias));

/* Lane i gets lane i - By, or what has no effect. */
template <int By, int... I>
inline Wide shifted(Wide v, Wide neutral, std::integer_sequence<int, I...>) {
  return __builtin_shuffle(v, neutral, Vec<int64_t>{(I < By ? kD + I : I - By)...});
}
template <int... I>
inline Wide last_of(Wide v, std::integer_sequence<int, I...>) {
  return __builtin_shuffle(v, Vec<int64_t>{(I * 0 + kD - 1)...});
}

template <bool Sum, int By = 1>
inline Wide prefix(Wide v, Wide neutral) {
  if constexpr (By < kD) {
    const Wide s = shifted<By>(v, neutral, std::make_integer_sequence<int, kD>());
    return prefix<Sum, By * 2>(Sum ? v + s : v * s, neutral);
  } else {
    return v;
  }
}

template <bool Sum>
void cumulate(float* y, const float* x, int64_t n) {
  const Wide neutral = splat(Sum ? 0.0 : 1.0);
  Wide carry = neutral;
  int64_t i = 0;
  for (; i + kD <= n; i += kD) {
    const Wide v = __builtin_convertvector(*reinterpret_cast<const Narrow*>(x + i), Wide);
    const Wide p = prefix<Sum>(v, neutral);
    const Wide all = Sum ? p + carry : p * carry;
    *reinterpret_cast<Narrow*>(y + i) = __builtin_convertvector(all, Narrow);
    carry = last_of(all, std::make_integer_sequence<int, kD>());
  }
  double run = carry[0];
  for (; i < n; ++i) y[i] = float(run = Sum ? run + double(x[i]) : run * double(x[i]));
}

}  // namespace

void fill_scan(Simd& s) {
  s.cumsum32 = cumulate<true>;
  s.cumprod32 = cumulate<false>;
}

}  // namespace VOB_ISA
}  // namespace vob
