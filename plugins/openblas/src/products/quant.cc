// quantized_linear and quantized_linears: weights in groups of 8- or 4-bit integers.
#include "products/quant.h"

#include <algorithm>

#include "products/gemm_packed.h"

namespace vob {
namespace {

constexpr int64_t kWide = 256;  // rows of weights widened at one time

/* The weights of a product as bfloat16. */
class Rounded final : public Panels<uint16_t> {
 public:
  Rounded(const Device& d, const IntProduct& p) : d_(d), p_(p) {}
  void pack(uint32_t* to, int64_t, int64_t k0, int64_t k, int64_t j, int64_t n) const override {
    const IntShape& s = p_.shape();
    d_.bf16->pack_ints(to, p_.from(j), s.bits, s.k, k0, k, n);
  }

 private:
  const Device& d_;
  const IntProduct& p_;
};

/* n rows of weights from i on, which begins a block, as float32. */
void widen(Device& d, const IntProduct& p, float* to, int64_t i, int64_t n, float* own) {
  const QuantLoops& loops = *d.simd->quant;
  const IntShape& s = p.shape();
  const int64_t groups = s.groups();
  const float* scale = p.widened(d, IntProduct::kScale, i, n, own);
  const float* zero = p.widened(d, IntProduct::kZero, i, n, own + kBlockRows * groups);
  const auto row = s.bits == 8 ? loops.widen8 : loops.widen4;
  for (int64_t j = 0; j < n; ++j, to += s.k) row(to, p.weights(i), j, n, scale, zero, s.k, s.group);
}

/* Many rows of x by OpenBLAS, with some rows of the weights as float32 at a time. */
bool by_blas(Device& d, const IntProduct& p, const vd_call& call) {
  const IntShape& s = p.shape();
  float* buf = nullptr;
  if (s.type != DType::F32) {
    buf = static_cast<float*>(d.scratch.get(size_t(s.rows * s.k) * 4));
    if (!buf) return false;
  }
  const float* x = s.x(d, call, buf);
  const int64_t share = std::clamp<int64_t>(p.n() / (4 * d.pool.threads()), 1, kWide);
  const int64_t step = (share + kBlockRows - 1) / kBlockRows * kBlockRows;
  std::atomic<bool> no_memory{false};
  d.pool.each((p.n() + step - 1) / step, [&](int64_t u) {
    const int64_t first = u * step, n = std::min(step, p.n() - first);
    const int64_t room = 2 * kBlockRows * s.groups();
    float* w =
        static_cast<float*>(thread_scratch(1, size_t(step * s.k + room + s.rows * step) * 4));
    if (!w) {
      no_memory = true;
      return;
    }
    float *scales = w + step * s.k, *y = scales + room;
    for (int64_t i = 0; i < n; i += kBlockRows)
      widen(d, p, w + i * s.k, first + i, std::min(kBlockRows, n - i), scales);
    d.blas.sgemm(kRowMajor, kNoTrans, kTrans, int(s.rows), int(n), int(s.k), 1.f, x, int(s.k), w,
                 int(s.k), 0.f, y, int(n));
    for (int64_t r = 0; r < s.rows; ++r) p.put(d, r, first, y + r * n, n);
  });
  return !no_memory;
}

class QuantLinear final : public Kernel {
 public:
  explicit QuantLinear(const IntShape& s) : Kernel(kPreferred), s_(s) {}

  vd_status run(Device& d, const vd_call& call, vd_err* err) override {
    if (!s_.rows) return VD_OK;
    bool done = true;
    if (s_.few(d))
      done = few_int_rows(d, s_, call);
    else
      for (int i = 0; i < s_.products; ++i) done = done && many(d, IntProduct(s_, call, i), call);
    return done ? VD_OK : fail(err, VD_OOM, "%s: no memory for a block of weights", call.op);
  }

 private:
  bool many(Device& d, const IntProduct& p, const vd_call& call) const {
    if (!p.n()) return true;
    if (!s_.by_bf16(d)) return by_blas(d, p, call);
    return gemm_packed(d, d.bf16->gemm, {s_.rows, p.n(), s_.k, 1}, {p.half_result(), p.half_bias()},
                       in_ptr<uint16_t>(call, 0), {s_.rows, s_.k, s_.k, 1, {}}, Rounded(d, p));
  }

  IntShape s_;
};

bool fits(const vd_call& call, const IntShape& s, int which) {
  const vd_tensor* in = call.inputs + 1 + 4 * which;
  const vd_tensor &w = in[IntProduct::kWeight], &zero = in[IntProduct::kZero],
                  &bias = in[IntProduct::kBias];
  const auto type = [](const vd_tensor& t) { return sdk::dtype_of(t.dtype); };
  return w.ndim == 2 && w.shape[1] * 8 == s.k * s.bits && w.shape[0] <= 0x7fffffff &&
         type(w) == (s.bits == 8 ? DType::I8 : DType::U8) &&
         type(in[IntProduct::kScale]) == s.scale_type &&
         (sdk::absent(zero) || type(zero) == s.scale_type) &&
         (sdk::absent(bias) || type(bias) == s.type) && out_type(call, which) == s.type;
}

vd_status make_quantized_linears(Device& d, const vd_call& call, std::unique_ptr<Kernel>& kernel,
                                 vd_err* err) {
  auto narrow = [](DType t) { return t == DType::F32 || sdk::is_half(t); };
  if (call.n_outputs < 1 || !arity(call, 1 + 4 * call.n_outputs, call.n_outputs) ||
      !narrow(in_type(call, 0)) || !narrow(in_type(call, 2)) || !call.inputs[0].ndim)
    return unsupported(call, err, "it takes x and scales of float32 or 16-bit floats");
  const vd_tensor& x = call.inputs[0];
  IntShape s{in_type(call, 0),
             in_type(call, 2),
             1,
             x.shape[x.ndim - 1],
             sdk::attr_int(call, "group", 32),
             int(sdk::attr_int(call, "bits", 8)),
             call.n_outputs};
  for (int i = 0; i < x.ndim - 1; ++i) s.rows *= x.shape[i];
  bool good = (s.bits == 8 || s.bits == 4) && (s.group == 32 || s.group % 64 == 0) && s.group > 0 &&
              s.group <= kMostGroup && s.k > 0 && s.k % 64 == 0 && s.k % s.group == 0;
  for (int i = 0; i < s.products; ++i) good = good && fits(call, s, i);
  if (!good)
    return unsupported(call, err, "it takes 8 or 4 bits and sizes that are multiples of 64");
  if (s.rows > 0x7fffffff) return unsupported(call, err, "OpenBLAS counts in 32 bits");
  if (s.products > 1 && !s.few(d))
    return unsupported(call, err, "many rows gain nothing by products that wait for each other");
  kernel = std::make_unique<QuantLinear>(s);
  return VD_OK;
}

}  // namespace

void add_quant(sdk::Table<Make>& table) {
  table.add("quantized_linear", make_quantized_linears);
  table.add("quantized_linears", make_quantized_linears);
}

}  // namespace vob
