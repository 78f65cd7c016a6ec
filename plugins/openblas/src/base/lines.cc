#include "base/lines.h"

#include <algorithm>

namespace vob {

void* Scratch::get(size_t bytes) {
  if (bytes <= size_) return data_;
  std::free(data_);
  size_ = 0;
  size_t want = (bytes + bytes / 4 + 63) / 64 * 64;
  data_ = std::aligned_alloc(64, want);
  if (data_) size_ = want;
  return data_;
}

void* thread_scratch(int slot, size_t bytes) {
  thread_local Scratch scratch[4];
  return scratch[slot].get(bytes);
}

namespace {

constexpr int64_t kTile = 16;  // neighbouring lines moved together: whole cache lines of float32

struct LineOperand {
  DType type;
  int bytes, compute;  // bytes of an element in memory, and of one that the line function sees
  bool half;
  Layout before, after;  // the dims around `dim`
  int64_t stride;        // along it
};

class Lines final : public Kernel {
 public:
  Lines(const vd_call& call, int dim, LineSpec spec)
      : Kernel(spec.caps | kStrided),
        spec_(std::move(spec)),
        n_in_(call.n_inputs),
        n_out_(call.n_outputs) {
    const vd_tensor& x = call.inputs[0];
    n_ = x.ndim ? x.shape[dim] : 1;
    for (int i = 0; i < x.ndim; ++i) (i < dim ? outer_ : i > dim ? inner_ : one_) *= x.shape[i];
    for (int i = 0; i < n_in_; ++i) in_[i] = operand(in_type(call, i), call.inputs[i], dim);
    for (int i = 0; i < n_out_; ++i) {
      LineOperand& o = out_[i];
      o.type = out_type(call, i);
      o.bytes = sdk::size_of(o.type);
      o.half = sdk::is_half(o.type);
      o.compute = o.half ? 4 : o.bytes;
    }
  }

  vd_status run(Device& d, const vd_call& call, vd_err* err) override {
    const int64_t tiles = (inner_ + kTile - 1) / kTile;
    const int64_t width = std::min(inner_, kTile);
    if (outer_ * inner_ == 0 || n_ == 0) return VD_OK;
    std::atomic<bool> no_memory{false};
    d.pool.ranges(
        outer_ * tiles, spec_.cost * double(n_ * width) + 8, 1, [&](int64_t b, int64_t e) {
          // per line: its inputs and outputs as the line function sees them
          size_t line = 0;
          for (int i = 0; i < n_in_; ++i)
            line += size_t(in_[i].compute + 2 * in_[i].half) * size_t(n_);
          for (int i = 0; i < n_out_; ++i) line += size_t(out_[i].compute) * size_t(n_);
          bool copies = inner_ > 1;
          for (int i = 0; i < n_in_; ++i) copies |= in_[i].half || in_[i].stride != 1;
          for (int i = 0; i < n_out_; ++i) copies |= out_[i].half;
          char* buf = nullptr;
          if (copies) {
            buf = static_cast<char*>(thread_scratch(0, (line + 128) * size_t(width) + 1024));
            if (!buf) no_memory = true;
            if (!buf) return;
          }
          for (int64_t u = b; u < e; ++u) tile(d.simd, call, u / tiles, u % tiles * kTile, buf);
        });
    return no_memory ? fail(err, VD_OOM, "%s: no memory for a line of %lld", call.op, (long long)n_)
                     : VD_OK;
  }

 private:
  static LineOperand operand(DType type, const vd_tensor& x, int dim) {
    LineOperand o;
    o.type = type;
    o.bytes = sdk::size_of(type);
    o.half = sdk::is_half(type);
    o.compute = o.half ? 4 : o.bytes;
    o.stride = x.ndim && x.shape[dim] != 1 ? x.strides[dim] : 1;
    for (int i = 0; i < x.ndim; ++i)
      if (i != dim && x.shape[i] != 1)
        (i < dim ? o.before : o.after).push(x.shape[i], x.strides[i]);
    o.before = merged(o.before);
    o.after = merged(o.after);
    return o;
  }

  void tile(const Simd* s, const vd_call& call, int64_t outer, int64_t i0, char* buf) const {
    const int64_t lines = std::min(kTile, inner_ - i0);
    const void* in[kLineOperands];
    void* out[kLineOperands];
    int64_t in_step[kLineOperands], out_step[kLineOperands];
    for (int i = 0; i < n_in_; ++i) {
      const LineOperand& o = in_[i];
      const char* base = in_ptr<char>(call, i) + (o.before.at(outer) + o.after.at(i0)) * o.bytes;
      in_step[i] = n_ * o.compute;
      if (lines == 1 && o.stride == 1 && !o.half) {
        in[i] = base;
        continue;
      }
      in[i] = buf;
      fetch(s, o, base, i0, lines, buf);
      buf += ((in_step[i] + 2 * o.half * n_) * lines + 63) / 64 * 64;
    }
    const int64_t m = spec_.single ? 1 : n_;
    for (int i = 0; i < n_out_; ++i) {
      const LineOperand& o = out_[i];
      out_step[i] = m * o.compute;
      if (inner_ == 1 && !o.half) {
        out[i] = out_ptr<char>(call, i) + outer * m * o.bytes;
      } else {
        out[i] = buf;
        buf += (out_step[i] * lines + 63) / 64 * 64;
      }
    }
    for (int64_t l = 0; l < lines; ++l) {
      const void* p[kLineOperands];
      void* q[kLineOperands];
      for (int i = 0; i < n_in_; ++i) p[i] = static_cast<const char*>(in[i]) + l * in_step[i];
      for (int i = 0; i < n_out_; ++i) q[i] = static_cast<char*>(out[i]) + l * out_step[i];
      spec_.fn(s, p, q, n_);
    }
    for (int i = 0; i < n_out_; ++i) {
      const LineOperand& o = out_[i];
      if (inner_ == 1 && !o.half) continue;
      char* to = out_ptr<char>(call, i) + (outer * m * inner_ + i0) * o.bytes;
      if (inner_ == 1) {
        from_float(s, o.type, to, static_cast<float*>(out[i]), m);
        continue;
      }
      if (o.half)  // in place: element e of the halves never overtakes element e of the floats
        from_float(s, o.type, out[i], static_cast<float*>(out[i]), m * lines);
      with_size(o.bytes, [&](auto zero) {
        using T = decltype(zero);
        const T* from = static_cast<const T*>(out[i]);
        T* y = reinterpret_cast<T*>(to);
        for (int64_t j = 0; j < m; ++j)
          for (int64_t l = 0; l < lines; ++l) y[j * inner_ + l] = from[l * m + j];
      });
    }
  }

  /* `lines` lines from base on, one after the other into buf; halves have room behind them. */
  void fetch(const Simd* s, const LineOperand& o, const char* base, int64_t i0, int64_t lines,
             char* buf) const {
    int64_t offset[kTile];
    const int64_t first = o.after.at(i0);
    for (int64_t l = 0; l < lines; ++l) offset[l] = o.after.at(i0 + l) - first;
    if (o.half && lines == 1 && o.stride == 1) {
      to_float(s, o.type, reinterpret_cast<float*>(buf), base, n_);
      return;
    }
    char* dst = o.half ? buf + n_ * lines * 4 : buf;
    with_size(o.bytes, [&](auto zero) {
      using T = decltype(zero);
      const T* from = reinterpret_cast<const T*>(base);
      T* to = reinterpret_cast<T*>(dst);
      for (int64_t j = 0; j < n_; ++j)
        for (int64_t l = 0; l < lines; ++l) to[l * n_ + j] = from[j * o.stride + offset[l]];
    });
    if (o.half) to_float(s, o.type, reinterpret_cast<float*>(buf), dst, n_ * lines);
  }

  LineSpec spec_;
  int n_in_, n_out_;
  int64_t outer_ = 1, inner_ = 1, one_ = 1, n_;
  LineOperand in_[kLineOperands], out_[kLineOperands];
};

}  // namespace

vd_status make_lines(const vd_call& call, int dim, LineSpec spec, std::unique_ptr<Kernel>& kernel,
                     vd_err* err) {
  const vd_tensor& x = call.inputs[0];
  if (dim < 0 || (dim >= x.ndim && x.ndim > 0))
    return fail(err, VD_INVALID, "%s needs dim in [0, %d)", call.op, x.ndim);
  for (int i = 1; i < call.n_inputs; ++i)
    if (!sdk::same_shape(call.inputs[i], x))
      return fail(err, VD_INVALID, "%s: input %d differs in shape from input 0", call.op, i);
  int64_t lines = 1;
  for (int i = 0; i < x.ndim; ++i)
    if (i != dim) lines *= x.shape[i];
  for (int i = 0; i < call.n_outputs; ++i)
    if (sdk::numel(call.outputs[i]) != (spec.single ? lines : sdk::numel(x)))
      return fail(err, VD_INVALID, "%s: output %d has the wrong size", call.op, i);
  kernel = std::make_unique<Lines>(call, dim, std::move(spec));
  return VD_OK;
}

}  // namespace vob
