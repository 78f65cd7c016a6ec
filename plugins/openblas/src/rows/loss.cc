// cross_entropy_rows and its gradient: the logits are read once each way, nothing else is stored.
#include <algorithm>
#include <cmath>

#include "moving/index.h"
#include "rows/rows.h"

namespace vob {
namespace {

constexpr int64_t kStreamBytes = 24 << 20;

/* A vector [N] with a stride, read as double. */
double at(const vd_tensor& t, int64_t i, DType type) {
  const int64_t k = i * (t.ndim ? t.strides[0] : 0);
  return type == DType::F64 ? static_cast<const double*>(sdk::data(t))[k]
                            : double(static_cast<const float*>(sdk::data(t))[k]);
}

class Forward final : public Kernel {
 public:
  Forward(const vd_call& call, uint32_t caps)
      : Kernel(caps),
        type_(in_type(call, 0)),
        x_(call.inputs[0], caps & kStrided),
        target_(call.inputs[1]),
        ignore_(sdk::attr_int(call, "ignore_index", -100)) {}

  vd_status run(Device& d, const vd_call& call, vd_err* err) override {
    return type_ == DType::F64 ? go<double>(d, call, err) : go<float>(d, call, err);
  }

 private:
  template <class T>
  vd_status go(Device& d, const vd_call& call, vd_err* err) const {
    const int64_t n = x_.n(), *target;
    if (vd_status s = target_.read(d, call, 1, n, &target, err, &ignore_)) return s;
    T *nll = out_ptr<T>(call, 0), *lse = out_ptr<T>(call, 1);
    const void* x = sdk::data(call.inputs[0]);
    std::atomic<bool> no_memory{false};
    const auto straight = type_ == DType::BF16 ? d.simd->log_sum_exp_bf16 : nullptr;
    d.pool.ranges(x_.rows(), double(n) * 4 + 8, 1, [&](int64_t b, int64_t e) {
      for (int64_t r = b; straight && r < e; ++r) {
        const uint16_t* row = reinterpret_cast<const uint16_t*>(x_.row(x, r));
        const double l = straight(row, n);
        lse[r] = T(l);
        nll[r] = target[r] == ignore_ ? T(0) : T(l - double(sdk::bf16_to_float(row[target[r]])));
      }
      if (straight) return;
      T* buf = nullptr;
      if (x_.half()) {
        buf = static_cast<T*>(thread_scratch(0, size_t(n) * sizeof(T)));
        if (!buf) no_memory = true;
        if (!buf) return;
      }
      for (int64_t r = b; r < e; ++r) {
        const T* row = x_.get(d.simd, x, r, buf);
        double l;
        if constexpr (sizeof(T) == 4) {
          l = d.simd->log_sum_exp32(row, n);
        } else {
          l = d.simd->log_sum_exp64(row, n);
        }
        lse[r] = T(l);
        nll[r] = target[r] == ignore_ ? T(0) : T(l - double(row[target[r]]));
      }
    });
    return no_memory ? fail(err, VD_OOM, "%s: no memory for a row", call.op) : VD_OK;
  }

  DType type_;
  Rows x_;
  IndexReader target_;
  int64_t ignore_;
};

class Backward final : public Kernel {
 public:
  Backward(const vd_call& call, uint32_t caps)
      : Kernel(caps),
        type_(in_type(call, 1)),
        wide_(in_type(call, 0)),
        x_(call.inputs[1], caps & kStrided),
        target_(call.inputs[2]),
        ignore_(sdk::attr_int(call, "ignore_index", -100)) {}

  vd_status run(Device& d, const vd_call& call, vd_err* err) override {
    return type_ == DType::F64 ? go<double>(d, call, err) : go<float>(d, call, err);
  }

 private:
  template <class T>
  vd_status go(Device& d, const vd_call& call, vd_err* err) const {
    constexpr int64_t kPart = 2048;
    const int64_t n = x_.n(), *target;
    const int bytes = sdk::size_of(type_);
    if (vd_status s = target_.read(d, call, 2, n, &target, err, &ignore_)) return s;
    char* out = out_ptr<char>(call);
    const void* x = sdk::data(call.inputs[1]);
    const auto straight = type_ == DType::BF16 ? d.simd->scaled_exp_bf16 : nullptr;
    const bool stream = x_.rows() * n * bytes >= kStreamBytes && out != x &&
                        (reinterpret_cast<uintptr_t>(out) & 63) == 0 && n * bytes % 64 == 0;
    d.pool.ranges(x_.rows(), double(n) * 4 + 8, 1, [&](int64_t b, int64_t e) {
      alignas(64) T in[kPart], result[kPart];
      alignas(64) uint16_t narrow[kPart];
      for (int64_t r = b; r < e; ++r) {
        char* to = out + r * n * bytes;
        if (target[r] == ignore_) {
          std::memset(to, 0, size_t(n * bytes));
          continue;
        }
        const double g = at(call.inputs[0], r, wide_), lse = at(call.inputs[3], r, wide_);
        const char* from = x_.row(x, r);
        if (straight && std::abs(lse) < 1e37) {
          const auto* p = reinterpret_cast<const uint16_t*>(from);
          auto* q = reinterpret_cast<uint16_t*>(to);
          float hit = sdk::bf16_to_float(p[target[r]]);
          straight(q, p, lse, g, n);
          d.simd->scaled_exp32(&hit, &hit, lse, g, 1);
          hit -= float(g);
          d.simd->f32_to_bf16(q + target[r], &hit, 1);
          continue;
        }
        for (int64_t j = 0; j < n; j += kPart) {
          const int64_t count = std::min(kPart, n - j);
          const T* p = reinterpret_cast<const T*>(from) + j;
          T* q = reinterpret_cast<T*>(to) + j;
          if (stream || x_.half()) q = result;
          if constexpr (sizeof(T) == 4) {
            if (x_.half()) {
              to_float(d.simd, type_, in, from + j * bytes, count);
              p = in;
            }
            d.simd->scaled_exp32(q, p, lse, g, count);
          } else {
            (void)in;
            d.simd->scaled_exp64(q, p, lse, g, count);
          }
          if (target[r] >= j && target[r] < j + count) q[target[r] - j] -= T(g);
          const void* done = q;
          if constexpr (sizeof(T) == 4) {
            if (x_.half()) {
              from_float(d.simd, type_, stream ? narrow : reinterpret_cast<uint16_t*>(to) + j, q,
                         count);
              done = narrow;
            }
          }
          if (stream) d.simd->stream(to + j * bytes, done, count * bytes);
        }
      }
      if (stream) d.simd->stream_end();
    });
    return VD_OK;
  }

  DType type_, wide_;
  Rows x_;
  IndexReader target_;
  int64_t ignore_;
};

/* The dtype of losses: float32, and float64 for float64 logits. */
DType wide(DType t) { return t == DType::F64 ? DType::F64 : DType::F32; }

vd_status make_forward(Device&, const vd_call& call, std::unique_ptr<Kernel>& kernel, vd_err* err) {
  if (!arity(call, 2, 2) || !sdk::is_float(in_type(call, 0)) ||
      !IndexReader::knows(in_type(call, 1)) || out_type(call, 0) != wide(in_type(call, 0)) ||
      out_type(call, 1) != wide(in_type(call, 0)))
    return unsupported(call, err, "it takes logits [N, V] and integer targets [N]");
  if (call.inputs[0].ndim != 2 || call.inputs[1].ndim != 1 ||
      call.inputs[1].shape[0] != call.inputs[0].shape[0])
    return fail(err, VD_INVALID, "cross_entropy_rows: logits must be [N, V] and target [N]");
  uint32_t caps = kPreferred | (Rows::dense(call.inputs[0]) ? kStrided : 0);
  kernel = std::make_unique<Forward>(call, caps);
  return VD_OK;
}

vd_status make_backward(Device&, const vd_call& call, std::unique_ptr<Kernel>& kernel,
                        vd_err* err) {
  if (!arity(call, 4, 1) || !sdk::is_float(in_type(call, 1)) ||
      !IndexReader::knows(in_type(call, 2)) || in_type(call, 0) != wide(in_type(call, 1)) ||
      in_type(call, 3) != wide(in_type(call, 1)) || out_type(call) != in_type(call, 1))
    return unsupported(call, err, "it takes g [N], logits [N, V], target [N] and lse [N]");
  const vd_tensor& x = call.inputs[1];
  if (x.ndim != 2 || call.inputs[0].ndim != 1 || call.inputs[2].ndim != 1 ||
      call.inputs[3].ndim != 1 || call.inputs[0].shape[0] != x.shape[0] ||
      call.inputs[2].shape[0] != x.shape[0] || call.inputs[3].shape[0] != x.shape[0])
    return fail(err, VD_INVALID, "cross_entropy_rows_backward: shapes do not fit logits [N, V]");
  uint32_t caps = kPreferred | kInplace | (Rows::dense(x) ? kStrided : 0);
  kernel = std::make_unique<Backward>(call, caps);
  return VD_OK;
}

}  // namespace

void add_loss(sdk::Table<Make>& table) {
  table.add("cross_entropy_rows", make_forward);
  table.add("cross_entropy_rows_backward", make_backward);
}

}  // namespace vob
