// `cast`: every dtype to every other.  The 16-bit floats go through float32 in the driver.
#include <cmath>
#include <complex>
#include <type_traits>

#include "elementwise/elementwise.h"

namespace vob {
namespace {

template <class T>
struct IsComplex : std::false_type {};
template <class T>
struct IsComplex<std::complex<T>> : std::true_type {};

struct Bool {
  uint8_t value;
};

/* To float32 with the last bit made odd when the value was inexact: a second rounding, to a 16-bit
 * float, then ends where a single one would. */
struct OddFloat {
  float value;
};
inline float to_odd(double d) {
  float f = static_cast<float>(d);
  uint32_t u = sdk::bits_as<uint32_t>(f);
  bool inexact = static_cast<double>(f) != d && d == d;
  bool beyond = std::fabs(static_cast<double>(f)) > std::fabs(d);
  u = inexact ? (beyond ? u - 1 : u) | 1u : u;
  return sdk::bits_as<float>(u);
}

template <class To, class From>
inline To convert(From x) {
  if constexpr (std::is_same_v<To, Bool>) {
    if constexpr (std::is_same_v<From, Bool>) {
      return x;
    } else {
      return {uint8_t(x != From(0))};
    }
  } else if constexpr (std::is_same_v<From, Bool>) {
    return convert<To>(x.value);
  } else if constexpr (std::is_same_v<To, OddFloat>) {
    return {to_odd(convert<double>(x))};
  } else if constexpr (IsComplex<To>::value) {
    using R = typename To::value_type;
    if constexpr (IsComplex<From>::value) {
      return To(R(x.real()), R(x.imag()));
    } else {
      return To(R(x), R(0));
    }
  } else if constexpr (IsComplex<From>::value) {
    return static_cast<To>(x.real());
  } else {
    return static_cast<To>(x);
  }
}

template <class To, class From>
void loop(void* out, const void* const* in, int64_t n) {
  To* y = static_cast<To*>(out);
  const From* x = static_cast<const From*>(in[0]);
#pragma GCC ivdep
  for (int64_t i = 0; i < n; ++i) y[i] = convert<To>(x[i]);
}

template <class F>
bool with_type(DType t, F&& f) {
  switch (t) {
    case DType::Bool:
      f(Bool{});
      return true;
    case DType::F16:
    case DType::BF16:
    case DType::F32:
      f(float{});
      return true;
    case DType::F64:
      f(double{});
      return true;
    case DType::C64:
      f(std::complex<float>{});
      return true;
    case DType::C128:
      f(std::complex<double>{});
      return true;
    default:
      return with_int(t, f);
  }
}

/* Types with values that float32 rounds. */
constexpr bool wide(DType t) {
  return t == DType::F64 || t == DType::C128 || t == DType::I32 || t == DType::U32 ||
         t == DType::I64 || t == DType::U64;
}

vd_status make(Device& d, const vd_call& call, std::unique_ptr<Kernel>& kernel, vd_err* err) {
  if (!arity(call, 1, 1)) return fail(err, VD_INVALID, "cast takes 1 input and 1 output");
  Loop f = cast_loop(in_type(call, 0), out_type(call));
  if (!f) return unsupported(call, err, "unknown dtype");
  LoopSpec spec{f, 1};
  const DType from = in_type(call, 0), to = out_type(call);
  if ((from == DType::F32 && sdk::is_half(to)) || (to == DType::F32 && sdk::is_half(from))) {
    const int which = from == DType::BF16 || to == DType::BF16 ? 0 : 1;
    spec.loop = to == DType::F32 ? d.simd->widen[which] : d.simd->narrow[which];
    spec.raw = true;
  }
  return make_elementwise(d, call, spec, kPreferred, kernel, err);
}

}  // namespace

Loop cast_loop(DType from, DType to) {
  Loop result = nullptr;
  with_type(from, [&](auto a) {
    using From = decltype(a);
    if (sdk::is_half(to) && wide(from)) {
      result = loop<OddFloat, From>;
      return;
    }
    with_type(to, [&](auto b) { result = loop<decltype(b), From>; });
  });
  return result;
}

void add_cast(sdk::Table<Make>& table) { table.add("cast", make); }

}  // namespace vob
