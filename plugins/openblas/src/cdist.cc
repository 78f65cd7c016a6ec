// cdist: the distances of all rows of one matrix from all rows of another.
#include "lines.h"

namespace vob {
namespace {

constexpr int64_t kRows = 4;  // of x1, that go through the columns of x2 together

template <class T>
vd_status run(Device& d, const vd_call& call, int64_t batch, int64_t p, int64_t r, int64_t m,
              vd_err* err) {
  const T *x1 = in_ptr<T>(call, 0), *x2 = in_ptr<T>(call, 1);
  T *y = out_ptr<T>(call), *across = static_cast<T*>(d.scratch.get(size_t(r * m) * sizeof(T)));
  if (!across) return fail(err, VD_OOM, "%s: no memory for x2 transposed", call.op);
  for (int64_t i = 0; i < batch; ++i, x1 += p * m, x2 += r * m, y += p * r) {
    d.pool.ranges(r, double(m), 16, [&](int64_t b, int64_t e) {
      for (int64_t k = 0; k < m; ++k)
        for (int64_t j = b; j < e; ++j) across[k * r + j] = x2[j * m + k];
    });
    d.pool.ranges(p, double(r) * double(m) / 8, kRows, [&](int64_t b, int64_t e) {
      if constexpr (sizeof(T) == 4)
        d.simd->distances32(y + b * r, x1 + b * m, across, e - b, r, m);
      else
        d.simd->distances64(y + b * r, x1 + b * m, across, e - b, r, m);
    });
  }
  return VD_OK;
}

vd_status make_cdist(Device&, const vd_call& call, std::unique_ptr<Kernel>& kernel, vd_err* err) {
  if (!arity(call, 2, 1) || in_type(call, 0) != in_type(call, 1) ||
      out_type(call) != in_type(call, 0))
    return unsupported(call, err, "it takes two tensors of one dtype");
  const DType type = in_type(call, 0);
  if (type != DType::F32 && type != DType::F64)
    return unsupported(call, err, "it takes float32 and float64");
  const vd_tensor &a = call.inputs[0], &b = call.inputs[1], &y = call.outputs[0];
  const int n = a.ndim;
  bool fits = n >= 2 && b.ndim == n && y.ndim == n && a.shape[n - 1] == b.shape[n - 1] &&
              y.shape[n - 2] == a.shape[n - 2] && y.shape[n - 1] == b.shape[n - 2];
  int64_t batch = 1;
  for (int i = 0; fits && i < n - 2; ++i) {
    fits = a.shape[i] == b.shape[i] && a.shape[i] == y.shape[i];
    batch *= a.shape[i];
  }
  if (!fits) return unsupported(call, err, "the shapes do not fit");
  const int64_t p = a.shape[n - 2], r = b.shape[n - 2], m = a.shape[n - 1];
  return answer(kernel, kPreferred, [=](Device& d, const vd_call& c, vd_err* e) {
    return (type == DType::F32 ? run<float> : run<double>)(d, c, batch, p, r, m, e);
  });
}

}  // namespace

void add_cdist(sdk::Table<Make>& table) { table.add("cdist", make_cdist); }

}  // namespace vob
