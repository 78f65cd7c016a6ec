// adaptive_avg_pool over one or two dims: means of windows that part a line as evenly as they can.
#include <algorithm>

#include "base/lines.h"

namespace vob {
namespace {

/* Window o of `out` over `size` elements. */
int64_t begin_of(int64_t o, int64_t size, int64_t out) { return o * size / out; }
int64_t end_of(int64_t o, int64_t size, int64_t out) { return ((o + 1) * size + out - 1) / out; }

struct Sizes {
  int64_t planes, h, w, oh, ow;
};

/* The lines of a window are added up once, for all windows beside each other. */
template <class T>
bool planes(const Sizes& s, const T* x, T* y, int64_t first, int64_t last) {
  double* sums = static_cast<double*>(thread_scratch(0, size_t(s.w) * sizeof(double)));
  if (!sums) return false;
  for (int64_t p = first; p < last; ++p)
    for (int64_t oy = 0; oy < s.oh; ++oy) {
      const int64_t top = begin_of(oy, s.h, s.oh), bottom = end_of(oy, s.h, s.oh);
      std::fill_n(sums, s.w, 0.0);
      for (int64_t r = top; r < bottom; ++r) {
        const T* line = x + (p * s.h + r) * s.w;
        for (int64_t c = 0; c < s.w; ++c) sums[c] += double(line[c]);
      }
      for (int64_t ox = 0; ox < s.ow; ++ox) {
        const int64_t left = begin_of(ox, s.w, s.ow), right = end_of(ox, s.w, s.ow);
        double sum = 0;
        for (int64_t c = left; c < right; ++c) sum += sums[c];
        y[(p * s.oh + oy) * s.ow + ox] = T(sum / double((bottom - top) * (right - left)));
      }
    }
  return true;
}

vd_status make(Device&, const vd_call& call, std::unique_ptr<Kernel>& kernel, vd_err* err) {
  const DType t = call.n_inputs ? in_type(call, 0) : DType::Unknown;
  const vd_attr* sizes = sdk::find_attr(call, "sizes");
  if (!arity(call, 1, 1) || out_type(call) != t || (t != DType::F32 && t != DType::F64) || !sizes ||
      sizes->kind != VD_ATTR_INTS || sizes->count < 1 || sizes->count > 2)
    return unsupported(call, err, "it takes float32 or float64, and one or two sizes");
  const vd_tensor &x = call.inputs[0], &y = call.outputs[0];
  if (x.ndim < sizes->count || y.ndim != x.ndim || !sdk::numel(x))
    return unsupported(call, err, "there is nothing to part");
  const bool two = sizes->count == 2;
  Sizes s{1, two ? x.shape[x.ndim - 2] : 1, x.shape[x.ndim - 1], two ? y.shape[y.ndim - 2] : 1,
          y.shape[y.ndim - 1]};
  s.planes = sdk::numel(x) / (s.h * s.w);
  auto set = [&](auto zero) {
    using T = decltype(zero);
    return answer(kernel, kPreferred, [s](Device& d, const vd_call& c, vd_err* e) {
      std::atomic<bool> no_memory{false};
      d.pool.ranges(s.planes, double(s.h * s.w) * 2, 1, [&](int64_t b, int64_t end) {
        if (!planes(s, in_ptr<T>(c, 0), out_ptr<T>(c), b, end)) no_memory = true;
      });
      return no_memory ? fail(e, VD_OOM, "adaptive_avg_pool: no memory for a line") : VD_OK;
    });
  };
  return t == DType::F32 ? set(float{}) : set(double{});
}

}  // namespace

void add_adaptive(sdk::Table<Make>& table) { table.add("adaptive_avg_pool", make); }

}  // namespace vob
