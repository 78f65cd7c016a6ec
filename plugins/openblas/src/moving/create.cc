// Tensors out of nothing: fill, arange, random_bits.
#include "base/common.h"
#include "base/layout.h"

namespace vob {
namespace {

vd_status make_fill(Device&, const vd_call& call, std::unique_ptr<Kernel>& kernel, vd_err* err) {
  if (!arity(call, 1, 1) || in_type(call, 0) != out_type(call) || sdk::numel(call.inputs[0]) != 1)
    return unsupported(call, err, "fill takes one value of the output's dtype");
  const int64_t n = sdk::numel(call.outputs[0]);
  const int bytes = sdk::size_of(out_type(call));
  return answer(kernel, kScalars, [n, bytes](Device& d, const vd_call& c, vd_err*) {
    with_size(bytes, [&](auto zero) {
      using T = decltype(zero);
      T value, *y = out_ptr<T>(c);
      std::memcpy(&value, sdk::data(c.inputs[0]), sizeof value);
      d.pool.ranges(n, double(bytes) / 8, 1024, [&](int64_t b, int64_t e) {
        for (int64_t i = b; i < e; ++i) y[i] = value;
      });
    });
    return VD_OK;
  });
}

/* The real value of a scalar input, wherever it is. */
vd_tensor as_scalar(const vd_tensor& t) {
  vd_tensor s = t;
  if (!sdk::scalar(t))
    std::memcpy(s.value.bytes, sdk::data(t), sdk::size_of(sdk::dtype_of(t.dtype)));
  return s;
}
int64_t int_value(const vd_tensor& t) {
  DType type = sdk::dtype_of(t.dtype);
  vd_tensor s = as_scalar(t);
  if (type == DType::I64 || type == DType::U64) return s.value.i64;
  return static_cast<int64_t>(sdk::scalar_value(s));
}

vd_status make_arange(Device&, const vd_call& call, std::unique_ptr<Kernel>& kernel, vd_err* err) {
  if (!arity(call, 2, 1)) return fail(err, VD_INVALID, "arange takes start and step");
  const int64_t n = sdk::numel(call.outputs[0]);
  const DType t = out_type(call);
  auto from = [](DType a) { return sdk::is_int(a) || a == DType::Bool; };
  const bool whole = sdk::is_int(t) && from(in_type(call, 0)) && from(in_type(call, 1));
  if (!sdk::is_int(t) && !sdk::is_float(t)) return unsupported(call, err, "arange is real");
  return answer(kernel, kScalars, [n, t, whole](Device& d, const vd_call& c, vd_err*) {
    const double start = sdk::scalar_value(as_scalar(c.inputs[0])),
                 step = sdk::scalar_value(as_scalar(c.inputs[1]));
    const int64_t first = int_value(c.inputs[0]), by = int_value(c.inputs[1]);
    auto write = [&](auto* y, auto round) {
      d.pool.ranges(n, 1, 1024, [&](int64_t b, int64_t e) {
        for (int64_t i = b; i < e; ++i) y[i] = round(start + double(i) * step);
      });
    };
    switch (t) {
      case DType::F16:
        write(out_ptr<uint16_t>(c), [](double v) { return sdk::float_to_f16(float(v)); });
        break;
      case DType::BF16:
        write(out_ptr<uint16_t>(c), [](double v) { return sdk::float_to_bf16(float(v)); });
        break;
      case DType::F32:
        write(out_ptr<float>(c), [](double v) { return float(v); });
        break;
      case DType::F64:
        write(out_ptr<double>(c), [](double v) { return v; });
        break;
      default:
        with_int(t, [&](auto zero) {
          using T = decltype(zero);
          T* y = out_ptr<T>(c);
          if (!whole) return write(y, [](double v) { return T(int64_t(v)); });
          d.pool.ranges(n, 1, 1024, [&](int64_t b, int64_t e) {
            for (int64_t i = b; i < e; ++i) y[i] = T(uint64_t(first) + uint64_t(i) * uint64_t(by));
          });
        });
    }
    return VD_OK;
  });
}

vd_status make_random(Device&, const vd_call& call, std::unique_ptr<Kernel>& kernel, vd_err* err) {
  if (!arity(call, 2, 1) || out_type(call) != DType::U32 || in_type(call, 0) != DType::I64 ||
      in_type(call, 1) != DType::I64)
    return unsupported(call, err, "random_bits takes int64 key and offset and gives uint32");
  const int64_t n = sdk::numel(call.outputs[0]);
  return answer(kernel, kScalars, [n](Device& d, const vd_call& c, vd_err*) {
    const uint64_t key = uint64_t(int_value(c.inputs[0])), at = uint64_t(int_value(c.inputs[1]));
    uint32_t* y = out_ptr<uint32_t>(c);
    d.pool.ranges(n / 4, 16, 64, [&](int64_t b, int64_t e) {
      d.simd->philox(y + 4 * b, key, at + uint64_t(b), e - b);
    });
    for (int64_t i = n / 4 * 4; i < n; ++i) y[i] = sdk::random_word(int64_t(key), int64_t(at), i);
    return VD_OK;
  });
}

}  // namespace

void add_create(sdk::Table<Make>& table) {
  table.add("fill", make_fill);
  table.add("arange", make_arange);
  table.add("random_bits", make_random);
}

}  // namespace vob
