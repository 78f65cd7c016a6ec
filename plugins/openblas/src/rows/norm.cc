// rms_norm and layer_norm over the last dim, with their gradients.
#include <algorithm>

#include "rows/rows.h"

namespace vob {
namespace {

/* A vector of C weights as T, converted into buf if it is of halves; nullptr if absent. */
template <class T>
const T* weights(const Simd* s, const vd_call& call, int i, int64_t n, T* buf) {
  if (i >= call.n_inputs || sdk::absent(call.inputs[i])) return nullptr;
  if constexpr (sizeof(T) == 4) {
    if (sdk::is_half(in_type(call, i))) {
      to_float(s, in_type(call, i), buf, sdk::data(call.inputs[i]), n);
      return buf;
    }
  }
  return in_ptr<T>(call, i);
}

bool is_weight(const vd_tensor& w, const vd_tensor& x) {
  return sdk::absent(w) || (w.ndim == 1 && w.shape[0] == x.shape[x.ndim - 1] &&
                            sdk::dtype_of(w.dtype) == sdk::dtype_of(x.dtype));
}
bool dense_weight(const vd_tensor& w) { return sdk::absent(w) || Rows::dense(w); }

class Norm final : public Kernel {
 public:
  Norm(const vd_call& call, bool layer, uint32_t caps)
      : Kernel(caps),
        layer_(layer),
        type_(in_type(call, 0)),
        x_(call.inputs[0], caps & kStrided),
        eps_(sdk::attr_float(call, "eps", 1e-5)) {}

  vd_status run(Device& d, const vd_call& call, vd_err* err) override {
    return type_ == DType::F64 ? go<double>(d, call, err) : go<float>(d, call, err);
  }

 private:
  template <class T>
  vd_status go(Device& d, const vd_call& call, vd_err* err) const {
    const int64_t n = x_.n();
    if (n == 0 || x_.rows() == 0) return VD_OK;
    T* shared = nullptr;
    if (x_.half()) {
      shared = static_cast<T*>(d.scratch.get(size_t(n) * 2 * sizeof(T)));
      if (!shared) return fail(err, VD_OOM, "%s: no memory for float32 weights", call.op);
    }
    const T* w = weights(d.simd, call, 1, n, shared);
    const T* b = layer_ ? weights(d.simd, call, 2, n, shared + (shared ? n : 0)) : nullptr;
    const void* x = sdk::data(call.inputs[0]);
    std::atomic<bool> no_memory{false};
    d.pool.ranges(x_.rows(), double(n) * 2, 1, [&](int64_t first, int64_t last) {
      T* buf = nullptr;
      if (x_.half()) {
        buf = static_cast<T*>(thread_scratch(0, size_t(n) * sizeof(T)));
        if (!buf) no_memory = true;
        if (!buf) return;
      }
      for (int64_t r = first; r < last; ++r) {
        const T* row = x_.get(d.simd, x, r, buf);
        T* to = buf ? buf : out_ptr<T>(call) + r * n;
        if constexpr (sizeof(T) == 4) {
          layer_ ? d.simd->layer_norm32(to, row, w, b, n, eps_)
                 : d.simd->rms_norm32(to, row, w, n, eps_);
          if (buf) from_float(d.simd, type_, out_ptr<uint16_t>(call) + r * n, buf, n);
        } else {
          layer_ ? d.simd->layer_norm64(to, row, w, b, n, eps_)
                 : d.simd->rms_norm64(to, row, w, n, eps_);
        }
      }
    });
    return no_memory ? fail(err, VD_OOM, "%s: no memory for a row", call.op) : VD_OK;
  }

  bool layer_;
  DType type_;
  Rows x_;
  double eps_;
};

/* dx, and the weights' gradients summed in a fixed number of parts, whatever the threads do. */
class NormBackward final : public Kernel {
 public:
  NormBackward(const vd_call& call, bool layer, uint32_t caps)
      : Kernel(caps),
        layer_(layer),
        type_(in_type(call, 0)),
        g_(call.inputs[0], caps & kStrided),
        x_(call.inputs[1], caps & kStrided),
        eps_(sdk::attr_float(call, "eps", 1e-5)) {
    weighted_ = !sdk::absent(call.inputs[2]);
    parts_ = std::clamp<int64_t>(x_.rows() * x_.n() / 16384, 1, 32);
    parts_ = std::min(parts_, std::max<int64_t>(1, x_.rows()));
  }

  vd_status run(Device& d, const vd_call& call, vd_err* err) override {
    return type_ == DType::F64 ? go<double>(d, call, err) : go<float>(d, call, err);
  }

 private:
  template <class T>
  vd_status go(Device& d, const vd_call& call, vd_err* err) const {
    const int64_t n = x_.n(), rows = x_.rows();
    const int sums = weighted_ ? (layer_ ? 2 : 1) : 0;
    const size_t need = size_t(n) * size_t(parts_ * sums + 1) * sizeof(T);
    T* mem = static_cast<T*>(d.scratch.get(need + 64));
    if (!mem) return fail(err, VD_OOM, "%s: no memory for partial sums", call.op);
    T* partial = mem + n;
    const T* w = weights(d.simd, call, 2, n, mem);
    std::memset(partial, 0, size_t(n) * size_t(parts_ * sums) * sizeof(T));
    const void *g = sdk::data(call.inputs[0]), *x = sdk::data(call.inputs[1]);
    std::atomic<bool> no_memory{false};
    auto part = [&](int64_t p) {
      const int64_t step = (rows + parts_ - 1) / parts_;
      const int64_t first = std::min(p * step, rows), last = std::min(first + step, rows);
      T *dw = sums > 0 ? partial + p * sums * n : nullptr, *db = sums > 1 ? dw + n : nullptr;
      T* buf = nullptr;
      if (x_.half()) {
        buf = static_cast<T*>(thread_scratch(0, size_t(n) * 2 * sizeof(T)));
        if (!buf) no_memory = true;
        if (!buf) return;
      }
      for (int64_t r = first; r < last; ++r) {
        const T *gr = g_.get(d.simd, g, r, buf), *xr = x_.get(d.simd, x, r, buf ? buf + n : buf);
        T* to = buf ? buf : out_ptr<T>(call) + r * n;
        if constexpr (sizeof(T) == 4) {
          layer_ ? d.simd->layer_norm_backward32(to, dw, db, gr, xr, w, n, eps_)
                 : d.simd->rms_norm_backward32(to, dw, gr, xr, w, n, eps_);
          if (buf) from_float(d.simd, type_, out_ptr<uint16_t>(call) + r * n, buf, n);
        } else {
          layer_ ? d.simd->layer_norm_backward64(to, dw, db, gr, xr, w, n, eps_)
                 : d.simd->rms_norm_backward64(to, dw, gr, xr, w, n, eps_);
        }
      }
    };
    if (n && rows) {
      if (rows * n < 16384) {
        for (int64_t p = 0; p < parts_; ++p) part(p);
      } else {
        d.pool.each(parts_, part);
      }
    }
    for (int k = 0; k < sums; ++k) {
      for (int64_t p = 1; p < parts_; ++p)
        for (int64_t j = 0; j < n; ++j) partial[k * n + j] += partial[(p * sums + k) * n + j];
      if (sdk::is_half(type_)) {
        from_float(d.simd, type_, out_ptr<uint16_t>(call, 1 + k),
                   reinterpret_cast<float*>(partial + k * n), n);
      } else {
        std::memcpy(out_ptr<T>(call, 1 + k), partial + k * n, size_t(n) * sizeof(T));
      }
    }
    return no_memory ? fail(err, VD_OOM, "%s: no memory for a row", call.op) : VD_OK;
  }

  bool layer_, weighted_;
  DType type_;
  Rows g_, x_;
  double eps_;
  int64_t parts_;
};

template <bool Layer>
vd_status make_norm(Device&, const vd_call& call, std::unique_ptr<Kernel>& kernel, vd_err* err) {
  const int inputs = Layer ? 3 : 2;
  if (!arity(call, inputs, 1) || !sdk::is_float(in_type(call, 0)) ||
      out_type(call) != in_type(call, 0) || call.inputs[0].ndim < 1)
    return unsupported(call, err, "it takes x [..., C] of floating point and weights [C]");
  const vd_tensor& x = call.inputs[0];
  bool dense = Rows::dense(x);
  for (int i = 1; i < inputs; ++i) {
    if (!is_weight(call.inputs[i], x))
      return unsupported(call, err, "weights must be [C] of x's dtype");
    dense &= dense_weight(call.inputs[i]);
  }
  uint32_t caps = kPreferred | kInplace | (dense ? kStrided : 0);
  kernel = std::make_unique<Norm>(call, Layer, caps);
  return VD_OK;
}

template <bool Layer>
vd_status make_backward(Device&, const vd_call& call, std::unique_ptr<Kernel>& kernel,
                        vd_err* err) {
  if (call.n_inputs != 3 || call.n_outputs < 1 || !sdk::is_float(in_type(call, 0)) ||
      in_type(call, 1) != in_type(call, 0) || call.inputs[1].ndim < 1 ||
      !sdk::same_shape(call.inputs[0], call.inputs[1]) ||
      !is_weight(call.inputs[2], call.inputs[1]))
    return unsupported(call, err, "it takes g and x [..., C] of one dtype and weight [C] or none");
  const int weighted = sdk::absent(call.inputs[2]) ? 0 : Layer ? 2 : 1;
  if (call.n_outputs != 1 + weighted)
    return fail(err, VD_INVALID, "%s gives %d outputs here, not %d", call.op, 1 + weighted,
                call.n_outputs);
  bool dense =
      Rows::dense(call.inputs[0]) && Rows::dense(call.inputs[1]) && dense_weight(call.inputs[2]);
  kernel =
      std::make_unique<NormBackward>(call, Layer, kPreferred | kInplace | (dense ? kStrided : 0));
  return VD_OK;
}

}  // namespace

void add_norm(sdk::Table<Make>& table) {
  table.add("rms_norm", make_norm<false>);
  table.add("layer_norm", make_norm<true>);
  table.add("rms_norm_backward", make_backward<false>);
  table.add("layer_norm_backward", make_backward<true>);
}

}  // namespace vob
