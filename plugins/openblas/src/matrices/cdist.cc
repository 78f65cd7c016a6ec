// cdist: the distances of all rows of one matrix from all rows of another, and their gradient.
#include "base/lines.h"

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

template <class T>
vd_status run_pull(Device& d, const vd_call& call, int64_t batch, int64_t p, int64_t r, int64_t m) {
  const T *w = in_ptr<T>(call, 0), *x1 = in_ptr<T>(call, 1), *x2 = in_ptr<T>(call, 2);
  T* y = out_ptr<T>(call);
  for (int64_t i = 0; i < batch; ++i, w += p * r, x1 += p * m, x2 += r * m, y += p * m)
    d.pool.ranges(p, double(r) * double(m) / 8, kRows, [&](int64_t b, int64_t e) {
      if constexpr (sizeof(T) == 4)
        d.simd->pulls32(y + b * m, w + b * r, x1 + b * m, x2, e - b, r, m);
      else
        d.simd->pulls64(y + b * m, w + b * r, x1 + b * m, x2, e - b, r, m);
    });
  return VD_OK;
}

/* The sizes of [..., P, R], [..., P, M] and [..., R, M]; no dims before them are different. */
struct Sizes {
  int64_t batch = 1, p = 0, r = 0, m = 0;
  bool fit(const vd_tensor& pr, const vd_tensor& pm, const vd_tensor& rm) {
    const int n = pr.ndim;
    if (n < 2 || pm.ndim != n || rm.ndim != n) return false;
    for (int i = 0; i < n - 2; ++i) {
      if (pr.shape[i] != pm.shape[i] || pr.shape[i] != rm.shape[i]) return false;
      batch *= pr.shape[i];
    }
    p = pr.shape[n - 2], r = pr.shape[n - 1], m = pm.shape[n - 1];
    return pm.shape[n - 2] == p && rm.shape[n - 2] == r && rm.shape[n - 1] == m;
  }
};

vd_status make_cdist(Device&, const vd_call& call, std::unique_ptr<Kernel>& kernel, vd_err* err) {
  if (!arity(call, 2, 1) || in_type(call, 0) != in_type(call, 1) ||
      out_type(call) != in_type(call, 0))
    return unsupported(call, err, "it takes two tensors of one dtype");
  const DType type = in_type(call, 0);
  if (type != DType::F32 && type != DType::F64)
    return unsupported(call, err, "it takes float32 and float64");
  Sizes s;
  if (!s.fit(call.outputs[0], call.inputs[0], call.inputs[1]))
    return unsupported(call, err, "the shapes do not fit");
  return answer(kernel, kPreferred, [=](Device& d, const vd_call& c, vd_err* e) {
    return (type == DType::F32 ? run<float> : run<double>)(d, c, s.batch, s.p, s.r, s.m, e);
  });
}

vd_status make_pull(Device&, const vd_call& call, std::unique_ptr<Kernel>& kernel, vd_err* err) {
  if (!arity(call, 3, 1) || in_type(call, 0) != in_type(call, 1) ||
      in_type(call, 0) != in_type(call, 2) || out_type(call) != in_type(call, 0))
    return unsupported(call, err, "it takes three tensors of one dtype");
  const DType type = in_type(call, 0);
  if (type != DType::F32 && type != DType::F64)
    return unsupported(call, err, "it takes float32 and float64");
  Sizes s;
  if (!s.fit(call.inputs[0], call.inputs[1], call.inputs[2]))
    return unsupported(call, err, "the shapes do not fit");
  return answer(kernel, kPreferred, [=](Device& d, const vd_call& c, vd_err*) {
    return (type == DType::F32 ? run_pull<float> : run_pull<double>)(d, c, s.batch, s.p, s.r, s.m);
  });
}

}  // namespace

void add_cdist(sdk::Table<Make>& table) {
  table.add("cdist", make_cdist);
  table.add("cdist_pull", make_pull);
}

}  // namespace vob
