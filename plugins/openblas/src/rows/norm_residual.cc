// A norm with the residual's sum before it, or the residual's gradient after it, and the rounding
// of the result: a row is in the first cache while all of that happens.
#include <algorithm>

#include "rows/rows.h"

namespace vob {
namespace {

/* A vector of C weights as float32, converted into buf if it is of halves; nullptr if absent. */
const float* weights(const Simd* s, const vd_tensor& w, int64_t n, float* buf) {
  if (sdk::absent(w)) return nullptr;
  const DType t = sdk::dtype_of(w.dtype);
  if (!sdk::is_half(t)) return static_cast<const float*>(sdk::data(w));
  to_float(s, t, buf, sdk::data(w), n);
  return buf;
}

/* A row of float32 as one of `t`, or nothing to do where it was made there. */
void put(const Simd* s, DType t, void* base, int64_t at, const float* row, int64_t n) {
  if (sdk::is_half(t))
    from_float(s, t, static_cast<uint16_t*>(base) + at, row, n);
  else if (static_cast<float*>(base) + at != row)
    std::memcpy(static_cast<float*>(base) + at, row, size_t(n) * 4);
}

bool narrow_float(DType t) { return t == DType::F32 || sdk::is_half(t); }

class ResidualNorm final : public Kernel {
 public:
  ResidualNorm(const vd_call& call, bool layer, uint32_t caps)
      : Kernel(caps),
        layer_(layer),
        summed_(!sdk::absent(call.inputs[1])),
        type_(in_type(call, 0)),
        to_(out_type(call, summed_)),
        x_(call.inputs[0], caps & kStrided),
        eps_(sdk::attr_float(call, "eps", 1e-5)) {
    if (summed_) residual_ = Rows(call.inputs[1], caps & kStrided);
  }

  vd_status run(Device& d, const vd_call& call, vd_err* err) override {
    const int64_t n = x_.n();
    if (n == 0 || x_.rows() == 0) return VD_OK;
    float* shared = static_cast<float*>(d.scratch.get(size_t(n) * 8));
    if (!shared) return fail(err, VD_OOM, "%s: no memory for weights", call.op);
    const float* w = weights(d.simd, call.inputs[2], n, shared);
    const float* b = layer_ ? weights(d.simd, call.inputs[3], n, shared + n) : nullptr;
    std::atomic<bool> no_memory{false};
    d.pool.ranges(x_.rows(), double(n) * 3, 1, [&](int64_t first, int64_t last) {
      float* buf = static_cast<float*>(thread_scratch(0, size_t(n) * 12));
      if (!buf) {
        no_memory = true;
        return;
      }
      for (int64_t r = first; r < last; ++r) {
        const float* row = x_.get(d.simd, sdk::data(call.inputs[0]), r, buf);
        if (summed_) row = sum(d, call, r, row, buf);
        float* to = sdk::is_half(to_) ? buf + 2 * n : out_ptr<float>(call, summed_) + r * n;
        layer_ ? d.simd->layer_norm32(to, row, w, b, n, eps_)
               : d.simd->rms_norm32(to, row, w, n, eps_);
        put(d.simd, to_, out_ptr<void>(call, summed_), r * n, to, n);
      }
    });
    return no_memory ? fail(err, VD_OOM, "%s: no memory for a row", call.op) : VD_OK;
  }

 private:
  /* The first result, as it is rounded there. */
  const float* sum(Device& d, const vd_call& call, int64_t r, const float* row, float* buf) const {
    const int64_t n = x_.n();
    const float* other = residual_.get(d.simd, sdk::data(call.inputs[1]), r, buf + n);
    float* to = sdk::is_half(type_) ? buf : out_ptr<float>(call) + r * n;
    d.simd->sum_rows32(to, row, other, n);
    if (!sdk::is_half(type_)) return to;
    put(d.simd, type_, out_ptr<void>(call), r * n, to, n);
    to_float(d.simd, type_, buf, out_ptr<uint16_t>(call) + r * n, n);
    return buf;
  }

  bool layer_, summed_;
  DType type_, to_;
  Rows x_, residual_;
  double eps_;
};

/* dx with what is added to it, and the weights' gradients summed in a fixed number of parts. */
class ResidualNormBackward final : public Kernel {
 public:
  ResidualNormBackward(const vd_call& call, bool layer, uint32_t caps)
      : Kernel(caps),
        layer_(layer),
        type_(in_type(call, 0)),
        g_(call.inputs[0], caps & kStrided),
        x_(call.inputs[1], caps & kStrided),
        residual_(call.inputs[3], caps & kStrided),
        eps_(sdk::attr_float(call, "eps", 1e-5)) {
    sums_ = sdk::absent(call.inputs[2]) ? 0 : layer ? 2 : 1;
    if (call.n_outputs == 2 + sums_) narrow_ = 1 + sums_;
    parts_ = std::clamp<int64_t>(x_.rows() * x_.n() / 16384, 1, 32);
    parts_ = std::min(parts_, std::max<int64_t>(1, x_.rows()));
  }

  vd_status run(Device& d, const vd_call& call, vd_err* err) override {
    const int64_t n = x_.n(), rows = x_.rows();
    float* mem = static_cast<float*>(d.scratch.get(size_t(n) * size_t(parts_ * sums_ + 1) * 4));
    if (!mem && n) return fail(err, VD_OOM, "%s: no memory for partial sums", call.op);
    float* partial = mem + n;
    const float* w = n ? weights(d.simd, call.inputs[2], n, mem) : nullptr;
    std::fill_n(partial, n * parts_ * sums_, 0.f);
    std::atomic<bool> no_memory{false};
    auto part = [&](int64_t p) {
      const int64_t step = (rows + parts_ - 1) / parts_;
      const int64_t first = std::min(p * step, rows), last = std::min(first + step, rows);
      float* buf = static_cast<float*>(thread_scratch(0, size_t(n) * 16));
      if (!buf) {
        no_memory = true;
        return;
      }
      float *dw = sums_ ? partial + p * sums_ * n : nullptr, *db = sums_ > 1 ? dw + n : nullptr;
      for (int64_t r = first; r < last; ++r) row(d, call, r, w, dw, db, buf);
    };
    if (n && rows) {
      if (rows * n < 16384)
        for (int64_t p = 0; p < parts_; ++p) part(p);
      else
        d.pool.each(parts_, part);
    }
    for (int k = 0; k < sums_; ++k) {
      for (int64_t p = 1; p < parts_; ++p)
        d.simd->sum_rows32(partial + k * n, partial + k * n, partial + (p * sums_ + k) * n, n);
      put(d.simd, type_, out_ptr<void>(call, 1 + k), 0, partial + k * n, n);
    }
    return no_memory ? fail(err, VD_OOM, "%s: no memory for a row", call.op) : VD_OK;
  }

 private:
  void row(Device& d, const vd_call& call, int64_t r, const float* w, float* dw, float* db,
           float* buf) const {
    const int64_t n = x_.n();
    const float* g = g_.get(d.simd, sdk::data(call.inputs[0]), r, buf);
    const float* x = x_.get(d.simd, sdk::data(call.inputs[1]), r, buf + n);
    const float* other = residual_.get(d.simd, sdk::data(call.inputs[3]), r, buf + 2 * n);
    float* to = buf + 3 * n;
    layer_ ? d.simd->layer_norm_backward32(to, dw, db, g, x, w, n, eps_)
           : d.simd->rms_norm_backward32(to, dw, g, x, w, n, eps_);
    float* total = sdk::is_half(type_) ? to : out_ptr<float>(call) + r * n;
    d.simd->sum_rows32(total, to, other, n);
    put(d.simd, type_, out_ptr<void>(call), r * n, total, n);
    if (narrow_)
      put(d.simd, out_type(call, narrow_), out_ptr<void>(call, narrow_), r * n, total, n);
  }

  bool layer_;
  DType type_;
  Rows g_, x_, residual_;
  double eps_;
  int sums_ = 0, narrow_ = 0;
  int64_t parts_;
};

bool same_type(const vd_tensor& a, const vd_tensor& b) {
  return sdk::dtype_of(a.dtype) == sdk::dtype_of(b.dtype);
}
bool weight_of(const vd_tensor& w, const vd_tensor& x) {
  return sdk::absent(w) || (w.ndim == 1 && w.shape[0] == x.shape[x.ndim - 1] && same_type(w, x));
}
bool dense(const vd_tensor& t) { return sdk::absent(t) || Rows::dense(t); }

template <bool Layer>
vd_status make_norm(Device&, const vd_call& call, std::unique_ptr<Kernel>& kernel, vd_err* err) {
  constexpr int inputs = Layer ? 4 : 3;
  if (call.n_inputs != inputs || call.inputs[0].ndim < 1)
    return fail(err, VD_INVALID, "%s takes x, residual and weights", call.op);
  const vd_tensor &x = call.inputs[0], &residual = call.inputs[1];
  const bool summed = !sdk::absent(residual);
  if (call.n_outputs != 1 + int(summed))
    return fail(err, VD_INVALID, "%s gives %d outputs here", call.op, 1 + int(summed));
  bool known = narrow_float(in_type(call, 0)) && narrow_float(out_type(call, summed));
  if (summed)
    known &= same_type(residual, x) && sdk::same_shape(residual, x) &&
             out_type(call) == in_type(call, 0);
  for (int i = 2; i < inputs; ++i) known &= weight_of(call.inputs[i], x);
  if (!known) return unsupported(call, err, "it takes float32 and 16-bit floats, weights [C]");
  bool rows = true;
  for (int i = 0; i < inputs; ++i) rows &= dense(call.inputs[i]);
  kernel =
      std::make_unique<ResidualNorm>(call, Layer, kPreferred | kInplace | (rows ? kStrided : 0));
  return VD_OK;
}

template <bool Layer>
vd_status make_backward(Device&, const vd_call& call, std::unique_ptr<Kernel>& kernel,
                        vd_err* err) {
  if (call.n_inputs != 4 || call.inputs[1].ndim < 1)
    return fail(err, VD_INVALID, "%s takes g, x, weight and residual", call.op);
  const vd_tensor& x = call.inputs[1];
  bool known = narrow_float(in_type(call, 1)) && weight_of(call.inputs[2], x);
  for (int i : {0, 3}) known &= same_type(call.inputs[i], x) && sdk::same_shape(call.inputs[i], x);
  const int least = 1 + (sdk::absent(call.inputs[2]) ? 0 : Layer ? 2 : 1);
  if (call.n_outputs < least || call.n_outputs > least + 1)
    return fail(err, VD_INVALID, "%s gives %d outputs here, or one more", call.op, least);
  for (int i = 0; i < call.n_outputs; ++i)
    known &= i < least ? out_type(call, i) == in_type(call, 1) : narrow_float(out_type(call, i));
  if (!known) return unsupported(call, err, "it takes float32 and 16-bit floats, weight [C]");
  bool rows = true;
  for (int i = 0; i < 4; ++i) rows &= dense(call.inputs[i]);
  kernel = std::make_unique<ResidualNormBackward>(call, Layer,
                                                  kPreferred | kInplace | (rows ? kStrided : 0));
  return VD_OK;
}

}  // namespace

void add_norm_residual(sdk::Table<Make>& table) {
  table.add("residual_rms_norm", make_norm<false>);
  table.add("residual_layer_norm", make_norm<true>);
  table.add("residual_rms_norm_backward", make_backward<false>);
  table.add("residual_layer_norm_backward", make_backward<true>);
}

}  // namespace vob
