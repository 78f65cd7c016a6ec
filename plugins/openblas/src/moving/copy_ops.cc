// copy, cat, and the views of complex numbers: kernels over plans of copies.
#include "moving/copy.h"

#include <algorithm>

namespace vob {
namespace {

vd_status make_copy(Device&, const vd_call& call, std::unique_ptr<Kernel>& kernel, vd_err* err) {
  if (!arity(call, 1, 1) || in_type(call, 0) != out_type(call) ||
      !sdk::same_shape(call.inputs[0], call.outputs[0]))
    return fail(err, VD_INVALID, "copy takes a tensor to another of the same shape and dtype");
  const vd_tensor &x = call.inputs[0], &y = call.outputs[0];
  CopyPlan plan(x.ndim, x.shape, y.strides, x.strides, sdk::size_of(in_type(call, 0)));
  return answer(kernel, kStrided, [plan](Device& d, const vd_call& c, vd_err*) {
    plan.run(d, out_ptr<char>(c), in_ptr<char>(c, 0));
    return VD_OK;
  });
}

/* complex [...] <-> real [..., 2]: the same bytes. */
template <bool ToReal>
vd_status make_view(Device&, const vd_call& call, std::unique_ptr<Kernel>& kernel, vd_err* err) {
  if (!arity(call, 1, 1)) return fail(err, VD_INVALID, "%s takes 1 input", call.op);
  const vd_tensor &x = call.inputs[0], &y = call.outputs[0];
  int bytes = sdk::size_of(out_type(call));
  int64_t n = sdk::numel(y);
  if (!sdk::is_complex(ToReal ? in_type(call, 0) : out_type(call)) ||
      sdk::numel(x) * sdk::size_of(in_type(call, 0)) != n * bytes)
    return unsupported(call, err, "it turns complex [...] into real [..., 2] or back");
  const int64_t one = 1;
  CopyPlan plan(1, &n, &one, &one, bytes);
  return answer(kernel, 0, [plan](Device& d, const vd_call& c, vd_err*) {
    plan.run(d, out_ptr<char>(c), in_ptr<char>(c, 0));
    return VD_OK;
  });
}

struct CatPart {
  CopyPlan plan;
  int64_t offset;  // bytes into the output
};

/* Units [begin, end) of one part. */
struct CatShare {
  size_t part;
  int64_t begin, end;
};

vd_status make_cat(Device&, const vd_call& call, std::unique_ptr<Kernel>& kernel, vd_err* err) {
  if (call.n_inputs < 1 || call.n_outputs != 1)
    return fail(err, VD_INVALID, "cat takes one tensor or more");
  const vd_tensor& y = call.outputs[0];
  int dim = dim_attr(call, y);
  if (dim < 0) return fail(err, VD_INVALID, "cat needs dim in [0, %d)", y.ndim);
  const int bytes = sdk::size_of(out_type(call));
  int64_t stride[VD_MAX_NDIM], s = 1, at = 0;
  for (int i = y.ndim - 1; i >= 0; --i) {
    stride[i] = s;
    s *= y.shape[i];
  }
  std::vector<CatPart> parts;
  for (int i = 0; i < call.n_inputs; ++i) {
    const vd_tensor& x = call.inputs[i];
    if (x.ndim != y.ndim || in_type(call, i) != out_type(call))
      return fail(err, VD_INVALID, "cat: input %d differs in rank or dtype", i);
    parts.push_back(
        {CopyPlan(x.ndim, x.shape, stride, x.strides, bytes), at * stride[dim] * bytes});
    at += x.shape[dim];
  }
  // all parts are shared out at once
  double work = 0;
  std::vector<CatShare> shares;
  for (size_t i = 0; i < parts.size(); ++i) {
    const CopyPlan& plan = parts[i].plan;
    const double own = double(plan.units()) * plan.cost();
    const int64_t most = int64_t(own / Pool::kChunkWork) + 1;
    int64_t step = (plan.units() + most - 1) / most;
    step = (step + plan.align() - 1) / plan.align() * plan.align();
    for (int64_t b = 0; b < plan.units(); b += step)
      shares.push_back({i, b, std::min(plan.units(), b + step)});
    work += own;
  }
  const bool alone = work < Pool::kSerialWork;
  return answer(kernel, kStrided, [parts, shares, alone](Device& d, const vd_call& c, vd_err*) {
    auto one = [&](int64_t i) {
      const CatShare& s = shares[size_t(i)];
      const CatPart& p = parts[s.part];
      p.plan.part(d.simd, out_ptr<char>(c) + p.offset, in_ptr<char>(c, int(s.part)), s.begin,
                  s.end);
    };
    const int64_t n = int64_t(shares.size());
    if (!alone) return d.pool.each(n, one), VD_OK;
    for (int64_t i = 0; i < n; ++i) one(i);
    return VD_OK;
  });
}

}  // namespace

void add_copy(sdk::Table<Make>& table) {
  table.add("copy", make_copy);
  table.add("cat", make_cat);
  table.add("real_view", make_view<true>);
  table.add("complex_view", make_view<false>);
}

}  // namespace vob
