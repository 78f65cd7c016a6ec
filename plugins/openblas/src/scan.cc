// argmax, argmin, cumsum, cumprod, cummax, cummin along a dim.
#include <complex>
#include <limits>
#include <type_traits>

#include "lines.h"

namespace vob {
namespace {

template <class T>
bool is_nan(T v) {
  return v != v;
}

/* The first NaN, else the first extremum. */
template <class T, bool Max>
int64_t arg_extreme(const Simd *s, const T *x, int64_t n) {
  if constexpr (std::is_same_v<T, float>) {
    // The extremum by vectors, then its first place: the search stops half-way on average.
    float best = Max ? s->max32(x, n) : s->min32(x, n);
    if (is_nan(best)) {
      for (int64_t i = 0; i < n; ++i)
        if (is_nan(x[i])) return i;
    }
    int64_t i = 0;
    for (; i + 16 <= n; i += 16) {
      int hit = 0;
      for (int k = 0; k < 16; ++k) hit |= x[i + k] == best;
      if (hit) break;
    }
    for (; i < n; ++i)
      if (x[i] == best) return i;
    return 0;
  }
  int64_t at = 0;
  for (int64_t i = 0; i < n; ++i) {
    if (is_nan(x[i])) return i;
    if (Max ? x[i] > x[at] : x[i] < x[at]) at = i;
  }
  return at;
}

template <class T, bool Max>
void cumulative_extreme(const T *x, T *y, int64_t *index, int64_t n) {
  T best = x[0];
  int64_t at = 0;
  for (int64_t i = 0; i < n; ++i) {
    // ties go to the later one; a NaN stays the extremum, and a later NaN replaces it
    bool take = is_nan(x[i]) || (!is_nan(best) && (Max ? x[i] >= best : x[i] <= best));
    if (take) {
      best = x[i];
      at = i;
    }
    y[i] = best;
    index[i] = at;
  }
}

template <class T>
void cumulative_sum(const T *x, T *y, int64_t n) {
  if constexpr (std::is_same_v<T, float>) {
    double sum = 0;
    for (int64_t i = 0; i < n; ++i) y[i] = float(sum += double(x[i]));
  } else {
    T sum = 0;
    for (int64_t i = 0; i < n; ++i) y[i] = sum = T(sum + x[i]);
  }
}
template <class T>
void cumulative_product(const T *x, T *y, int64_t n) {
  if constexpr (std::is_same_v<T, float>) {
    double product = 1;
    for (int64_t i = 0; i < n; ++i) y[i] = float(product *= double(x[i]));
  } else {
    T product = 1;
    for (int64_t i = 0; i < n; ++i) y[i] = product = T(product * x[i]);
  }
}

/* Real types as the line function sees them. */
template <class F>
bool with_real(DType t, F &&f) {
  if (t == DType::F32 || sdk::is_half(t)) return f(float{}), true;
  if (t == DType::F64) return f(double{}), true;
  if (t == DType::Bool) return f(uint8_t{}), true;
  return with_int(t, f);
}

template <bool Max>
vd_status make_arg(Device &, const vd_call &call, std::unique_ptr<Kernel> &kernel, vd_err *err) {
  if (!arity(call, 1, 1) || out_type(call) != DType::I64)
    return unsupported(call, err, "it takes one tensor and gives int64");
  LineSpec spec;
  spec.single = true;
  bool known = with_real(in_type(call, 0), [&](auto zero) {
    using T = decltype(zero);
    spec.fn = [](const Simd *s, const void *const *in, void *const *out, int64_t n) {
      *static_cast<int64_t *>(out[0]) = arg_extreme<T, Max>(s, static_cast<const T *>(in[0]), n);
    };
  });
  if (!known) return unsupported(call, err, "complex numbers have no order");
  return make_lines(call, dim_attr(call, call.inputs[0]) < 0 && call.inputs[0].ndim == 0
                              ? 0
                              : dim_attr(call, call.inputs[0]),
                    std::move(spec), kernel, err);
}

template <bool Max>
vd_status make_extreme(Device &, const vd_call &call, std::unique_ptr<Kernel> &kernel,
                       vd_err *err) {
  if (!arity(call, 1, 2) || out_type(call, 1) != DType::I64 || out_type(call) != in_type(call, 0))
    return unsupported(call, err, "it takes one tensor and gives values and int64 indices");
  LineSpec spec;
  bool known = with_real(in_type(call, 0), [&](auto zero) {
    using T = decltype(zero);
    spec.fn = [](const Simd *, const void *const *in, void *const *out, int64_t n) {
      cumulative_extreme<T, Max>(static_cast<const T *>(in[0]), static_cast<T *>(out[0]),
                                 static_cast<int64_t *>(out[1]), n);
    };
  });
  if (!known) return unsupported(call, err, "complex numbers have no order");
  int dim = call.inputs[0].ndim ? dim_attr(call, call.inputs[0]) : 0;
  return make_lines(call, dim, std::move(spec), kernel, err);
}

template <bool Product>
vd_status make_sum(Device &, const vd_call &call, std::unique_ptr<Kernel> &kernel, vd_err *err) {
  if (!arity(call, 1, 1) || out_type(call) != in_type(call, 0))
    return unsupported(call, err, "it takes one tensor and gives the same dtype");
  LineSpec spec;
  auto set = [&](auto zero) {
    using T = decltype(zero);
    spec.fn = [](const Simd *, const void *const *in, void *const *out, int64_t n) {
      const T *x = static_cast<const T *>(in[0]);
      T *y = static_cast<T *>(out[0]);
      Product ? cumulative_product(x, y, n) : cumulative_sum(x, y, n);
    };
  };
  switch (in_type(call, 0)) {
    case DType::C64: set(std::complex<float>{}); break;
    case DType::C128: set(std::complex<double>{}); break;
    case DType::F16:
    case DType::BF16:
    case DType::F32: set(float{}); break;
    case DType::F64: set(double{}); break;
    case DType::U8:
    case DType::I8: set(uint8_t{}); break;  // signed integers wrap like unsigned ones
    case DType::U16:
    case DType::I16: set(uint16_t{}); break;
    case DType::U32:
    case DType::I32: set(uint32_t{}); break;
    case DType::U64:
    case DType::I64: set(uint64_t{}); break;
    default: return unsupported(call, err, "the op has no meaning for this dtype");
  }
  int dim = call.inputs[0].ndim ? dim_attr(call, call.inputs[0]) : 0;
  return make_lines(call, dim, std::move(spec), kernel, err);
}

}  // namespace

void add_scan(sdk::Table<Make> &table) {
  table.add("argmax", make_arg<true>);
  table.add("argmin", make_arg<false>);
  table.add("cummax", make_extreme<true>);
  table.add("cummin", make_extreme<false>);
  table.add("cumsum", make_sum<false>);
  table.add("cumprod", make_sum<true>);
}

}  // namespace vob
