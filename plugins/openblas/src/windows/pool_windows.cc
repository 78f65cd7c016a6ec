// max_pool and avg_pool over one or two dims: line by line, one element of the window at a time.
#include <algorithm>
#include <limits>

#include "base/common.h"
#include "base/lines.h"

namespace vob {
namespace {

struct PoolShape {
  int64_t planes, h, w, oh, ow, kh = 1, kw, sh = 1, sw, ph = 0, pw, dh = 1, dw = 1;

  bool read(const vd_call& call) {
    const vd_tensor &x = call.inputs[0], &y = call.outputs[0];
    const vd_attr* kernel = sdk::find_attr(call, "kernel");
    const int dims = kernel && kernel->kind == VD_ATTR_INTS ? kernel->count : 0;
    if (dims < 1 || dims > 2 || x.ndim < dims || y.ndim != x.ndim) return false;
    auto place = [&](const char* name, int i, int64_t& value) {
      const vd_attr* a = sdk::find_attr(call, name);
      if (a && a->kind == VD_ATTR_INTS && a->count == dims) value = a->value.ints[i];
    };
    auto one = [&](int i, int64_t& k, int64_t& s, int64_t& p, int64_t& d) {
      place("kernel", i, k), place("stride", i, s), place("padding", i, p), place("dilation", i, d);
    };
    one(dims - 1, kw, sw, pw, dw);
    if (dims == 2) one(0, kh, sh, ph, dh);
    h = dims == 2 ? x.shape[x.ndim - 2] : 1, w = x.shape[x.ndim - 1];
    oh = dims == 2 ? y.shape[y.ndim - 2] : 1, ow = y.shape[y.ndim - 1];
    planes = h * w ? sdk::numel(x) / (h * w) : 0;
    return h * w < (int64_t(1) << 31);
  }
  /* Results whose element `tap` of the window lies inside: [first, last). */
  static void inside(int64_t tap, int64_t dilation, int64_t pad, int64_t stride, int64_t size,
                     int64_t count, int64_t& first, int64_t& last) {
    const int64_t shift = tap * dilation - pad;
    first = std::min(count, shift < 0 ? (-shift + stride - 1) / stride : 0);
    last = size - 1 - shift < 0 ? 0 : std::min(count, (size - 1 - shift) / stride + 1);
    last = std::max(first, last);
  }
  /* f(line of the plane, first, last, column of the first) for every element of the windows that
   * output line oy sees. */
  template <class F>
  void taps(int64_t oy, F f) const {
    for (int64_t y = 0; y < kh; ++y) {
      const int64_t line = oy * sh - ph + y * dh;
      if (line < 0 || line >= h) continue;
      for (int64_t x = 0; x < kw; ++x) {
        int64_t first, last;
        inside(x, dw, pw, sw, w, ow, first, last);
        if (first < last) f(line, first, last, first * sw - pw + x * dw);
      }
    }
  }
};

template <class T>
void max_planes(const PoolShape& s, Device& d, const vd_call& call) {
  using I = std::conditional_t<sizeof(T) == 4, int32_t, int64_t>;
  const T* x = in_ptr<T>(call, 0);
  T* y = out_ptr<T>(call);
  int64_t* where = out_ptr<int64_t>(call, 1);
  d.pool.ranges(s.planes * s.oh, double(s.ow * s.kh * s.kw) / 2, 1, [&](int64_t b, int64_t e) {
    I* at = static_cast<I*>(thread_scratch(2, size_t(s.ow) * sizeof(I)));
    for (int64_t u = b; at && u < e; ++u) {
      const T* plane = x + u / s.oh * s.h * s.w;
      T* best = y + u * s.ow;
      std::fill_n(best, s.ow, -std::numeric_limits<T>::infinity());
      std::fill_n(at, s.ow, I(-1));
      s.taps(u % s.oh, [&](int64_t line, int64_t first, int64_t last, int64_t column) {
        const int64_t from = line * s.w + column;
        if constexpr (sizeof(T) == 4) {
          d.simd->max_line32(best + first, at + first, plane + from, last - first, s.sw, from);
        } else {
          d.simd->max_line64(best + first, at + first, plane + from, last - first, s.sw, from);
        }
      });
      for (int64_t i = 0; i < s.ow; ++i) where[u * s.ow + i] = at[i];
    }
  });
}

/* How many elements a mean divides by, one factor per dim. */
int64_t met(int64_t at, int64_t k, int64_t stride, int64_t pad, int64_t size, bool border) {
  int64_t begin = at * stride - pad, end = std::min(begin + k, size + pad);
  if (!border) begin = std::max<int64_t>(begin, 0), end = std::min(end, size);
  return end - begin;
}

template <class T>
void avg_planes(const PoolShape& s, Device& d, const vd_call& call, bool border, double divisor) {
  const T* x = in_ptr<T>(call, 0);
  T* y = out_ptr<T>(call);
  d.pool.ranges(s.planes * s.oh, double(s.ow * s.kh * s.kw) / 2, 1, [&](int64_t b, int64_t e) {
    for (int64_t u = b; u < e; ++u) {
      const T* plane = x + u / s.oh * s.h * s.w;
      const int64_t oy = u % s.oh;
      T* sum = y + u * s.ow;
      std::fill_n(sum, s.ow, T(0));
      s.taps(oy, [&](int64_t line, int64_t first, int64_t last, int64_t column) {
        const T* from = plane + line * s.w + column;
        if constexpr (sizeof(T) == 4) {
          d.simd->add_line32(sum + first, from, last - first, s.sw);
        } else {
          d.simd->add_line64(sum + first, from, last - first, s.sw);
        }
      });
      const int64_t rows = met(oy, s.kh, s.sh, s.ph, s.h, border);
      for (int64_t i = 0; i < s.ow; ++i) {
        const bool edge = i * s.sw < s.pw || i * s.sw - s.pw + s.kw > s.w;
        const int64_t columns = edge ? met(i, s.kw, s.sw, s.pw, s.w, border) : s.kw;
        sum[i] /= T(divisor != 0 ? divisor : double(rows * columns));
      }
    }
  });
}

vd_status make_max(Device&, const vd_call& call, std::unique_ptr<Kernel>& kernel, vd_err* err) {
  PoolShape s;
  const DType t = call.n_inputs ? in_type(call, 0) : DType::Unknown;
  if (!arity(call, 1, 2) || (t != DType::F32 && t != DType::F64) || !s.read(call))
    return unsupported(call, err, "it pools one or two dims of float32 or float64");
  return answer(kernel, kPreferred, [s, t](Device& d, const vd_call& c, vd_err*) {
    t == DType::F32 ? max_planes<float>(s, d, c) : max_planes<double>(s, d, c);
    return VD_OK;
  });
}

vd_status make_avg(Device&, const vd_call& call, std::unique_ptr<Kernel>& kernel, vd_err* err) {
  PoolShape s;
  const DType t = call.n_inputs ? in_type(call, 0) : DType::Unknown;
  if (!arity(call, 1, 1) || (t != DType::F32 && t != DType::F64) || !s.read(call))
    return unsupported(call, err, "it pools one or two dims of float32 or float64");
  const bool border = sdk::attr_int(call, "count_include_pad", 1);
  const vd_attr* a = sdk::find_attr(call, "divisor");
  const double divisor = !a ? 0 : a->kind == VD_ATTR_FLOAT ? a->value.f : double(a->value.i);
  return answer(kernel, kPreferred, [=](Device& d, const vd_call& c, vd_err*) {
    t == DType::F32 ? avg_planes<float>(s, d, c, border, divisor)
                    : avg_planes<double>(s, d, c, border, divisor);
    return VD_OK;
  });
}

}  // namespace

void add_adaptive(sdk::Table<Make>& table);

void add_pool(sdk::Table<Make>& table) {
  add_adaptive(table);
  table.add("max_pool", make_max);
  table.add("avg_pool", make_avg);
}

}  // namespace vob
