// Element-wise loops of integers and bool, and `where` by element size.
#include <limits>
#include <type_traits>

#include "elementwise/elementwise.h"

namespace vob {
namespace {

/* Arithmetic in the unsigned type of at least 32 bits, which wraps without surprises. */
template <class T>
using Wrap = std::conditional_t<sizeof(T) == 8, uint64_t, uint32_t>;

template <class T>
constexpr int kBits = int(sizeof(T)) * 8;

template <class T>
T divide(T a, T b) {
  if (b == 0) return 0;
  if constexpr (std::is_signed_v<T>)
    if (b == T(-1)) return T(Wrap<T>(0) - Wrap<T>(a));  // the smallest number has no opposite
  return T(a / b);
}
template <class T>
T remainder(T a, T b) {
  if (b == 0) return 0;
  if constexpr (std::is_signed_v<T>)
    if (b == T(-1)) return 0;
  return T(a % b);
}
template <class T>
T power(T base, T exponent) {
  if constexpr (std::is_signed_v<T>)
    if (exponent < 0)
      return base == 1 ? T(1) : base == T(-1) ? (exponent & 1 ? T(-1) : T(1)) : T(0);
  Wrap<T> result = 1, b = Wrap<T>(base);
  for (auto e = std::make_unsigned_t<T>(exponent); e; e = decltype(e)(e >> 1)) {
    if (e & 1) result *= b;
    b *= b;
  }
  return T(result);
}
template <class T>
T left(T a, T count) {
  return count < 0 || std::make_unsigned_t<T>(count) >= unsigned(kBits<T>) ? T(0)
                                                                           : T(Wrap<T>(a) << count);
}
template <class T>
T right(T a, T count) {
  if (count < 0 || std::make_unsigned_t<T>(count) >= unsigned(kBits<T>))
    return std::is_signed_v<T> && a < 0 ? T(-1) : T(0);
  return T(a >> count);
}

template <class In, class Out, class F>
Loop unary(F) {
  return [](void* out, const void* const* in, int64_t n) {
    Out* y = static_cast<Out*>(out);
    const In* x = static_cast<const In*>(in[0]);
#pragma GCC ivdep
    for (int64_t i = 0; i < n; ++i) y[i] = F::of(x[i]);
  };
}
template <class In, class Out, class F>
Loop binary(F) {
  return [](void* out, const void* const* in, int64_t n) {
    Out* y = static_cast<Out*>(out);
    const In *p = static_cast<const In*>(in[0]), *q = static_cast<const In*>(in[1]);
#pragma GCC ivdep
    for (int64_t i = 0; i < n; ++i) y[i] = F::of(p[i], q[i]);
  };
}

#define ONE(name, expression) \
  struct name {               \
    template <class T>        \
    static T of(T x) {        \
      return T(expression);   \
    }                         \
  };
#define TWO(name, expression) \
  struct name {               \
    template <class T>        \
    static T of(T a, T b) {   \
      return T(expression);   \
    }                         \
  };
#define TEST(name, op)            \
  struct name {                   \
    template <class T>            \
    static uint8_t of(T a, T b) { \
      return a op b;              \
    }                             \
  };
ONE(Neg, Wrap<T>(0) - Wrap<T>(x))
ONE(Abs, x < T(0) ? T(Wrap<T>(0) - Wrap<T>(x)) : x)
ONE(Sign, (x > T(0)) - (x < T(0)))
ONE(Not, ~x)
ONE(LogicalNot, !x)
ONE(Relu, x < T(0) ? T(0) : x)
ONE(Square, Wrap<T>(x) * Wrap<T>(x))
TWO(Add, Wrap<T>(a) + Wrap<T>(b))
TWO(Sub, Wrap<T>(a) - Wrap<T>(b))
TWO(Mul, Wrap<T>(a) * Wrap<T>(b))
TWO(Div, divide(a, b))
TWO(Pow, power(a, b))
TWO(Fmod, remainder(a, b))
TWO(Maximum, a > b ? a : b)
TWO(Minimum, a < b ? a : b)
TWO(And, a& b)
TWO(Or, a | b)
TWO(Xor, a ^ b)
TWO(Left, left(a, b))
TWO(Right, right(a, b))
TEST(Eq, ==)
TEST(Ne, !=)
TEST(Lt, <)
TEST(Le, <=)
TEST(Gt, >)
TEST(Ge, >=)

template <class T>
Loop compare_loop(const std::string& op) {
  if (op == "eq") return binary<T, uint8_t>(Eq{});
  if (op == "ne") return binary<T, uint8_t>(Ne{});
  if (op == "lt") return binary<T, uint8_t>(Lt{});
  if (op == "le") return binary<T, uint8_t>(Le{});
  if (op == "gt") return binary<T, uint8_t>(Gt{});
  if (op == "ge") return binary<T, uint8_t>(Ge{});
  if (op == "maximum") return binary<T, T>(Maximum{});
  if (op == "minimum") return binary<T, T>(Minimum{});
  if (op == "bitwise_and") return binary<T, T>(And{});
  if (op == "bitwise_or") return binary<T, T>(Or{});
  if (op == "bitwise_xor") return binary<T, T>(Xor{});
  return nullptr;
}

template <class T>
Loop arithmetic_loop(const std::string& op) {
  if (op == "neg") return unary<T, T>(Neg{});
  if (op == "abs") return unary<T, T>(Abs{});
  if (op == "sign") return unary<T, T>(Sign{});
  if (op == "relu") return unary<T, T>(Relu{});
  if (op == "square") return unary<T, T>(Square{});
  if (op == "bitwise_not") return unary<T, T>(Not{});
  if (op == "add") return binary<T, T>(Add{});
  if (op == "sub") return binary<T, T>(Sub{});
  if (op == "mul") return binary<T, T>(Mul{});
  if (op == "div") return binary<T, T>(Div{});
  if (op == "pow") return binary<T, T>(Pow{});
  if (op == "fmod") return binary<T, T>(Fmod{});
  if (op == "shift_left") return binary<T, T>(Left{});
  if (op == "shift_right") return binary<T, T>(Right{});
  return compare_loop<T>(op);
}

}  // namespace

Loop int_loop(const char* op, DType t) {
  if (t == DType::Bool) {
    if (std::strcmp(op, "add") == 0) return binary<uint8_t, uint8_t>(Or{});
    if (std::strcmp(op, "mul") == 0) return binary<uint8_t, uint8_t>(And{});
    if (std::strcmp(op, "bitwise_not") == 0) return unary<uint8_t, uint8_t>(LogicalNot{});
    return compare_loop<uint8_t>(op);
  }
  Loop loop = nullptr;
  with_int(t, [&](auto zero) { loop = arithmetic_loop<decltype(zero)>(op); });
  return loop;
}

Loop where_loop(int bytes) {
  Loop loop = nullptr;
  with_size(bytes, [&](auto zero) {
    using T = decltype(zero);
    loop = [](void* out, const void* const* in, int64_t n) {
      T* y = static_cast<T*>(out);
      const uint8_t* c = static_cast<const uint8_t*>(in[0]);
      const T *p = static_cast<const T*>(in[1]), *q = static_cast<const T*>(in[2]);
#pragma GCC ivdep
      for (int64_t i = 0; i < n; ++i) {
        T a = p[i], b = q[i];
        y[i] = c[i] ? a : b;
      }
    };
  });
  return loop;
}

}  // namespace vob
