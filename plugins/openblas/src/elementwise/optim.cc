// adamw_step and sgd_step: one pass over parameters, gradient and state.
#include <algorithm>
#include <cmath>
#include <vector>

#include "base/lines.h"

namespace vob {
namespace {

double value(const vd_tensor& t) {
  if (sdk::scalar(t)) return sdk::scalar_value(t);
  vd_tensor s = t;
  std::memcpy(s.value.bytes, sdk::data(t), size_t(sdk::size_of(sdk::dtype_of(t.dtype))));
  return sdk::scalar_value(s);
}

constexpr int64_t kPart = 1024;

/* Operands of an update: float32 as they are, halves through a block. */
struct Block {
  alignas(64) float data[kPart];
  const float* in(const Simd* s, DType t, const void* base, int64_t at, int64_t n) {
    if (!sdk::is_half(t)) return static_cast<const float*>(base) + at;
    to_float(s, t, data, static_cast<const uint16_t*>(base) + at, n);
    return data;
  }
  float* out(DType t, void* base, int64_t at) {
    return sdk::is_half(t) ? data : static_cast<float*>(base) + at;
  }
  void flush(const Simd* s, DType t, void* base, int64_t at, int64_t n) {
    if (sdk::is_half(t)) from_float(s, t, static_cast<uint16_t*>(base) + at, data, n);
  }
};

/* All float64, or each of float32, float16, bfloat16; all tensors of one size. */
bool uniform(const vd_call& call, int tensors, bool& f64) {
  f64 = in_type(call, 0) == DType::F64;
  const int64_t n = sdk::numel(call.inputs[0]);
  for (int i = 0; i < tensors; ++i) {
    if (sdk::absent(call.inputs[i])) continue;
    if (!sdk::is_float(in_type(call, i)) || (in_type(call, i) == DType::F64) != f64) return false;
    if (sdk::numel(call.inputs[i]) != n) return false;
  }
  for (int i = 0; i < call.n_outputs; ++i)
    if ((out_type(call, i) == DType::F64) != f64 || !sdk::is_float(out_type(call, i)) ||
        sdk::numel(call.outputs[i]) != n)
      return false;
  for (int i = tensors; i < call.n_inputs; ++i)
    if (sdk::numel(call.inputs[i]) != 1) return false;
  return true;
}

/* p, g, m and v at inputs[0..3], the new p, m and v at outputs[0..2]. */
void adamw(const Simd* simd, const vd_tensor* in, const vd_tensor* out, int64_t b, int64_t e,
           const AdamStep& step) {
  const auto type = [](const vd_tensor& t) { return sdk::dtype_of(t.dtype); };
  void* to[3];
  const void* from[4];
  bool plain = true;  // no halves: no blocks
  for (int i = 0; i < 4; ++i) from[i] = sdk::data(in[i]), plain &= !sdk::is_half(type(in[i]));
  for (int i = 0; i < 3; ++i)
    to[i] = const_cast<void*>(sdk::data(out[i])), plain &= !sdk::is_half(type(out[i]));
  const auto all = [&](auto kernel, auto x) {
    using T = decltype(x);
    const auto read = [&](int i) { return static_cast<const T*>(from[i]) + b; };
    const auto write = [&](int i) { return static_cast<T*>(to[i]) + b; };
    kernel(write(0), read(1), write(1), write(2), read(0), read(2), read(3), e - b, step);
  };
  if (type(in[0]) == DType::F64) return all(simd->adamw64, double{});
  if (plain) return all(simd->adamw32, float{});
  Block p, g, m, v;
  for (int64_t at = b; at < e; at += kPart) {
    const int64_t k = std::min(kPart, e - at);
    const float* p0 = p.in(simd, type(in[0]), from[0], at, k);
    const float* g0 = g.in(simd, type(in[1]), from[1], at, k);
    const float* m0 = m.in(simd, type(in[2]), from[2], at, k);
    const float* v0 = v.in(simd, type(in[3]), from[3], at, k);
    simd->adamw32(p.out(type(out[0]), to[0], at), g0, m.out(type(out[1]), to[1], at),
                  v.out(type(out[2]), to[2], at), p0, m0, v0, k, step);
    p.flush(simd, type(out[0]), to[0], at, k);
    m.flush(simd, type(out[1]), to[1], at, k);
    v.flush(simd, type(out[2]), to[2], at, k);
  }
}

/* lr, beta1, beta2, eps and weight_decay at `s`, and the number of the step. */
AdamStep adam_step(const vd_tensor* s, const vd_tensor& step, bool decoupled) {
  const double b1 = value(s[1]), b2 = value(s[2]), n = value(step);
  return {value(s[0]),         b1,       b2, value(s[3]), value(s[4]), 1 - std::pow(b1, n),
          1 - std::pow(b2, n), decoupled};
}

/* Every parameter's step: the parts of all of them are one list of work. */
class AdamSteps final : public Kernel {
 public:
  AdamSteps(const vd_call& call, uint32_t caps)
      : Kernel(caps), decoupled_(sdk::attr_int(call, "decoupled", 1) != 0) {
    const int n = call.n_outputs / 3;
    ends_.reserve(size_t(n));
    for (int i = 0; i < n; ++i) {
      sizes_.push_back(sdk::numel(call.inputs[4 * i]));
      ends_.push_back((i ? ends_.back() : 0) + (sizes_.back() + kPart - 1) / kPart);
    }
    steps_.resize(size_t(n));
    double total = 0;
    for (int64_t size : sizes_) total += double(size);
    cost_ = 4 * total / double(std::max<int64_t>(1, ends_.back()));
  }

  vd_status run(Device& d, const vd_call& call, vd_err*) override {
    const int n = int(sizes_.size());
    const vd_tensor* numbers = call.inputs + 4 * n;
    for (int i = 0; i < n; ++i) steps_[size_t(i)] = adam_step(numbers, numbers[5 + i], decoupled_);
    d.pool.ranges(ends_.back(), cost_, 1, [&](int64_t b, int64_t e) {
      size_t i = size_t(std::upper_bound(ends_.begin(), ends_.end(), b) - ends_.begin());
      for (; b < e; ++i) {
        const int64_t start = i ? ends_[i - 1] : 0, last = std::min(e, ends_[i]);
        adamw(d.simd, call.inputs + 4 * i, call.outputs + 3 * i, (b - start) * kPart,
              std::min((last - start) * kPart, sizes_[i]), steps_[i]);
        b = last;
      }
    });
    return VD_OK;
  }

 private:
  bool decoupled_;
  std::vector<int64_t> sizes_, ends_;  // elements; parts up to and with this parameter
  double cost_;                        // of a part, on average
  std::vector<AdamStep> steps_;
};

vd_status make_adamw_steps(Device&, const vd_call& call, std::unique_ptr<Kernel>& kernel,
                           vd_err* err) {
  const int n = call.n_outputs / 3;
  if (n < 1 || call.n_outputs != 3 * n || call.n_inputs != 5 * n + 5)
    return fail(err, VD_INVALID, "%s takes p, g, m, v of each, 5 scalars and each step", call.op);
  for (int i = 0; i < n; ++i) {
    vd_call one = call;
    one.inputs += 4 * i, one.outputs += 3 * i;
    one.n_inputs = 4, one.n_outputs = 3;
    bool f64;
    if (!uniform(one, 4, f64))
      return unsupported(call, err, "it takes p, g, m, v of one size and floating point");
  }
  for (int i = 4 * n; i < call.n_inputs; ++i)
    if (sdk::numel(call.inputs[i]) != 1) return unsupported(call, err, "its numbers are scalars");
  kernel = std::make_unique<AdamSteps>(call, kPreferred | kInplace | kScalars);
  return VD_OK;
}

vd_status make_adamw(Device&, const vd_call& call, std::unique_ptr<Kernel>& kernel, vd_err* err) {
  bool f64;
  if (!arity(call, 10, 3) || !uniform(call, 4, f64))
    return unsupported(call, err, "it takes p, g, m, v of one size and floating point, 6 scalars");
  const bool decoupled = sdk::attr_int(call, "decoupled", 1) != 0;
  const int64_t n = sdk::numel(call.inputs[0]);
  return answer(kernel, kPreferred | kInplace | kScalars,
                [=](Device& d, const vd_call& c, vd_err*) {
                  const AdamStep step = adam_step(c.inputs + 4, c.inputs[9], decoupled);
                  d.pool.ranges(n, 4, kPart, [&](int64_t b, int64_t e) {
                    adamw(d.simd, c.inputs, c.outputs, b, e, step);
                  });
                  return VD_OK;
                });
}

vd_status make_sgd(Device&, const vd_call& call, std::unique_ptr<Kernel>& kernel, vd_err* err) {
  bool f64;
  if (call.n_inputs != 7 || !uniform(call, 3, f64))
    return unsupported(call, err, "it takes p, g, buf of one size and floating point, 4 scalars");
  const bool buffered = !sdk::absent(call.inputs[2]);
  if (call.n_outputs != 1 + int(buffered))
    return fail(err, VD_INVALID, "sgd_step gives %d outputs here, not %d", 1 + int(buffered),
                call.n_outputs);
  const bool nesterov = sdk::attr_int(call, "nesterov", 0) != 0;
  const bool first = sdk::attr_int(call, "first", 0) != 0;
  const int64_t n = sdk::numel(call.inputs[0]);
  return answer(
      kernel, kPreferred | kInplace | kScalars, [=](Device& d, const vd_call& c, vd_err*) {
        const SgdStep step{value(c.inputs[3]),
                           value(c.inputs[4]),
                           value(c.inputs[5]),
                           value(c.inputs[6]),
                           nesterov,
                           first,
                           buffered};
        d.pool.ranges(n, 2, kPart, [&](int64_t b, int64_t e) {
          if (f64) {
            d.simd->sgd64(out_ptr<double>(c, 0) + b, in_ptr<double>(c, 1) + b,
                          buffered ? out_ptr<double>(c, 1) + b : nullptr, in_ptr<double>(c, 0) + b,
                          buffered ? in_ptr<double>(c, 2) + b : nullptr, e - b, step);
            return;
          }
          Block p, g, m;
          for (int64_t at = b; at < e; at += kPart) {
            const int64_t k = std::min(kPart, e - at);
            const float* p0 = p.in(d.simd, in_type(c, 0), sdk::data(c.inputs[0]), at, k);
            const float* g0 = g.in(d.simd, in_type(c, 1), sdk::data(c.inputs[1]), at, k);
            const float* m0 = nullptr;
            float* m1 = nullptr;
            if (buffered) {
              m0 = m.in(d.simd, in_type(c, 2), sdk::data(c.inputs[2]), at, k);
              m1 = m.out(out_type(c, 1), out_ptr<char>(c, 1), at);
            }
            d.simd->sgd32(p.out(out_type(c, 0), out_ptr<char>(c, 0), at), g0, m1, p0, m0, k, step);
            p.flush(d.simd, out_type(c, 0), out_ptr<char>(c, 0), at, k);
            if (buffered) m.flush(d.simd, out_type(c, 1), out_ptr<char>(c, 1), at, k);
          }
        });
        return VD_OK;
      });
}

}  // namespace

void add_optim(sdk::Table<Make>& table) {
  table.add("adamw_step", make_adamw);
  table.add("adamw_steps", make_adamw_steps);
  table.add("sgd_step", make_sgd);
}

}  // namespace vob
