// A few rows times many, as decoding several sequences has them: the weights are read once, as they
// lie, where packing them would cost several times that.
#include <algorithm>
#include <type_traits>

#include "bf16/kernels.h"
#include "lines.h"
#include "products.h"

namespace vob {
namespace {

constexpr int64_t kFewRows = 32;
constexpr int64_t kLeast = 1 << 14;  // elements of weights: fewer are as well packed
constexpr int64_t kBlock = 32;       // rows of weights whose sums are rounded at one time

/* T: what sums are made in. */
template <class T>
class FewRows final : public Kernel {
 public:
  FewRows(uint32_t caps, DType type, const GemmShape& s, int64_t a_step, int64_t b_step,
          bool native, bool bias)
      : Kernel(caps),
        type_(type),
        s_(s),
        a_step_(a_step),
        b_step_(b_step),
        native_(native),
        half_(sdk::is_half(type)),
        bias_(bias) {}

  vd_status run(Device& d, const vd_call& call, vd_err* err) override {
    const T* x = in_ptr<T>(call, 0);
    int64_t step = a_step_;
    if constexpr (std::is_same_v<T, float>) {
      if (half_ && !native_) {
        float* wide = static_cast<float*>(d.scratch.get(size_t(s_.m * s_.k) * 4));
        if (!wide) return fail(err, VD_OOM, "%s: no memory for a few rows", call.op);
        for (int64_t i = 0; i < s_.m; ++i)
          to_float(d.simd, type_, wide + i * s_.k, in_ptr<uint16_t>(call, 0) + i * step, s_.k);
        x = wide;
        step = s_.k;
      }
    }
    d.pool.ranges(s_.n, double(s_.m * s_.k) / 4, 8, [&](int64_t first, int64_t last) {
      T sums[kFewRows * kBlock];
      for (int64_t r = first; r < last; r += kBlock) {
        const int64_t n = std::min(kBlock, last - r);
        multiply(d, call, sums, r, n, x, step);
        for (int64_t i = 0; i < s_.m; ++i) finish(d, call, sums + i * kBlock, i, r, n);
      }
    });
    return VD_OK;
  }

 private:
  void multiply(Device& d, const vd_call& call, T* y, int64_t r, int64_t n, const T* x,
                int64_t step) const {
    if constexpr (std::is_same_v<T, double>) {
      d.simd->few_rows64(y, kBlock, in_ptr<T>(call, 1) + r * b_step_, b_step_, n, x, step, s_.m,
                         s_.k);
    } else {
      const uint16_t* w = in_ptr<uint16_t>(call, 1) + r * b_step_;
      if (native_)
        d.bf16->few_rows(y, kBlock, w, b_step_, n, in_ptr<uint16_t>(call, 0), step, s_.m, s_.k);
      else if (half_)
        (type_ == DType::BF16 ? d.simd->few_rows_bf16 : d.simd->few_rows_f16)(
            y, kBlock, w, b_step_, n, x, step, s_.m, s_.k);
      else
        d.simd->few_rows32(y, kBlock, in_ptr<T>(call, 1) + r * b_step_, b_step_, n, x, step, s_.m,
                           s_.k);
    }
  }

  /* Sums of row i, columns [r, r + n), with the bias, into the output. */
  void finish(Device& d, const vd_call& call, T* y, int64_t i, int64_t r, int64_t n) const {
    const int64_t at = i * s_.n + r;
    if constexpr (std::is_same_v<T, float>) {
      if (half_) {
        float wide[kBlock];
        if (bias_) {
          to_float(d.simd, type_, wide, in_ptr<uint16_t>(call, 2) + r, n);
          for (int64_t j = 0; j < n; ++j) y[j] += wide[j];
        }
        from_float(d.simd, type_, out_ptr<uint16_t>(call) + at, y, n);
        return;
      }
    }
    if (bias_)
      for (int64_t j = 0; j < n; ++j) y[j] += in_ptr<T>(call, 2)[r + j];
    std::memcpy(out_ptr<T>(call) + at, y, size_t(n) * sizeof(T));
  }

  DType type_;
  GemmShape s_;
  int64_t a_step_, b_step_;  // between rows
  bool native_, half_, bias_;
};

/* The most rows of x for which this beats packing. */
int64_t most_rows(DType type, bool native) {
  if (type == DType::F16) return kFewRows;  // the other way widens all weights
  return native ? 16 : type == DType::BF16 ? kFewRows : 8;
}

}  // namespace

std::unique_ptr<Kernel> few_rows_product(const Device& d, uint32_t caps, DType type,
                                         const GemmShape& s, const Matrices& a, const Matrices& b,
                                         bool bias) {
  const bool native = type == DType::BF16 && d.bf16;
  if (!sdk::is_float(type) || s.batch != 1 || s.m < 2 || s.m > most_rows(type, native) ||
      s.k < 32 || s.n * s.k < kLeast || a.s1 != 1 || b.s0 != 1)
    return nullptr;
  if (type == DType::F64)
    return std::make_unique<FewRows<double>>(caps, type, s, a.s0, b.s1, false, bias);
  return std::make_unique<FewRows<float>>(caps, type, s, a.s0, b.s1, type == DType::BF16 && d.bf16,
                                          bias);
}

}  // namespace vob
