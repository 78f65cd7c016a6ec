#include "products/products.h"

#include <algorithm>

namespace vob {

vd_status product_shape(const vd_call& call, GemmShape& s, Matrices& am, Matrices& bm,
                        vd_err* err) {
  const vd_tensor &a = call.inputs[0], &b = call.inputs[1], &c = call.outputs[0];
  const int nd = a.ndim;
  if (nd < 2 || b.ndim != nd || c.ndim != nd || a.shape[nd - 1] != b.shape[nd - 2] ||
      c.shape[nd - 2] != a.shape[nd - 2] || c.shape[nd - 1] != b.shape[nd - 1])
    return fail(err, VD_INVALID, "%s: shapes must be [..., M, K] @ [..., K, N]", call.op);
  s = {a.shape[nd - 2], b.shape[nd - 1], a.shape[nd - 1], 1};
  am = {s.m, s.k, a.strides[nd - 2], a.strides[nd - 1], {}};
  bm = {s.k, s.n, b.strides[nd - 2], b.strides[nd - 1], {}};
  for (int i = 0; i < nd - 2; ++i) {
    if (a.shape[i] != b.shape[i] || c.shape[i] != a.shape[i])
      return fail(err, VD_INVALID, "%s: leading sizes differ in dim %d", call.op, i);
    if (a.shape[i] == 1) continue;
    s.batch *= a.shape[i];
    am.batch.push(a.shape[i], a.strides[i]);
    bm.batch.push(a.shape[i], b.strides[i]);
  }
  // Many A against one B are one tall A, if its rows follow each other.
  auto &ab = am.batch, &bb = bm.batch;
  while (ab.nd && bb.stride[bb.nd - 1] == 0 && s.m > 0 &&
         (s.m == 1 || ab.stride[ab.nd - 1] == s.m * am.s0)) {
    if (s.m == 1) am.s0 = ab.stride[ab.nd - 1];
    s.m *= ab.size[ab.nd - 1];
    s.batch /= std::max<int64_t>(1, ab.size[ab.nd - 1]);
    --ab.nd, --bb.nd;
  }
  am.rows = s.m;
  return VD_OK;
}

}  // namespace vob
