// softmax and log_softmax along a dim, with their gradients from the output.
#include <algorithm>

#include "base/lines.h"

namespace vob {
namespace {

/* Along a dim with others behind it, of contiguous tensors: columns go side by side. */
class Columns final : public Kernel {
 public:
  Columns(const vd_call& call, int dim, double cost)
      : Kernel(kPreferred | kInplace), wide_(in_type(call, 0) == DType::F64), cost_(cost) {
    log_ = std::strncmp(call.op, "log", 3) == 0;
    const vd_tensor& x = call.inputs[0];
    for (int i = 0; i < x.ndim; ++i) (i < dim ? outer_ : i > dim ? inner_ : rows_) *= x.shape[i];
  }
  static bool fits(const vd_call& call, int dim) {
    const vd_tensor& x = call.inputs[0];
    if (dim < 0 || dim >= x.ndim || sdk::is_half(in_type(call, 0))) return false;
    int64_t inner = 1;
    for (int i = dim + 1; i < x.ndim; ++i) inner *= x.shape[i];
    for (int i = 0; i < call.n_inputs; ++i)
      if (!sdk::contiguous(call.inputs[i]) || !sdk::same_shape(call.inputs[i], x)) return false;
    return inner >= kLeast && sdk::same_shape(call.outputs[0], x);
  }

  vd_status run(Device& d, const vd_call& call, vd_err*) override {
    wide_ ? go<double>(d, call, d.simd->columns64) : go<float>(d, call, d.simd->columns32);
    return VD_OK;
  }

 private:
  static constexpr int64_t kLeast = 16;   // columns: fewer are better taken as lines
  static constexpr int64_t kBlock = 128;  // columns of a task, if there are few tasks

  template <class T>
  void go(Device& d, const vd_call& call, const ColumnLoops<T>& f) const {
    const int64_t width = outer_ < 16 ? std::min(inner_, kBlock) : inner_;
    const int64_t blocks = (inner_ + width - 1) / width;
    d.pool.ranges(outer_ * blocks, cost_ * double(rows_ * width), 1, [&](int64_t b, int64_t e) {
      while (b < e) {  // neighbouring blocks in one go
        const int64_t o = b / blocks, first = b % blocks, last = std::min(blocks, first + e - b);
        const int64_t at = o * rows_ * inner_ + first * width;
        const int64_t n = std::min(inner_, last * width) - first * width;
        T* y = out_ptr<T>(call) + at;
        const T* x = in_ptr<T>(call, 0) + at;
        if (call.n_inputs == 1)
          (log_ ? f.log_softmax : f.softmax)(y, x, rows_, n, inner_);
        else
          (log_ ? f.log_softmax_backward : f.softmax_backward)(y, x, in_ptr<T>(call, 1) + at, rows_,
                                                               n, inner_);
        b += last - first;
      }
    });
  }

  bool wide_, log_;
  double cost_;
  int64_t outer_ = 1, rows_ = 1, inner_ = 1;
};

template <class F32, class F64>
vd_status make(const vd_call& call, int inputs, F32 Simd::* f32, F64 Simd::* f64, double cost,
               std::unique_ptr<Kernel>& kernel, vd_err* err) {
  const DType t = in_type(call, 0);
  if (!arity(call, inputs, 1) || !sdk::is_float(t) || out_type(call) != t ||
      (inputs == 2 && in_type(call, 1) != t))
    return unsupported(call, err, "it takes floating point of one dtype");
  if (const int dim = dim_attr(call, call.inputs[0]); Columns::fits(call, dim)) {
    kernel = std::make_unique<Columns>(call, dim, cost * inputs);
    return VD_OK;
  }
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
