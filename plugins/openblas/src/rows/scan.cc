// argmax, argmin, cumsum, cumprod, cummax, cummin along a dim.
#include <algorithm>
#include <complex>
#include <limits>
#include <type_traits>

#include "base/lines.h"
#include "rows/arg.h"

namespace vob {
namespace {

template <class T>
bool is_nan(T v) {
  return v != v;
}

/* The first NaN, else the first extremum. */
template <class T, bool Max>
int64_t first_extreme(const Simd* s, const T* x, int64_t n) {
  if constexpr (std::is_same_v<T, float>) {
    return arg_extreme(s, x, n, Max);
  }
  int64_t at = 0;
  for (int64_t i = 0; i < n; ++i) {
    if (is_nan(x[i])) return i;
    if (Max ? x[i] > x[at] : x[i] < x[at]) at = i;
  }
  return at;
}

template <class T, bool Max>
void cumulative_extreme(const T* x, T* y, int64_t* index, int64_t n) {
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

struct Plus {
  template <class A>
  static A join(A a, A b) {
    return A(a + b);
  }
};
struct Times {
  template <class A>
  static A join(A a, A b) {
    return A(a * b);
  }
};

/* Running sums and products of float32 are kept in double. */
template <class T>
using Running = std::conditional_t<std::is_same_v<T, float>, double, T>;

template <class T, class Op>
void cumulate(const Simd* s, const T* x, T* y, int64_t n) {
  (void)s;
  using A = Running<T>;
  if constexpr (std::is_same_v<T, float>)
    return (std::is_same_v<Op, Plus> ? s->cumsum32 : s->cumprod32)(y, x, n);
  A run = A(x[0]);
  y[0] = x[0];
  for (int64_t i = 1; i < n; ++i) y[i] = T(run = Op::join(run, A(x[i])));
}

// ---- along an outer dim: whole rows at a time --------------------------------------------------

constexpr int64_t kColumns = 256;

/* x as [outer, n, inner] with a dense inner part; outputs dense. */
struct Columns {
  Layout outer;
  int64_t n_outer = 1, n = 1, inner = 1, stride = 0;

  /* False if x does not lie so, or has no inner part. */
  bool set(const vd_tensor& x, int dim) {
    Layout rest;
    for (int i = 0; i < x.ndim; ++i) {
      if (i < dim) n_outer *= x.shape[i], outer.push(x.shape[i], x.strides[i]);
      if (i > dim) inner *= x.shape[i];
      if (i > dim && x.shape[i] != 1) rest.push(x.shape[i], x.strides[i]);
    }
    if (x.ndim == 0) return false;
    n = x.shape[dim];
    stride = x.strides[dim];
    return inner >= 8 && n > 0 && merged(rest).dense();
  }
  /* f(elements from x's start to the block, from y's start if it has n rows, width, outer, column)
   */
  template <class F>
  void each(Device& d, double cost, F f) const {
    const int64_t blocks = (inner + kColumns - 1) / kColumns;
    d.pool.ranges(n_outer * blocks, cost * double(n * std::min(inner, kColumns)), 1,
                  [&](int64_t b, int64_t e) {
                    for (int64_t u = b; u < e; ++u) {
                      const int64_t o = u / blocks, c = u % blocks * kColumns;
                      f(outer.at(o) + c, o * n * inner + c, std::min(kColumns, inner - c),
                        o * inner + c);
                    }
                  });
  }
};

template <class T, class Op>
vd_status cumulate_columns(const Columns& s, std::unique_ptr<Kernel>& kernel) {
  return answer(kernel, kStrided | kPreferred, [s](Device& d, const vd_call& c, vd_err*) {
    const T* x = in_ptr<T>(c, 0);
    T* y = out_ptr<T>(c);
    s.each(d, 2, [&](int64_t from, int64_t to, int64_t width, int64_t) {
      Running<T> run[kColumns];
      for (int64_t j = 0; j < s.n; ++j) {
        const T* p = x + from + j * s.stride;
        T* q = y + to + j * s.inner;
        if (j == 0) {
          for (int64_t i = 0; i < width; ++i) run[i] = Running<T>(q[i] = p[i]);
        } else {
          for (int64_t i = 0; i < width; ++i) q[i] = T(run[i] = Op::join(run[i], Running<T>(p[i])));
        }
      }
    });
    return VD_OK;
  });
}

template <class T, bool Max>
vd_status arg_columns(const Columns& s, std::unique_ptr<Kernel>& kernel) {
  return answer(kernel, kStrided | kPreferred, [s](Device& d, const vd_call& c, vd_err*) {
    const T* x = in_ptr<T>(c, 0);
    int64_t* y = out_ptr<int64_t>(c);
    s.each(d, 2, [&](int64_t from, int64_t, int64_t width, int64_t to) {
      T best[kColumns];
      int32_t at[kColumns] = {};
      for (int64_t i = 0; i < width; ++i) best[i] = x[from + i];
      for (int64_t j = 1; j < s.n; ++j) {
        const T* p = x + from + j * s.stride;
        for (int64_t i = 0; i < width; ++i) {
          const T v = p[i], b = best[i];
          const bool take = (Max ? v > b : v < b) | ((v != v) & (b == b));
          best[i] = take ? v : b;
          at[i] = take ? int32_t(j) : at[i];
        }
      }
      for (int64_t i = 0; i < width; ++i) y[to + i] = at[i];
    });
    return VD_OK;
  });
}

/* Real types as the line function sees them. */
template <class F>
bool with_real(DType t, F&& f) {
  if (t == DType::F32 || sdk::is_half(t)) return f(float{}), true;
  if (t == DType::F64) return f(double{}), true;
  if (t == DType::Bool) return f(uint8_t{}), true;
  return with_int(t, f);
}

/* `dim` of the call; 0 for a tensor without dims; -1 if it is outside. */
int line_dim(const vd_call& call) {
  return call.inputs[0].ndim ? dim_attr(call, call.inputs[0]) : 0;
}

template <bool Max>
vd_status make_arg(Device&, const vd_call& call, std::unique_ptr<Kernel>& kernel, vd_err* err) {
  if (!arity(call, 1, 1) || out_type(call) != DType::I64)
    return unsupported(call, err, "it takes one tensor and gives int64");
  const int dim = line_dim(call);
  if ((kernel = long_arg(call, dim, Max))) return VD_OK;
  Columns columns;
  const bool by_columns = dim >= 0 && columns.set(call.inputs[0], dim) && columns.n < 0x7fffffff &&
                          columns.n_outer * columns.inner == sdk::numel(call.outputs[0]);
  LineSpec spec;
  spec.single = true;
  bool known = with_real(in_type(call, 0), [&](auto zero) {
    using T = decltype(zero);
    spec.fn = [](const Simd* s, const void* const* in, void* const* out, int64_t n) {
      *static_cast<int64_t*>(out[0]) = first_extreme<T, Max>(s, static_cast<const T*>(in[0]), n);
    };
    if (by_columns && !sdk::is_half(in_type(call, 0))) arg_columns<T, Max>(columns, kernel);
  });
  if (!known) return unsupported(call, err, "complex numbers have no order");
  return kernel ? VD_OK : make_lines(call, dim, std::move(spec), kernel, err);
}

template <bool Max>
vd_status make_extreme(Device&, const vd_call& call, std::unique_ptr<Kernel>& kernel, vd_err* err) {
  if (!arity(call, 1, 2) || out_type(call, 1) != DType::I64 || out_type(call) != in_type(call, 0))
    return unsupported(call, err, "it takes one tensor and gives values and int64 indices");
  LineSpec spec;
  bool known = with_real(in_type(call, 0), [&](auto zero) {
    using T = decltype(zero);
    spec.fn = [](const Simd*, const void* const* in, void* const* out, int64_t n) {
      cumulative_extreme<T, Max>(static_cast<const T*>(in[0]), static_cast<T*>(out[0]),
                                 static_cast<int64_t*>(out[1]), n);
    };
  });
  if (!known) return unsupported(call, err, "complex numbers have no order");
  return make_lines(call, line_dim(call), std::move(spec), kernel, err);
}

template <class Op>
vd_status make_sum(Device&, const vd_call& call, std::unique_ptr<Kernel>& kernel, vd_err* err) {
  if (!arity(call, 1, 1) || out_type(call) != in_type(call, 0))
    return unsupported(call, err, "it takes one tensor and gives the same dtype");
  const int dim = line_dim(call);
  Columns columns;
  const bool by_columns = dim >= 0 && columns.set(call.inputs[0], dim) &&
                          sdk::same_shape(call.inputs[0], call.outputs[0]);
  LineSpec spec;
  auto set = [&](auto zero) {
    using T = decltype(zero);
    spec.fn = [](const Simd* s, const void* const* in, void* const* out, int64_t n) {
      cumulate<T, Op>(s, static_cast<const T*>(in[0]), static_cast<T*>(out[0]), n);
    };
    if (by_columns && !sdk::is_half(in_type(call, 0))) cumulate_columns<T, Op>(columns, kernel);
  };
  switch (in_type(call, 0)) {
    case DType::C64:
      set(std::complex<float>{});
      break;
    case DType::C128:
      set(std::complex<double>{});
      break;
    case DType::F16:
    case DType::BF16:
    case DType::F32:
      set(float{});
      break;
    case DType::F64:
      set(double{});
      break;
    case DType::U8:
    case DType::I8:
      set(uint8_t{});
      break;  // signed integers wrap like unsigned ones
    case DType::U16:
    case DType::I16:
      set(uint16_t{});
      break;
    case DType::U32:
    case DType::I32:
      set(uint32_t{});
      break;
    case DType::U64:
    case DType::I64:
      set(uint64_t{});
      break;
    default:
      return unsupported(call, err, "the op has no meaning for this dtype");
  }
  return kernel ? VD_OK : make_lines(call, dim, std::move(spec), kernel, err);
}

}  // namespace

void add_scan(sdk::Table<Make>& table) {
  table.add("argmax", make_arg<true>);
  table.add("argmin", make_arg<false>);
  table.add("cummax", make_extreme<true>);
  table.add("cummin", make_extreme<false>);
  table.add("cumsum", make_sum<Plus>);
  table.add("cumprod", make_sum<Times>);
}

}  // namespace vob
