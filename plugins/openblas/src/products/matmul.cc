// `matmul` and `linear`: operands are brought into a shape that gemm can read, mostly by doing
// nothing.  The 16-bit floats are widened to float32 first, so they accumulate there.
#include <algorithm>
#include <complex>

#include "base/lines.h"
#include "bf16/kernels.h"
#include "moving/copy.h"
#include "products/gemm.h"
#include "products/gemm_packed.h"
#include "products/kept_panels.h"
#include "products/products.h"

namespace vob {
namespace {

constexpr int64_t kLeastKept = 2;  // rows: one reads weights as fast as they lie

/* One operand: how it lies in the tensor, and how it is handed to gemm. */
struct Operand {
  DType type;
  Matrices m;  // as gemm sees it
  bool widen = false, pack = false;
  bool in_place = false;  // widened in the order of memory, strides kept
  int64_t count = 0;      // elements to prepare
  Layout source;          // the walk that packs it
  CopyPlan copy;
};

/* All of its distinct elements fill one stretch of memory. */
bool fills_memory(const Layout& l) {
  int64_t size[VD_MAX_NDIM], stride[VD_MAX_NDIM], want = 1;
  int nd = 0;
  for (int i = 0; i < l.nd; ++i)
    if (l.size[i] != 1 && l.stride[i] != 0) size[nd] = l.size[i], stride[nd++] = l.stride[i];
  for (int found = 0; found < nd; ++found) {
    int i = 0;
    while (i < nd && stride[i] != want) ++i;
    if (i == nd) return false;
    want *= size[i];
    stride[i] = -1;
  }
  return true;
}

Operand prepare(DType type, const Matrices& m, bool widen) {
  Operand o;
  o.type = type;
  o.m = m;
  o.widen = widen;
  bool transposed;
  int64_t ld;
  Layout all = m.batch;  // distinct matrices only, then rows and columns
  for (int i = 0; i < all.nd; ++i)
    if (all.stride[i] == 0) all.size[i] = 1;
  all.push(m.rows, m.s0);
  all.push(m.cols, m.s1);
  o.count = all.numel();
  if (blas_layout(m, transposed, ld) && (!o.widen || fills_memory(all))) {
    o.in_place = o.widen;
    return o;
  }
  o.pack = true;
  o.source = all;
  int64_t packed[VD_MAX_NDIM], s = m.rows * m.cols;
  packed[all.nd - 1] = 1;
  packed[all.nd - 2] = m.cols;
  for (int i = all.nd - 3; i >= 0; --i) {
    packed[i] = s;
    s *= all.size[i];
    o.m.batch.stride[i] = m.batch.stride[i] ? packed[i] : 0;
  }
  o.m.s0 = m.cols;
  o.m.s1 = 1;
  o.copy = CopyPlan(all.nd, all.size, packed, all.stride, sdk::size_of(type));
  return o;
}

template <class T>
class MatMul final : public Kernel {
 public:
  MatMul(uint32_t caps, DType type, const GemmShape& s, const Matrices& a, const Matrices& b,
         bool bias, bool native, bool keeps)
      : Kernel(caps),
        s_(s),
        a_(prepare(type, a, sdk::is_half(type) && !native)),
        b_(prepare(type, b, sdk::is_half(type) && !native)),
        type_(type),
        half_(sdk::is_half(type)),
        native_(native),
        bias_(bias),
        keeps_(keeps && !a_.pack && !b_.pack) {
    // a product with one vector reads the halves of the matrix only once: no need to widen it
    if (half_ && s.batch == 1 && (s.m == 1 || s.n == 1)) {
      const bool row = s.m == 1;
      vector_ = (row ? b.s0 : a.s1) == 1 && s.k > 0;
      vector_step_ = row ? a.s1 : b.s0;  // as the tensors lie, not as gemm would get them
      matrix_step_ = row ? b.s1 : a.s0;
    }
  }

  vd_status run(Device& d, const vd_call& call, vd_err* err) override {
    const int64_t out = s_.batch * s_.m * s_.n;
    if (out == 0) return VD_OK;
    if (s_.k == 0 && !bias_) {
      std::memset(out_ptr<char>(call), 0, size_t(out) * size_t(sdk::size_of(type_)));
      return VD_OK;
    }
    if constexpr (std::is_same_v<T, float>) {
      if (vector_) return vector(d, call, err);
      if (native_) return native(d, call, err);
      if (keeps_ && !half_ && packed(d, call)) return VD_OK;
    }
    size_t need = 0;
    auto reserve = [&](bool wanted, int64_t n) {
      size_t at = need;
      if (wanted) need += (size_t(n) * sizeof(T) + 63) / 64 * 64;
      return at;
    };
    const size_t a_at = reserve(a_.pack || a_.in_place, a_.count);
    const size_t b_at = reserve(b_.pack || b_.in_place, b_.count);
    const size_t c_at = reserve(half_, out), bias_at = reserve(half_ && bias_, s_.n);
    const size_t half_at = reserve(half_, (std::max(a_.count, b_.count) + 1) / 2);
    char* mem = nullptr;
    if (need) {
      mem = static_cast<char*>(d.scratch.get(need));
      if (!mem)
        return fail(err, VD_OOM, "%s: no memory for %zu bytes of packed operands", call.op, need);
    }
    const T* a = operand(d, a_, sdk::data(call.inputs[0]), mem + a_at, mem + half_at);
    const T* b = operand(d, b_, sdk::data(call.inputs[1]), mem + b_at, mem + half_at);
    T* c = half_ ? reinterpret_cast<T*>(mem + c_at) : out_ptr<T>(call);
    const T* bias = bias_ ? in_ptr<T>(call, 2) : nullptr;
    if constexpr (std::is_same_v<T, float>) {
      if (half_ && bias_) {
        to_float(d.simd, type_, reinterpret_cast<T*>(mem + bias_at), bias, s_.n);
        bias = reinterpret_cast<T*>(mem + bias_at);
      }
    }
    gemm(d, s_, c, a, a_.m, b, b_.m, bias);
    if constexpr (std::is_same_v<T, float>) {
      if (half_)
        d.pool.ranges(out, 1, 1024, [&](int64_t x, int64_t y) {
          from_float(d.simd, type_, out_ptr<uint16_t>(call) + x, c + x, y - x);
        });
    }
    return VD_OK;
  }

 private:
  const T* operand(Device& d, const Operand& o, const void* from, char* to, char* half) const {
    if (!o.pack && !o.in_place) return static_cast<const T*>(from);
    T* wide = reinterpret_cast<T*>(to);
    if (o.pack) {
      o.copy.run(d, o.widen ? half : to, from);
      if (!o.widen) return wide;
      from = half;
    }
    if constexpr (std::is_same_v<T, float>)
      d.pool.ranges(o.count, 1, 1024, [&](int64_t b, int64_t e) {
        to_float(d.simd, o.type, wide + b, static_cast<const uint16_t*>(from) + b, e - b);
      });
    return wide;
  }

  /* bfloat16 on a CPU that multiplies it: nothing is widened. */
  vd_status native(Device& d, const vd_call& call, vd_err* err) {
    const uint16_t* p[2];
    for (int i = 0; i < 2; ++i) {
      const Operand& o = i ? b_ : a_;
      p[i] = in_ptr<uint16_t>(call, i);
      if (!o.pack) continue;
      void* to = packed_[i].get(size_t(o.count) * 2);
      if (!to) return fail(err, VD_OOM, "%s: no memory to pack an operand", call.op);
      o.copy.run(d, to, p[i]);
      p[i] = static_cast<uint16_t*>(to);
    }
    const uint16_t* bias = bias_ ? in_ptr<uint16_t>(call, 2) : nullptr;
    if (keeps_)
      if (const auto* panels = kept_halves_.of(d, d.bf16->gemm, p[1], b_.m))
        if (gemm_packed(d, d.bf16->gemm, s_, {out_ptr<uint16_t>(call), bias}, p[0], a_.m, *panels))
          return VD_OK;
    if (!gemm_packed(d, d.bf16->gemm, s_, {out_ptr<uint16_t>(call), bias}, p[0], a_.m, p[1], b_.m))
      return fail(err, VD_OOM, "%s: no memory to pack an operand", call.op);
    return VD_OK;
  }

  /* float32 times weights that are packed once. */
  bool packed(Device& d, const vd_call& call) {
    const auto* panels = kept_floats_.of(d, *d.simd->gemm32, in_ptr<float>(call, 1), b_.m);
    const float* bias = bias_ ? in_ptr<float>(call, 2) : nullptr;
    return panels && gemm_packed(d, *d.simd->gemm32, s_, {out_ptr<float>(call), bias},
                                 in_ptr<float>(call, 0), a_.m, *panels);
  }

  vd_status vector(Device& d, const vd_call& call, vd_err* err) const {
    const bool row = s_.m == 1;
    const int64_t n = row ? s_.n : s_.m, k = s_.k;
    const int64_t sx = vector_step_, stride = matrix_step_;
    float* wide = static_cast<float*>(d.scratch.get(size_t(k + 2 * n) * 4 + 64));
    if (!wide) return fail(err, VD_OOM, "%s: no memory for a vector", call.op);
    float *y = wide + k, *bias = y + n;
    const uint16_t *v = in_ptr<uint16_t>(call, row ? 0 : 1),
                   *w = in_ptr<uint16_t>(call, row ? 1 : 0);
    const bool bf16 = type_ == DType::BF16;
    for (int64_t p = 0; p < k; ++p)
      wide[p] = bf16 ? sdk::bf16_to_float(v[p * sx]) : sdk::f16_to_float(v[p * sx]);
    if (bias_) to_float(d.simd, type_, bias, in_ptr<uint16_t>(call, 2), row ? n : 1);
    d.pool.ranges(n, double(k) / 2, 16, [&](int64_t b, int64_t e) {
      (bf16 ? d.simd->dot_rows_bf16 : d.simd->dot_rows_f16)(y + b, 1, w + b * stride, stride, wide,
                                                            e - b, k);
      if (bias_)
        for (int64_t j = b; j < e; ++j) y[j] += bias[row ? j : 0];
      from_float(d.simd, type_, out_ptr<uint16_t>(call) + b, y + b, e - b);
    });
    return VD_OK;
  }

  GemmShape s_;
  Operand a_, b_;
  DType type_;
  bool half_, native_, bias_, vector_ = false, keeps_;
  KeptPanels<uint16_t> kept_halves_;
  KeptPanels<float> kept_floats_;
  mutable Scratch packed_[2];
  int64_t vector_step_ = 0, matrix_step_ = 0;
};

vd_status finish(Device& d, const vd_call& call, uint32_t caps, const GemmShape& s,
                 const Matrices& a, const Matrices& b, bool bias, std::unique_ptr<Kernel>& kernel,
                 vd_err* err) {
  if (s.m > 0x7fffffff || s.n > 0x7fffffff || s.k > 0x7fffffff)
    return unsupported(call, err, "OpenBLAS counts in 32 bits");
  const DType t = in_type(call, 0);
  // A single row or column may have any strides; packing needs one of the two to be 1.
  const auto packs = [](const Matrices& x) { return x.s0 == 1 || x.s1 == 1; };
  const bool native = t == DType::BF16 && d.bf16 && s.k > 0 && packs(a) && packs(b);
  const bool tiles = native || (t == DType::F32 && d.simd->gemm32 && packs(a) && packs(b));
  const bool keeps = tiles && s.batch == 1 && s.m >= kLeastKept && keeps_panels(call);
  if (!keeps && (kernel = few_rows_product(d, caps, t, s, a, b, bias))) return VD_OK;
  switch (t) {
    case DType::F16:
    case DType::BF16:
    case DType::F32:
      kernel = std::make_unique<MatMul<float>>(caps, t, s, a, b, bias, native, keeps);
      break;
    case DType::F64:
      kernel = std::make_unique<MatMul<double>>(caps, t, s, a, b, bias, false, keeps);
      break;
    case DType::C64:
      kernel = std::make_unique<MatMul<std::complex<float>>>(caps, t, s, a, b, bias, false, keeps);
      break;
    case DType::C128:
      kernel = std::make_unique<MatMul<std::complex<double>>>(caps, t, s, a, b, bias, false, keeps);
      break;
    default:
      kernel = int_product(t, s, a, b);
      if (!kernel) return unsupported(call, err, "the op has no meaning for this dtype");
  }
  return VD_OK;
}

vd_status make_matmul(Device& d, const vd_call& call, std::unique_ptr<Kernel>& kernel,
                      vd_err* err) {
  if (!arity(call, 2, 1) || in_type(call, 1) != in_type(call, 0) ||
      out_type(call) != in_type(call, 0))
    return unsupported(call, err, "it takes two tensors of one dtype");
  GemmShape s;
  Matrices am, bm;
  if (vd_status bad = product_shape(call, s, am, bm, err)) return bad;
  return finish(d, call, kStrided | kPreferred, s, am, bm, false, kernel, err);
}

vd_status make_linear(Device& d, const vd_call& call, std::unique_ptr<Kernel>& kernel,
                      vd_err* err) {
  if (!arity(call, 3, 1) || in_type(call, 1) != in_type(call, 0) ||
      out_type(call) != in_type(call, 0) || sdk::is_int(in_type(call, 0)) ||
      in_type(call, 0) == DType::Bool)
    return unsupported(call, err, "it takes x, weight and bias of one floating-point dtype");
  const vd_tensor &x = call.inputs[0], &w = call.inputs[1], &b = call.inputs[2];
  const bool bias = !sdk::absent(b);
  if (x.ndim < 1 || w.ndim != 2 || w.shape[1] != x.shape[x.ndim - 1] ||
      (bias && (b.ndim != 1 || b.shape[0] != w.shape[0])))
    return fail(err, VD_INVALID, "linear: shapes must be x [..., K], weight [N, K], bias [N]");
  const int nd = x.ndim;
  GemmShape s{1, w.shape[0], w.shape[1], 1};
  Layout lead;
  for (int i = 0; i < nd - 1; ++i) {
    s.m *= x.shape[i];
    if (x.shape[i] != 1) lead.push(x.shape[i], x.strides[i]);
  }
  lead = merged(lead);
  // rows a fixed step apart, or the tensor is asked for contiguous
  const bool strided = lead.nd <= 1 && (!bias || b.strides[0] == 1 || b.shape[0] == 1);
  Matrices xm{s.m, s.k, s.k, 1, {}}, wm{s.k, s.n, 1, s.k, {}};
  if (strided) {
    xm.s0 = lead.nd ? lead.stride[0] : s.k;
    xm.s1 = x.strides[nd - 1];
    wm.s0 = w.strides[1];
    wm.s1 = w.strides[0];
  }
  return finish(d, call, kPreferred | (strided ? kStrided : 0), s, xm, wm, bias, kernel, err);
}

}  // namespace

void add_matmul(sdk::Table<Make>& table) {
  table.add("matmul", make_matmul);
  table.add("linear", make_linear);
  table.add("linears", make_linears);
  table.add("matmul_accumulate", make_matmul_accumulate);
  table.add("matmul_sum", make_matmul_sum);
}

}  // namespace vob
