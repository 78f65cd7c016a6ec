// `rope`: rotary position embedding, row by row; cos and sin are read where
// they lie, and the result may lie in another order than x.
#include <algorithm>

#include "base/common.h"
#include "bf16/kernels.h"

namespace vob {
namespace {

constexpr int64_t kMostPairs = 512;  // of one row, for the buffers of the 16-bit floats

struct Operand {
  DType type;
  int bytes;
  int64_t stride[VD_MAX_NDIM];  // over the dims of x before the last; 0 where
                                // repeated
  int64_t inner;                // of the last dim
};

struct Rope {
  Operand x, cos, sin, out;
  int dims = 0;  // of x, without the last
  int64_t size[VD_MAX_NDIM], rows = 1, length, half;
  bool interleaved;

  /* n numbers of a row as float32: the tensor itself where it can be. */
  static const float* row(const Simd* simd, const Operand& o, const char* base, int64_t n,
                          float* buffer) {
    if (o.type == DType::F32 && o.inner == 1) return reinterpret_cast<const float*>(base);
    if (o.type == DType::F32) {
      for (int64_t i = 0; i < n; ++i) buffer[i] = reinterpret_cast<const float*>(base)[i * o.inner];
      return buffer;
    }
    const uint16_t* narrow = reinterpret_cast<const uint16_t*>(base);
    uint16_t packed[2 * kMostPairs];
    if (o.inner != 1) {
      for (int64_t i = 0; i < n; ++i) packed[i] = narrow[i * o.inner];
      narrow = packed;
    }
    (o.type == DType::BF16 ? simd->bf16_to_f32 : simd->f16_to_f32)(buffer, narrow, n);
    return buffer;
  }

  /* Do rows of bfloat16 and tables of float32 lie as they are read? */
  bool straight() const {
    return x.type == DType::BF16 && !interleaved && x.inner == 1 && cos.type == DType::F32 &&
           cos.inner == 1 && sin.type == DType::F32 && sin.inner == 1;
  }

  void run(const Device& d, char* y, const char* const* in, int64_t begin, int64_t end) const {
    const Simd* simd = d.simd;
    const auto turn = d.bf16 && straight() ? d.bf16->rope : nullptr;
    const int64_t ahead = dims ? 4 * out.stride[dims - 1] * x.bytes : 0;
    int64_t index[VD_MAX_NDIM], rest = begin;
    const Operand* ops[] = {&x, &cos, &sin, &out};
    int64_t at[4] = {0, 0, 0, 0};
    for (int d = dims - 1; d >= 0; --d) {
      index[d] = rest % size[d];
      rest /= size[d];
      for (int k = 0; k < 4; ++k) at[k] += index[d] * ops[k]->stride[d];
    }
    alignas(64) float buffer[4][2 * kMostPairs];
    for (int64_t r = begin; r < end; ++r) {
      const char* px = in[0] + at[0] * x.bytes;
      const float* c = row(simd, cos, in[1] + at[1] * cos.bytes, half, buffer[1]);
      const float* s = row(simd, sin, in[2] + at[2] * sin.bytes, half, buffer[2]);
      char* py = y + at[3] * x.bytes;
      const float* a = turn ? nullptr : row(simd, x, px, 2 * half, buffer[0]);
      for (int64_t i = 0; i < length * x.bytes; i += 64) __builtin_prefetch(py + ahead + i, 1);
      if (turn) {
        turn(reinterpret_cast<uint16_t*>(py), reinterpret_cast<const uint16_t*>(px), c, s, half);
      } else if (x.type == DType::F32) {
        simd->rope32(reinterpret_cast<float*>(py), a, c, s, half, interleaved);
      } else {
        simd->rope32(buffer[3], a, c, s, half, interleaved);
        (x.type == DType::BF16 ? simd->f32_to_bf16 : simd->f32_to_f16)(
            reinterpret_cast<uint16_t*>(py), buffer[3], 2 * half);
      }
      const int64_t tail = length - 2 * half;
      if (tail > 0 && x.inner == 1) {
        std::memmove(py + 2 * half * x.bytes, px + 2 * half * x.bytes, size_t(tail * x.bytes));
      } else {
        for (int64_t i = 2 * half; i < length; ++i)
          std::memcpy(py + i * x.bytes, px + i * x.inner * x.bytes, size_t(x.bytes));
      }
      for (int d = dims - 1; d >= 0; --d) {
        for (int k = 0; k < 4; ++k) at[k] += ops[k]->stride[d];
        if (++index[d] < size[d]) break;
        for (int k = 0; k < 4; ++k) at[k] -= size[d] * ops[k]->stride[d];
        index[d] = 0;
      }
    }
  }
};

/* t's strides over x's leading dims; false if it does not broadcast to them. */
bool strides_over(const vd_tensor& x, const vd_tensor& t, Operand& o) {
  if (t.ndim < 1 || t.ndim > x.ndim) return false;
  o.inner = t.strides[t.ndim - 1];
  for (int d = 0; d < x.ndim - 1; ++d) {
    const int k = d - (x.ndim - t.ndim);
    o.stride[d] = k < 0 || t.shape[k] == 1 ? 0 : t.strides[k];
    if (k >= 0 && t.shape[k] != 1 && t.shape[k] != x.shape[d]) return false;
  }
  return true;
}

vd_status make(Device&, const vd_call& call, std::unique_ptr<Kernel>& kernel, vd_err* err) {
  if (!arity(call, 3, 1)) return fail(err, VD_INVALID, "rope takes x, cos, sin and gives 1 output");
  const vd_tensor &x = call.inputs[0], &cos = call.inputs[1], &sin = call.inputs[2];
  Rope p;
  Operand* ops[] = {&p.x, &p.cos, &p.sin};
  for (int i = 0; i < 3; ++i) {
    ops[i]->type = in_type(call, i);
    ops[i]->bytes = sdk::size_of(ops[i]->type);
    if (ops[i]->type != DType::F32 && !sdk::is_half(ops[i]->type))
      return unsupported(call, err, "it is for float32, bfloat16 and float16");
    if (!strides_over(x, call.inputs[i], *ops[i]))
      return fail(err, VD_INVALID, "rope: input %d does not broadcast to x", i);
  }
  p.half = cos.shape[cos.ndim - 1];
  p.length = x.shape[x.ndim - 1];
  p.interleaved = sdk::attr_int(call, "interleaved", 0);
  if (sin.shape[sin.ndim - 1] != p.half || 2 * p.half > p.length ||
      !sdk::same_shape(x, call.outputs[0]) || out_type(call) != p.x.type)
    return fail(err, VD_INVALID, "rope: cos and sin have half the last size of x at most");
  if (p.half > kMostPairs) return unsupported(call, err, "rows are too long");
  for (p.dims = 0; p.dims < x.ndim - 1; ++p.dims) p.rows *= p.size[p.dims] = x.shape[p.dims];
  if (!strides_over(x, call.outputs[0], p.out) || (p.out.inner != 1 && p.rows && p.length > 1))
    return unsupported(call, err, "the rows of its result are dense");
  return answer(kernel, kStrided | kStridedOut | kInplace | kPreferred,
                [p](Device& d, const vd_call& c, vd_err*) {
                  if (p.rows * p.length == 0) return VD_OK;
                  const char* in[] = {in_ptr<char>(c, 0), in_ptr<char>(c, 1), in_ptr<char>(c, 2)};
                  const double cost = double(p.length) * (p.x.bytes == 2 ? 2 : 1);
                  d.pool.ranges(p.rows, cost, 1, [&](int64_t b, int64_t e) {
                    p.run(d, out_ptr<char>(c), in, b, e);
                  });
                  return VD_OK;
                });
}

}  // namespace

void add_rope(sdk::Table<Make>& table) { table.add("rope", make); }

}  // namespace vob
