// sum, prod, amax, amin and the 2-norm over any set of dims.
//
// The input's dims are split into kept and reduced ones, each merged.  Rows: the innermost memory
// run is reduced, each run in one call.  Columns: the run is kept, and whole runs are combined
// into a row of accumulators.  Anything else is gathered into rows block by block.  Accumulators
// are double for float32 and below, so the order of the runs hardly matters.
#include <cmath>
#include <complex>
#include <limits>
#include <type_traits>

#include "common.h"
#include "layout.h"

namespace vob {
namespace {

enum class Op { Sum, Prod, Max, Min, Norm };

// ---- what one type does ------------------------------------------------------------------------

/* T: the element; A: the accumulator. */
template <class T, class A, Op O>
struct Rule {
  static A identity() {
    if constexpr (O == Op::Sum || O == Op::Norm) return A(0);
    if constexpr (O == Op::Prod) return A(1);
    if constexpr (O == Op::Max)
      return std::numeric_limits<A>::has_infinity ? A(-std::numeric_limits<A>::infinity())
                                                  : std::numeric_limits<A>::lowest();
    if constexpr (O == Op::Min)
      return std::numeric_limits<A>::has_infinity ? std::numeric_limits<A>::infinity()
                                                  : std::numeric_limits<A>::max();
  }
  static A join(A a, A b) {
    if constexpr (O == Op::Sum || O == Op::Norm) return a + b;
    if constexpr (O == Op::Prod) return a * b;
    if constexpr (O == Op::Max) return b > a || b != b ? b : a;
    if constexpr (O == Op::Min) return b < a || b != b ? b : a;
  }
};

template <class T>
using Unsigned = std::make_unsigned_t<T>;

/* Integers wrap: their sums and products run in the unsigned type. */
template <class T, Op O, bool Integer = std::is_integral_v<T>>
struct Accumulator {
  using type =
      std::conditional_t<std::is_same_v<T, float> && O != Op::Max && O != Op::Min, double, T>;
};
template <Op O>
struct Accumulator<std::complex<float>, O, false> {
  using type = std::complex<double>;
};
template <class T, Op O>
struct Accumulator<T, O, true> {
  using type = std::conditional_t<O == Op::Sum || O == Op::Prod, Unsigned<T>, T>;
};

/* Squares that float32 cannot hold, or that it would round to 0, are taken in double. */
inline double norm_row(const Simd* s, const float* x, int64_t n) {
  const double sum = s->squares32(x, n);
  if (sum > 1e-20 && sum < 1e38) return sum;
  double wide = 0;
  for (int64_t i = 0; i < n; ++i) wide += double(x[i]) * double(x[i]);
  return wide;
}

template <class T, Op O>
struct Loops {
  using A = typename Accumulator<T, O>::type;
  using R = Rule<T, A, O>;

  static A row(const Simd* s, const T* x, int64_t n) {
    if constexpr (std::is_same_v<T, float> && O == Op::Sum) return s->sum32(x, n);
    if constexpr (std::is_same_v<T, double> && O == Op::Sum) return s->sum64(x, n);
    if constexpr (std::is_same_v<T, float> && O == Op::Norm) return norm_row(s, x, n);
    if constexpr (std::is_same_v<T, float> && O == Op::Max) return s->max32(x, n);
    if constexpr (std::is_same_v<T, float> && O == Op::Min) return s->min32(x, n);
    A a[4] = {R::identity(), R::identity(), R::identity(), R::identity()};
    int64_t i = 0;
    for (; i + 4 <= n; i += 4)
      for (int k = 0; k < 4; ++k) a[k] = R::join(a[k], term(x[i + k]));
    for (; i < n; ++i) a[0] = R::join(a[0], term(x[i]));
    return R::join(R::join(a[0], a[1]), R::join(a[2], a[3]));
  }
  /* acc[j] with `rows` rows, `stride` apart. */
  static void columns(const Simd* s, A* acc, const T* x, int64_t n, int64_t rows, int64_t stride) {
    if constexpr (std::is_same_v<T, float> && O == Op::Sum) {
      s->col_sum32(acc, x, n, rows, stride);
    } else if constexpr (std::is_same_v<T, float> && (O == Op::Max || O == Op::Min)) {
      (O == Op::Max ? s->col_max32 : s->col_min32)(acc, x, n, rows, stride);
    } else {
      for (int64_t r = 0; r < rows; ++r, x += stride)
        for (int64_t j = 0; j < n; ++j) acc[j] = R::join(acc[j], term(x[j]));
    }
  }
  /* What an element adds to the accumulator. */
  static A term(T x) {
    if constexpr (O == Op::Norm) return A(x) * A(x);
    return A(x);
  }
};

// ---- the walk ----------------------------------------------------------------------------------

struct Shape {
  Layout kept, reduced;  // element offsets: kept.at(k) + reduced.at(r)
  int64_t k, r;
};

/* Elements as the loops want them: halves become float32. */
template <class T>
struct Reader {
  const Simd* simd;
  DType type;
  const void* base;
  /* `n` elements from the row-major walk through l, offset by `shift`, into buf if need be. */
  const T* get(const Layout& l, int64_t shift, int64_t begin, int64_t n, T* buf) const {
    const int bytes = sdk::size_of(type);
    const char* p = static_cast<const char*>(base) + shift * bytes;
    bool direct =
        l.nd == 0 || (l.stride[l.nd - 1] == 1 && begin % l.size[l.nd - 1] + n <= l.size[l.nd - 1]);
    if constexpr (std::is_same_v<T, float>) {
      if (sdk::is_half(type)) {
        alignas(64) uint16_t half[kRun];
        const void* from = half;
        if (direct) {
          from = p + l.at(begin) * bytes;
        } else {
          gather(l, bytes, p, begin, n, half);
        }
        (type == DType::BF16 ? simd->bf16_to_f32 : simd->f16_to_f32)(
            buf, static_cast<const uint16_t*>(from), n);
        return buf;
      }
    }
    if (direct) return reinterpret_cast<const T*>(p + l.at(begin) * bytes);
    gather(l, bytes, p, begin, n, buf);
    return buf;
  }
  static constexpr int64_t kRun = 1024;
};

template <class T, Op O>
class Reduce final : public Kernel {
  using L = Loops<T, O>;
  using A = typename L::A;
  using R = typename L::R;

 public:
  Reduce(const Shape& s, DType type) : Kernel(kStrided | kPreferred), s_(s), type_(type) {
    half_ = sdk::is_half(type);
    const Layout &k = s.kept, &r = s.reduced;
    bool run_kept = k.nd && k.stride[k.nd - 1] == 1 && k.size[k.nd - 1] >= 4;
    bool run_reduced = r.nd && r.stride[r.nd - 1] == 1;
    columns_ = run_kept && !run_reduced;
    // Long reductions to few results are cut into pieces of a fixed size, joined in order: the
    // result does not depend on the number of threads.
    int64_t lanes = columns_ ? k.size[k.nd - 1] : 1;
    int64_t units = columns_ ? s.k / lanes * ((lanes + kColumns - 1) / kColumns) : s.k;
    if (units < 16 && s.k * s.r >= 65536) {
      int64_t per = std::max<int64_t>(1, 32768 / std::max<int64_t>(1, columns_ ? s.k : 1));
      pieces_ = std::min<int64_t>(64, (s.r + per - 1) / per);
      if (pieces_ < 1) pieces_ = 1;
    }
  }

  vd_status run(Device& d, const vd_call& call, vd_err* err) override {
    char* out = out_ptr<char>(call);
    Reader<T> reader{d.simd, type_, in_ptr<char>(call, 0)};
    if (pieces_ == 1) {
      double cost = double(s_.r) + 2;
      if (!columns_) {
        d.pool.ranges(s_.k, cost, 1, [&](int64_t b, int64_t e) {
          for (int64_t i = b; i < e; ++i) write(d.simd, out, i, row(reader, i, 0, s_.r));
        });
      } else {
        int64_t lanes = s_.kept.size[s_.kept.nd - 1], blocks = (lanes + kColumns - 1) / kColumns;
        int64_t width = std::min(lanes, kColumns);
        d.pool.ranges(s_.k / lanes * blocks, cost * double(width), 1, [&](int64_t b, int64_t e) {
          alignas(64) A acc[kColumns];
          for (int64_t u = b; u < e; ++u) {
            int64_t c0 = u % blocks * kColumns, first = u / blocks * lanes + c0;
            int64_t n = std::min(kColumns, lanes - c0);
            columns(reader, first, n, 0, s_.r, acc);
            for (int64_t j = 0; j < n; ++j) write(d.simd, out, first + j, acc[j]);
          }
        });
      }
      return VD_OK;
    }
    A* partial = static_cast<A*>(d.scratch.get(size_t(pieces_ * s_.k) * sizeof(A)));
    if (!partial) return fail(err, VD_OOM, "%s: no memory for partial results", call.op);
    int64_t step = (s_.r + pieces_ - 1) / pieces_;
    d.pool.each(pieces_, [&](int64_t p) {
      int64_t r0 = std::min(p * step, s_.r), r1 = std::min(r0 + step, s_.r);
      A* acc = partial + p * s_.k;
      if (columns_) {
        int64_t lanes = s_.kept.size[s_.kept.nd - 1];
        for (int64_t i = 0; i < s_.k; i += lanes)
          for (int64_t c = 0; c < lanes; c += kColumns)
            columns(reader, i + c, std::min(kColumns, lanes - c), r0, r1, acc + i + c);
      } else {
        for (int64_t i = 0; i < s_.k; ++i) acc[i] = row(reader, i, r0, r1);
      }
    });
    for (int64_t p = 1; p < pieces_; ++p)
      for (int64_t i = 0; i < s_.k; ++i) partial[i] = R::join(partial[i], partial[p * s_.k + i]);
    for (int64_t i = 0; i < s_.k; ++i) write(d.simd, out, i, partial[i]);
    return VD_OK;
  }

 private:
  static constexpr int64_t kColumns = 512;

  A row(const Reader<T>& reader, int64_t k, int64_t r0, int64_t r1) const {
    const Layout& l = s_.reduced;
    const int64_t shift = s_.kept.at(k);
    alignas(64) T buf[Reader<T>::kRun];
    A acc = R::identity();
    const bool runs = l.nd == 0 || (l.stride[l.nd - 1] == 1 && l.size[l.nd - 1] >= 16);
    for (int64_t at = r0; at < r1;) {
      int64_t n = r1 - at;
      if (runs && l.nd) n = std::min(n, l.size[l.nd - 1] - at % l.size[l.nd - 1]);
      if (!runs || half_) n = std::min(n, Reader<T>::kRun);
      if (l.nd == 0) n = 1;
      acc = R::join(acc, L::row(reader.simd, reader.get(l, shift, at, n, buf), n));
      at += n;
    }
    return acc;
  }

  /* n neighbouring results from `first` on, which are neighbours in memory too. */
  void columns(const Reader<T>& reader, int64_t first, int64_t n, int64_t r0, int64_t r1,
               A* acc) const {
    for (int64_t j = 0; j < n; ++j) acc[j] = R::identity();
    const Layout& l = s_.reduced;
    const int64_t shift = s_.kept.at(first);
    if (half_) {
      alignas(64) T buf[kColumns];
      Layout run;
      run.push(n, 1);
      for (int64_t r = r0; r < r1; ++r)
        L::columns(reader.simd, acc, reader.get(run, shift + l.at(r), 0, n, buf), n, 1, 0);
      return;
    }
    const T* base = static_cast<const T*>(reader.base) + shift;
    for (int64_t r = r0; r < r1;) {
      int64_t inner = l.nd ? l.size[l.nd - 1] : 1;
      int64_t rows = std::min(r1 - r, inner - r % inner);
      L::columns(reader.simd, acc, base + l.at(r), n, rows, l.nd ? l.stride[l.nd - 1] : 0);
      r += rows;
    }
  }

  void write(const Simd*, char* out, int64_t i, A value) const {
    if constexpr (O == Op::Norm) value = std::sqrt(value);
    if (type_ == DType::F16) {
      reinterpret_cast<uint16_t*>(out)[i] = sdk::float_to_f16(narrow(value));
    } else if (type_ == DType::BF16) {
      reinterpret_cast<uint16_t*>(out)[i] = sdk::float_to_bf16(narrow(value));
    } else {
      reinterpret_cast<T*>(out)[i] = T(value);
    }
  }
  static float narrow(A value) {
    if constexpr (std::is_convertible_v<A, float>) return float(value);
    return 0;
  }

  Shape s_;
  DType type_;
  bool half_, columns_;
  int64_t pieces_ = 1;
};

// ---- find --------------------------------------------------------------------------------------

/* The dims that go, from `dims`, or as the user of vector_norm gave `dim`; false if there are no
 * such dims. */
bool read_dims(const vd_call& call, const vd_tensor& x, bool* gone) {
  const vd_attr* a = sdk::find_attr(call, "dims");
  if (!a) a = sdk::find_attr(call, "dim");
  if (!a) return std::fill_n(gone, x.ndim, true), true;
  const bool one = a->kind == VD_ATTR_INT;
  if (!one && a->kind != VD_ATTR_INTS) return false;
  for (int i = 0; i < (one ? 1 : a->count); ++i) {
    int64_t dim = one ? a->value.i : a->value.ints[i];
    if (dim < 0) dim += x.ndim;
    if (dim < 0 || dim >= x.ndim) return false;
    gone[dim] = true;
  }
  return true;
}

template <Op O>
vd_status make(Device&, const vd_call& call, std::unique_ptr<Kernel>& kernel, vd_err* err) {
  if (!arity(call, 1, 1)) return fail(err, VD_INVALID, "%s takes 1 input and 1 output", call.op);
  const vd_tensor& x = call.inputs[0];
  const DType t = in_type(call, 0);
  if (t != out_type(call)) return unsupported(call, err, "the output's dtype differs");
  bool gone[VD_MAX_NDIM] = {};
  if (!read_dims(call, x, gone))
    return fail(err, VD_INVALID, "%s: dims must be integers in [0, %d)", call.op, x.ndim);
  Shape s;
  Layout reduced;
  s.k = s.r = 1;
  for (int i = 0; i < x.ndim; ++i) {
    (gone[i] ? s.r : s.k) *= x.shape[i];
    if (x.shape[i] == 1) continue;
    (gone[i] ? reduced : s.kept).push(x.shape[i], x.strides[i]);
  }
  if (s.k != sdk::numel(call.outputs[0]))
    return fail(err, VD_INVALID, "%s: the output's shape does not fit dims", call.op);
  // Reducing has no order of its own: walk memory from the largest stride to the smallest.
  for (int i = 1; i < reduced.nd; ++i)
    for (int j = i; j > 0 && std::abs(reduced.stride[j]) > std::abs(reduced.stride[j - 1]); --j) {
      std::swap(reduced.stride[j], reduced.stride[j - 1]);
      std::swap(reduced.size[j], reduced.size[j - 1]);
    }
  s.kept = merged(s.kept);
  s.reduced = merged(reduced);
  auto set = [&](auto zero) { kernel = std::make_unique<Reduce<decltype(zero), O>>(s, t); };
  constexpr bool order = O == Op::Max || O == Op::Min;
  if constexpr (O == Op::Norm) {
    const vd_attr* dim = sdk::find_attr(call, "dim");
    if (sdk::attr_float(call, "ord", 2) != 2 || !sdk::is_float(t) ||
        (dim && dim->count == 0 && dim->kind == VD_ATTR_INTS))
      return unsupported(call, err, "the kernel is for the 2-norm of floats");
    t == DType::F64 ? set(double{}) : set(float{});
    return VD_OK;
  } else if (t == DType::F32 || sdk::is_half(t)) {
    set(float{});
  } else if (t == DType::F64) {
    set(double{});
  } else if (order && t == DType::Bool) {
    set(uint8_t{});
  } else if (!order && t == DType::C64) {
    if constexpr (!order) set(std::complex<float>{});
  } else if (!order && t == DType::C128) {
    if constexpr (!order) set(std::complex<double>{});
  } else if (!with_int(t, set)) {
    return unsupported(call, err, "the op has no meaning for this dtype");
  }
  return VD_OK;
}

}  // namespace

void add_reduce(sdk::Table<Make>& table) {
  table.add("sum", make<Op::Sum>);
  table.add("prod", make<Op::Prod>);
  table.add("amax", make<Op::Max>);
  table.add("amin", make<Op::Min>);
  table.add("vector_norm", make<Op::Norm>);
}

}  // namespace vob
