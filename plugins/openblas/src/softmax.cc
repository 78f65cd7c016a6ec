// softmax and log_softmax along a dim, with their gradients from the output.
#include "lines.h"

namespace vob {
namespace {

template <class F32, class F64>
vd_status make(const vd_call& call, int inputs, F32 Simd::* f32, F64 Simd::* f64, double cost,
               std::unique_ptr<Kernel>& kernel, vd_err* err) {
  const DType t = in_type(call, 0);
  if (!arity(call, inputs, 1) || !sdk::is_float(t) || out_type(call) != t ||
      (inputs == 2 && in_type(call, 1) != t))
    return unsupported(call, err, "it takes floating point of one dtype");
  LineSpec spec;
  spec.cost = cost;
  spec.caps = kPreferred | kInplace;
  auto set = [&](auto zero, auto member) {
    using T = decltype(zero);
    if (inputs == 1) {
      if constexpr (std::is_invocable_v<decltype(std::declval<Simd>().*member), T*, const T*,
                                        int64_t>)
        spec.fn = [member](const Simd* s, const void* const* in, void* const* out, int64_t n) {
          (s->*member)(static_cast<T*>(out[0]), static_cast<const T*>(in[0]), n);
        };
    } else {
      if constexpr (std::is_invocable_v<decltype(std::declval<Simd>().*member), T*, const T*,
                                        const T*, int64_t>)
        spec.fn = [member](const Simd* s, const void* const* in, void* const* out, int64_t n) {
          (s->*member)(static_cast<T*>(out[0]), static_cast<const T*>(in[0]),
                       static_cast<const T*>(in[1]), n);
        };
    }
  };
  if (t == DType::F64) {
    set(double{}, f64);
  } else {
    set(float{}, f32);
  }
  int dim = call.inputs[0].ndim ? dim_attr(call, call.inputs[0]) : 0;
  return make_lines(call, dim, std::move(spec), kernel, err);
}

vd_status softmax(Device&, const vd_call& c, std::unique_ptr<Kernel>& k, vd_err* err) {
  return make(c, 1, &Simd::softmax32, &Simd::softmax64, 6, k, err);
}
vd_status log_softmax(Device&, const vd_call& c, std::unique_ptr<Kernel>& k, vd_err* err) {
  return make(c, 1, &Simd::log_softmax32, &Simd::log_softmax64, 6, k, err);
}
vd_status softmax_backward(Device&, const vd_call& c, std::unique_ptr<Kernel>& k, vd_err* err) {
  return make(c, 2, &Simd::softmax_backward32, &Simd::softmax_backward64, 2, k, err);
}
vd_status log_softmax_backward(Device&, const vd_call& c, std::unique_ptr<Kernel>& k, vd_err* err) {
  return make(c, 2, &Simd::log_softmax_backward32, &Simd::log_softmax_backward64, 6, k, err);
}

}  // namespace

void add_softmax(sdk::Table<Make>& table) {
  table.add("softmax", softmax);
  table.add("log_softmax", log_softmax);
  table.add("softmax_backward", softmax_backward);
  table.add("log_softmax_backward", log_softmax_backward);
}

}  // namespace vob
