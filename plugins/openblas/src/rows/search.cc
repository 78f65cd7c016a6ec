// searchsorted: where values go into sorted rows.
#include <algorithm>

#include "base/lines.h"

namespace vob {
namespace {

constexpr int64_t kAtOnce = 16;  // values looked for side by side: their reads do not wait

/* How many of the n elements come before v: those below it, or not above it. Everything comes
 * before a NaN, as sort puts it last. */
template <class T, bool Right>
void search(const T* order, int64_t n, const T* v, int64_t count, int64_t* out) {
  for (int64_t i = 0; i < count; i += kAtOnce) {
    const int64_t m = std::min(kAtOnce, count - i);
    int64_t low[kAtOnce] = {};
    int64_t rest = n;
    // the answer is within [low, low + rest]
    while (rest > 0) {
      const int64_t half = rest - rest / 2;
      for (int64_t k = 0; k < m; ++k) {
        const T x = order[low[k] + half - 1], y = v[i + k];
        low[k] += half & -int64_t(Right ? x <= y : x < y);  // no branch: it would be guessed wrong
      }
      rest /= 2;
    }
    for (int64_t k = 0; k < m; ++k) out[i + k] = v[i + k] == v[i + k] ? low[k] : n;
  }
}

template <class T>
vd_status make_for(const vd_call& call, std::unique_ptr<Kernel>& kernel) {
  const vd_tensor &order = call.inputs[0], &v = call.inputs[1];
  const int64_t n = order.shape[order.ndim - 1], total = sdk::numel(v);
  const int64_t rows = order.ndim == 1 || !n ? 1 : sdk::numel(order) / n;
  const bool right = sdk::attr_int(call, "right", 0) != 0;
  return answer(kernel, kPreferred, [=](Device& d, const vd_call& c, vd_err*) {
    const T *p = in_ptr<T>(c, 0), *q = in_ptr<T>(c, 1);
    int64_t* out = out_ptr<int64_t>(c);
    const int64_t each = total / rows;  // values of a row
    int64_t reads = 1;
    while (reads < 63 && (int64_t(1) << reads) <= n) ++reads;
    d.pool.ranges(total, double(2 * reads), kAtOnce, [&](int64_t b, int64_t e) {
      while (b < e) {
        const int64_t row = b / each, stop = std::min(e, (row + 1) * each);
        (right ? search<T, true> : search<T, false>)(p + (rows > 1 ? row * n : 0), n, q + b,
                                                     stop - b, out + b);
        b = stop;
      }
    });
    return VD_OK;
  });
}

vd_status make_search(Device&, const vd_call& call, std::unique_ptr<Kernel>& kernel, vd_err* err) {
  if (!arity(call, 2, 1) || in_type(call, 0) != in_type(call, 1) || out_type(call) != DType::I64)
    return unsupported(call, err, "it takes a sequence and values of one dtype");
  const vd_tensor &order = call.inputs[0], &v = call.inputs[1], &y = call.outputs[0];
  bool fits = order.ndim >= 1 && sdk::same_shape(v, y) && (order.ndim == 1 || order.ndim == v.ndim);
  for (int i = 0; fits && order.ndim > 1 && i < order.ndim - 1; ++i)
    fits = order.shape[i] == v.shape[i];
  if (!fits) return unsupported(call, err, "the shapes do not fit");
  switch (in_type(call, 0)) {
    case DType::F32:
      return make_for<float>(call, kernel);
    case DType::F64:
      return make_for<double>(call, kernel);
    default:
      if (with_int(in_type(call, 0), [&](auto zero) { make_for<decltype(zero)>(call, kernel); }))
        return VD_OK;
      return unsupported(call, err, "it takes float32, float64 and integers");
  }
}

}  // namespace

void add_search(sdk::Table<Make>& table) { table.add("searchsorted", make_search); }

}  // namespace vob
