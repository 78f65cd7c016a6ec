// Element-wise loops that are rare enough for the C library, and those of complex numbers.
#include <cmath>
#include <complex>

#include "elementwise/elementwise.h"

namespace vob {
namespace {

template <class In, class Out, class F>
Loop unary(F) {
  return [](void* out, const void* const* in, int64_t n) {
    Out* y = static_cast<Out*>(out);
    const In* x = static_cast<const In*>(in[0]);
    for (int64_t i = 0; i < n; ++i) y[i] = F::of(x[i]);
  };
}
template <class In, class Out, class F>
Loop binary(F) {
  return [](void* out, const void* const* in, int64_t n) {
    Out* y = static_cast<Out*>(out);
    const In *p = static_cast<const In*>(in[0]), *q = static_cast<const In*>(in[1]);
    for (int64_t i = 0; i < n; ++i) y[i] = F::of(p[i], q[i]);
  };
}

#define ONE(name, expression) \
  struct name {               \
    template <class T>        \
    static auto of(T x) {     \
      return expression;      \
    }                         \
  };
#define TWO(name, expression)  \
  struct name {                \
    template <class T>         \
    static auto of(T a, T b) { \
      return expression;       \
    }                          \
  };

ONE(Tan, std::tan(x))
ONE(Asin, std::asin(x))
ONE(Acos, std::acos(x))
ONE(Atan, std::atan(x))
ONE(Sinh, std::sinh(x))
ONE(Cosh, std::cosh(x))
ONE(Asinh, std::asinh(x))
ONE(Acosh, std::acosh(x))
ONE(Atanh, std::atanh(x))
ONE(Erfc, std::erfc(x))
ONE(IsNan, uint8_t(std::isnan(x)))
TWO(Pow, std::pow(a, b))
TWO(Fmod, std::fmod(a, b))
TWO(Atan2, std::atan2(a, b))

template <class T>
Loop real_loop(const std::string& op) {
  if (op == "tan") return unary<T, T>(Tan{});
  if (op == "asin") return unary<T, T>(Asin{});
  if (op == "acos") return unary<T, T>(Acos{});
  if (op == "atan") return unary<T, T>(Atan{});
  if (op == "sinh") return unary<T, T>(Sinh{});
  if (op == "cosh") return unary<T, T>(Cosh{});
  if (op == "asinh") return unary<T, T>(Asinh{});
  if (op == "acosh") return unary<T, T>(Acosh{});
  if (op == "atanh") return unary<T, T>(Atanh{});
  if (op == "erfc") return unary<T, T>(Erfc{});
  if (op == "isnan") return unary<T, uint8_t>(IsNan{});
  if (op == "pow") return binary<T, T>(Pow{});
  if (op == "fmod") return binary<T, T>(Fmod{});
  if (op == "atan2") return binary<T, T>(Atan2{});
  return nullptr;
}

// ---- complex -----------------------------------------------------------------------------------

/* exp(z) - 1 without the cancellation near 0: with z = x + iy,
 * (expm1(x) cos y - 2 sin^2(y/2)) + i exp(x) sin y. */
template <class T>
std::complex<T> expm1_of(std::complex<T> z) {
  T s = std::sin(z.imag() / 2), e = std::expm1(z.real());
  T im = z.imag() == 0 ? z.imag() : std::exp(z.real()) * std::sin(z.imag());
  return {e * std::cos(z.imag()) - 2 * s * s, im};
}
/* log(1 + z): log|1 + z| = log1p(2x + x^2 + y^2) / 2. */
template <class T>
std::complex<T> log1p_of(std::complex<T> z) {
  T x = z.real(), y = z.imag();
  if (std::abs(x) < T(0.5) && std::abs(y) < T(0.5))
    return {std::log1p(x * (2 + x) + y * y) / 2, std::atan2(y, 1 + x)};
  return std::log(T(1) + z);
}
/* 0**0 = 1, and 0 to a power with a positive real part is 0: the general formula gives NaN. */
template <class T>
std::complex<T> pow_of(std::complex<T> a, std::complex<T> b) {
  if (b == std::complex<T>(0)) return 1;
  if (a == std::complex<T>(0) && b.real() > 0) return 0;
  if (b == std::complex<T>(1)) return a;
  if (b == std::complex<T>(2)) return a * a;
  return std::pow(a, b);
}

ONE(Neg, -x)
ONE(Abs, std::abs(x))
ONE(Sqrt, std::sqrt(x))
ONE(Exp, std::exp(x))
ONE(Expm1, expm1_of(x))
ONE(Log, std::log(x))
ONE(Log1p, log1p_of(x))
ONE(Sin, std::sin(x))
ONE(Cos, std::cos(x))
ONE(Tanh, std::tanh(x))
ONE(Square, x* x)
ONE(Reciprocal, T(1) / x)
ONE(ComplexIsNan, uint8_t(std::isnan(x.real()) || std::isnan(x.imag())))
TWO(Add, a + b)
TWO(Sub, a - b)
TWO(Mul, a* b)
TWO(Div, a / b)
TWO(ComplexPow, pow_of(a, b))
TWO(Eq, uint8_t(a == b))
TWO(Ne, uint8_t(a != b))

template <class R>
Loop complex_of(const std::string& op) {
  using C = std::complex<R>;
  if (op == "neg") return unary<C, C>(Neg{});
  if (op == "abs") return unary<C, R>(Abs{});
  if (op == "sqrt") return unary<C, C>(Sqrt{});
  if (op == "exp") return unary<C, C>(Exp{});
  if (op == "expm1") return unary<C, C>(Expm1{});
  if (op == "log") return unary<C, C>(Log{});
  if (op == "log1p") return unary<C, C>(Log1p{});
  if (op == "sin") return unary<C, C>(Sin{});
  if (op == "cos") return unary<C, C>(Cos{});
  if (op == "tanh") return unary<C, C>(Tanh{});
  if (op == "square") return unary<C, C>(Square{});
  if (op == "reciprocal") return unary<C, C>(Reciprocal{});
  if (op == "tan") return unary<C, C>(Tan{});
  if (op == "asin") return unary<C, C>(Asin{});
  if (op == "acos") return unary<C, C>(Acos{});
  if (op == "atan") return unary<C, C>(Atan{});
  if (op == "sinh") return unary<C, C>(Sinh{});
  if (op == "cosh") return unary<C, C>(Cosh{});
  if (op == "asinh") return unary<C, C>(Asinh{});
  if (op == "acosh") return unary<C, C>(Acosh{});
  if (op == "atanh") return unary<C, C>(Atanh{});
  if (op == "isnan") return unary<C, uint8_t>(ComplexIsNan{});
  if (op == "add") return binary<C, C>(Add{});
  if (op == "sub") return binary<C, C>(Sub{});
  if (op == "mul") return binary<C, C>(Mul{});
  if (op == "div") return binary<C, C>(Div{});
  if (op == "pow") return binary<C, C>(ComplexPow{});
  if (op == "eq") return binary<C, uint8_t>(Eq{});
  if (op == "ne") return binary<C, uint8_t>(Ne{});
  return nullptr;
}

}  // namespace

Loop libm_loop(const char* op, DType t) {
  return t == DType::F32 ? real_loop<float>(op) : real_loop<double>(op);
}
Loop complex_loop(const char* op, DType t) {
  return t == DType::C64 ? complex_of<float>(op) : complex_of<double>(op);
}

}  // namespace vob
