// `topk` along a dense last dim: few are kept in order while the row goes by.
#include <algorithm>
#include <atomic>
#include <cmath>

#include "base/common.h"
#include "base/lines.h"

namespace vob {
namespace {

constexpr int64_t kMost = 128;  // more are cheaper to sort

/* Is a before b?  NaN is the largest number. */
template <class T, bool Largest>
bool before(T a, T b) {
  if constexpr (std::is_floating_point_v<T>) {
    if (a != a || b != b) return Largest ? a != a && b == b : b != b && a == a;
  }
  return Largest ? a > b : a < b;
}

/* The k first of x in that order, equal ones as they come. */
template <class T, bool Largest>
void pick(const T* x, int64_t n, int64_t k, T* y, int64_t* index) {
  int64_t held = 0;
  auto take = [&](int64_t i) {
    int64_t at = std::min(held, k - 1);
    for (; at > 0 && before<T, Largest>(x[i], y[at - 1]); --at)
      y[at] = y[at - 1], index[at] = index[at - 1];
    y[at] = x[i], index[at] = i;
    if (held < k) ++held;
  };
  int64_t i = 0;
  for (; i < k; ++i) take(i);
  while (i < n) {
    const T worst = y[k - 1];
    // sixteen at a time, whether any of them may be better
    for (; i + 16 <= n; i += 16) {
      int any = 0;
      for (int j = 0; j < 16; ++j) any |= Largest ? !(x[i + j] <= worst) : !(x[i + j] >= worst);
      if (any) break;
    }
    const int64_t end = std::min(i + 16, n);
    for (; i < end; ++i)
      if (before<T, Largest>(x[i], y[k - 1])) take(i);
  }
}

vd_status make(Device&, const vd_call& call, std::unique_ptr<Kernel>& kernel, vd_err* err) {
  const DType t = call.n_inputs ? in_type(call, 0) : DType::Unknown;
  const int64_t k = sdk::attr_int(call, "k", -1);
  if (!arity(call, 1, 2) || call.inputs[0].ndim == 0 || k < 1 || k > kMost ||
      dim_attr(call, call.inputs[0]) != call.inputs[0].ndim - 1)
    return unsupported(call, err, "it takes up to 128 along the last dim");
  const vd_tensor& x = call.inputs[0];
  const int64_t n = x.shape[x.ndim - 1], rows = n ? sdk::numel(x) / n : 0;
  if (n < k) return fail(err, VD_INVALID, "topk: k = %lld of %lld", (long long)k, (long long)n);
  const bool largest = sdk::attr_int(call, "largest", 1);
  bool known = true;
  auto set = [&](auto zero) {
    using T = decltype(zero);
    answer(kernel, kPreferred, [=](Device& d, const vd_call& c, vd_err*) {
      const T* from = in_ptr<T>(c, 0);
      T* y = out_ptr<T>(c);
      int64_t* index = out_ptr<int64_t>(c, 1);
      d.pool.ranges(rows, double(n) + double(k * k), 1, [&](int64_t b, int64_t e) {
        for (int64_t r = b; r < e; ++r)
          (largest ? pick<T, true> : pick<T, false>)(from + r * n, n, k, y + r * k, index + r * k);
      });
      return VD_OK;
    });
  };
  if (sdk::is_half(t)) {  // compared as float32, which rounding back gives as they were
    answer(kernel, kPreferred, [=](Device& d, const vd_call& c, vd_err* e) {
      const uint16_t* from = in_ptr<uint16_t>(c, 0);
      uint16_t* y = out_ptr<uint16_t>(c);
      int64_t* index = out_ptr<int64_t>(c, 1);
      std::atomic<bool> no_memory{false};
      d.pool.ranges(rows, double(n) + double(k * k), 1, [&](int64_t first, int64_t last) {
        float* wide = static_cast<float*>(thread_scratch(1, size_t(n + k) * sizeof(float)));
        if (!wide) no_memory = true;
        for (int64_t r = first; r < last && wide; ++r) {
          to_float(d.simd, t, wide, from + r * n, n);
          (largest ? pick<float, true> : pick<float, false>)(wide, n, k, wide + n, index + r * k);
          from_float(d.simd, t, y + r * k, wide + n, k);
        }
      });
      return no_memory ? fail(e, VD_OOM, "topk: no memory for a row") : VD_OK;
    });
  } else if (t == DType::F32) {
    set(float{});
  } else if (t == DType::F64) {
    set(double{});
  } else {
    known = with_int(t, set);
  }
  return known ? VD_OK : unsupported(call, err, "it has no order for this dtype");
}

}  // namespace

void add_topk(sdk::Table<Make>& table) { table.add("topk", make); }

}  // namespace vob
