// adamw_step and sgd_step: one pass over parameters, gradient and state.
#include <algorithm>
#include <cmath>

#include "lines.h"

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

vd_status make_adamw(Device&, const vd_call& call, std::unique_ptr<Kernel>& kernel, vd_err* err) {
  bool f64;
  if (!arity(call, 10, 3) || !uniform(call, 4, f64))
    return unsupported(call, err, "it takes p, g, m, v of one size and floating point, 6 scalars");
  const bool decoupled = sdk::attr_int(call, "decoupled", 1) != 0;
  const int64_t n = sdk::numel(call.inputs[0]);
  bool plain = true;  // no halves: no blocks
  for (int i = 0; i < 4; ++i) plain &= !sdk::is_half(in_type(call, i));
  for (int i = 0; i < 3; ++i) plain &= !sdk::is_half(out_type(call, i));
  return answer(
      kernel, kPreferred | kInplace | kScalars, [=](Device& d, const vd_call& c, vd_err*) {
        double s[6];
        for (int i = 0; i < 6; ++i) s[i] = value(c.inputs[4 + i]);
        const AdamStep step{
            s[0],     s[1], s[2], s[3], s[4], 1 - std::pow(s[1], s[5]), 1 - std::pow(s[2], s[5]),
            decoupled};
        d.pool.ranges(n, 4, kPart, [&](int64_t b, int64_t e) {
          if (f64) {
            d.simd->adamw64(out_ptr<double>(c, 0) + b, in_ptr<double>(c, 1) + b,
                            out_ptr<double>(c, 1) + b, out_ptr<double>(c, 2) + b,
                            in_ptr<double>(c, 0) + b, in_ptr<double>(c, 2) + b,
                            in_ptr<double>(c, 3) + b, e - b, step);
          } else if (plain) {
            d.simd->adamw32(out_ptr<float>(c, 0) + b, in_ptr<float>(c, 1) + b,
                            out_ptr<float>(c, 1) + b, out_ptr<float>(c, 2) + b,
                            in_ptr<float>(c, 0) + b, in_ptr<float>(c, 2) + b,
                            in_ptr<float>(c, 3) + b, e - b, step);
          } else {
            Block p, g, m, v;
            for (int64_t at = b; at < e; at += kPart) {
              const int64_t k = std::min(kPart, e - at);
              const float* p0 = p.in(d.simd, in_type(c, 0), sdk::data(c.inputs[0]), at, k);
              const float* g0 = g.in(d.simd, in_type(c, 1), sdk::data(c.inputs[1]), at, k);
              const float* m0 = m.in(d.simd, in_type(c, 2), sdk::data(c.inputs[2]), at, k);
              const float* v0 = v.in(d.simd, in_type(c, 3), sdk::data(c.inputs[3]), at, k);
              d.simd->adamw32(p.out(out_type(c, 0), out_ptr<char>(c, 0), at), g0,
                              m.out(out_type(c, 1), out_ptr<char>(c, 1), at),
                              v.out(out_type(c, 2), out_ptr<char>(c, 2), at), p0, m0, v0, k, step);
              p.flush(d.simd, out_type(c, 0), out_ptr<char>(c, 0), at, k);
              m.flush(d.simd, out_type(c, 1), out_ptr<char>(c, 1), at, k);
              v.flush(d.simd, out_type(c, 2), out_ptr<char>(c, 2), at, k);
            }
          }
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
  table.add("sgd_step", make_sgd);
}

}  // namespace vob
