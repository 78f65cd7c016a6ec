// sum, prod, amax, amin and the 2-norm over any set of dims: which dims go, and which loops serve.
#include "rows/reduce.h"

#include <algorithm>

namespace vob {
namespace {

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

/* The dims of x split into those that stay and those that go, each in as few as can be. */
ReduceShape shape_of(const vd_tensor& x, const bool* gone) {
  ReduceShape s;
  Layout reduced;
  s.k = s.r = 1;
  for (int i = 0; i < x.ndim; ++i) {
    (gone[i] ? s.r : s.k) *= x.shape[i];
    if (x.shape[i] == 1) continue;
    (gone[i] ? reduced : s.kept).push(x.shape[i], x.strides[i]);
  }
  // Reducing has no order of its own: walk memory from the largest stride to the smallest.
  for (int i = 1; i < reduced.nd; ++i)
    for (int j = i; j > 0 && std::abs(reduced.stride[j]) > std::abs(reduced.stride[j - 1]); --j) {
      std::swap(reduced.stride[j], reduced.stride[j - 1]);
      std::swap(reduced.size[j], reduced.size[j - 1]);
    }
  s.kept = merged(s.kept);
  s.reduced = merged(reduced);
  return s;
}

#define CHECK(index, type) static_assert(index < kReduceTypes, #type);
VOB_REDUCE_TYPES(CHECK)
#undef CHECK
static_assert(int(DType::U8) == 1 && int(DType::I64) == 8 && int(DType::F32) == 11 &&
                  int(DType::C128) == 14,
              "the table of loops goes by these numbers");

template <ReduceOp Op>
vd_status make(Device& d, const vd_call& call, std::unique_ptr<Kernel>& kernel, vd_err* err) {
  if (!arity(call, 1, 1)) return fail(err, VD_INVALID, "%s takes 1 input and 1 output", call.op);
  const vd_tensor& x = call.inputs[0];
  const DType t = in_type(call, 0);
  if (t != out_type(call)) return unsupported(call, err, "the output's dtype differs");
  bool gone[VD_MAX_NDIM] = {};
  if (!read_dims(call, x, gone))
    return fail(err, VD_INVALID, "%s: dims must be integers in [0, %d)", call.op, x.ndim);
  if (Op == kNorm) {
    const vd_attr* dim = sdk::find_attr(call, "dim");
    if (sdk::attr_float(call, "ord", 2) != 2 ||
        (dim && dim->count == 0 && dim->kind == VD_ATTR_INTS))
      return unsupported(call, err, "the kernel is for the 2-norm over dims");
  }
  const ReduceLoops& loops = d.simd->reduce[int(sdk::is_half(t) ? DType::F32 : t)][Op];
  if (!loops.acc_bytes) return unsupported(call, err, "the op has no meaning for this dtype");
  const ReduceShape s = shape_of(x, gone);
  if (s.k != sdk::numel(call.outputs[0]))
    return fail(err, VD_INVALID, "%s: the output's shape does not fit dims", call.op);
  auto halves = t == DType::BF16 && Op == kSum ? d.simd->sum_row_bf16 : nullptr;
  kernel = std::make_unique<Reduce>(s, t, loops, halves);
  return VD_OK;
}

}  // namespace

void add_reduce(sdk::Table<Make>& table) {
  table.add("sum", make<kSum>);
  table.add("prod", make<kProd>);
  table.add("amax", make<kMax>);
  table.add("amin", make<kMin>);
  table.add("vector_norm", make<kNorm>);
}

}  // namespace vob
