// A few rows times many, as decoding several sequences has them: the weights are read once, as they
// lie, where packing them would cost several times that.
#include <algorithm>
#include <type_traits>
#include <utility>
#include <vector>

#include "base/lines.h"
#include "bf16/kernels.h"
#include "products/products.h"

namespace vob {
namespace {

constexpr int64_t kFewRows = 32;
constexpr int64_t kLeast = 1 << 14;  // elements of weights: fewer are as well packed
constexpr int64_t kBlock = 32;       // rows of weights whose sums are rounded at one time

/* The operands of one product: inputs 1 + 2 i and, if biased, 2 + 2 i of a call give output i. */
struct Rows {
  int64_t n, step;  // of weights, and between them
  bool bias;
};

/* T: what sums are made in. */
template <class T>
class FewRows final : public Kernel {
 public:
  FewRows(uint32_t caps, DType type, int64_t m, int64_t k, int64_t x_step, bool native,
          std::vector<Rows> products)
      : Kernel(caps),
        type_(type),
        m_(m),
        k_(k),
        x_step_(x_step),
        native_(native),
        half_(sdk::is_half(type)),
        products_(std::move(products)) {
    for (const Rows& p : products_) blocks_ += (p.n + kBlock - 1) / kBlock;
  }

  vd_status run(Device& d, const vd_call& call, vd_err* err) override {
    const T* x = in_ptr<T>(call, 0);
    int64_t step = x_step_;
    if constexpr (std::is_same_v<T, float>) {
      if (half_ && !native_) {
        float* wide = static_cast<float*>(d.scratch.get(size_t(m_ * k_) * 4));
        if (!wide) return fail(err, VD_OOM, "%s: no memory for a few rows", call.op);
        for (int64_t i = 0; i < m_; ++i)
          to_float(d.simd, type_, wide + i * k_, in_ptr<uint16_t>(call, 0) + i * step, k_);
        x = wide;
        step = k_;
      }
    }
    d.pool.ranges(blocks_, double(m_ * k_ * kBlock) / 4, 1, [&](int64_t first, int64_t last) {
      T sums[kFewRows * kBlock];
      int64_t before = 0;
      for (int which = 0; which < int(products_.size()) && before < last; ++which) {
        const int64_t all = (products_[which].n + kBlock - 1) / kBlock;
        for (int64_t b = std::max(first - before, int64_t(0)); b < std::min(all, last - before);
             ++b) {
          const int64_t r = b * kBlock, n = std::min(kBlock, products_[which].n - r);
          multiply(d, call, which, sums, r, n, x, step);
          for (int64_t i = 0; i < m_; ++i) finish(d, call, which, sums + i * kBlock, i, r, n);
        }
        before += all;
      }
    });
    return VD_OK;
  }

 private:
  void multiply(Device& d, const vd_call& call, int which, T* y, int64_t r, int64_t n, const T* x,
                int64_t step) const {
    const int in = 1 + 2 * which;
    const int64_t w_step = products_[which].step;
    const T* w = in_ptr<T>(call, in) + r * w_step;
    const uint16_t* h = in_ptr<uint16_t>(call, in) + r * w_step;
    if constexpr (std::is_same_v<T, double>) {
      if (m_ == 1)
        d.simd->dot_rows64(y, 1, w, w_step, x, n, k_);
      else
        d.simd->few_rows64(y, kBlock, w, w_step, n, x, step, m_, k_);
    } else if (m_ == 1) {
      if (half_)
        (type_ == DType::BF16 ? d.simd->dot_rows_bf16 : d.simd->dot_rows_f16)(y, 1, h, w_step, x, n,
                                                                              k_);
      else
        d.simd->dot_rows32(y, 1, w, w_step, x, n, k_);
    } else if (native_) {
      d.bf16->few_rows(y, kBlock, h, w_step, n, in_ptr<uint16_t>(call, 0), step, m_, k_);
    } else if (half_) {
      (type_ == DType::BF16 ? d.simd->few_rows_bf16 : d.simd->few_rows_f16)(y, kBlock, h, w_step, n,
                                                                            x, step, m_, k_);
    } else {
      d.simd->few_rows32(y, kBlock, w, w_step, n, x, step, m_, k_);
    }
  }

  /* Sums of row i, columns [r, r + n), with the bias, into the output. */
  void finish(Device& d, const vd_call& call, int which, T* y, int64_t i, int64_t r,
              int64_t n) const {
    const Rows& p = products_[which];
    const int64_t at = i * p.n + r;
    if constexpr (std::is_same_v<T, float>) {
      if (half_) {
        float wide[kBlock];
        if (p.bias) {
          to_float(d.simd, type_, wide, in_ptr<uint16_t>(call, 2 + 2 * which) + r, n);
          for (int64_t j = 0; j < n; ++j) y[j] += wide[j];
        }
        from_float(d.simd, type_, out_ptr<uint16_t>(call, which) + at, y, n);
        return;
      }
    }
    if (p.bias)
      for (int64_t j = 0; j < n; ++j) y[j] += in_ptr<T>(call, 2 + 2 * which)[r + j];
    std::memcpy(out_ptr<T>(call, which) + at, y, size_t(n) * sizeof(T));
  }

  DType type_;
  int64_t m_, k_, x_step_, blocks_ = 0;
  bool native_, half_;
  std::vector<Rows> products_;
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
  std::vector<Rows> one{{s.n, b.s1, bias}};
  if (type == DType::F64)
    return std::make_unique<FewRows<double>>(caps, type, s.m, s.k, a.s0, false, std::move(one));
  return std::make_unique<FewRows<float>>(caps, type, s.m, s.k, a.s0, native, std::move(one));
}

vd_status make_linears(Device& d, const vd_call& call, std::unique_ptr<Kernel>& kernel,
                       vd_err* err) {
  const int count = call.n_outputs;
  if (count < 1 || !arity(call, 1 + 2 * count, count) || !sdk::is_float(in_type(call, 0)) ||
      !call.inputs[0].ndim)
    return unsupported(call, err, "it takes x, then a weight and a bias for each of the results");
  const vd_tensor& x = call.inputs[0];
  const DType type = in_type(call, 0);
  int64_t m = 1;
  for (int i = 0; i < x.ndim - 1; ++i) m *= x.shape[i];
  const int64_t k = x.shape[x.ndim - 1];
  std::vector<Rows> products;
  for (int i = 0; i < count; ++i) {
    const vd_tensor &w = call.inputs[1 + 2 * i], &b = call.inputs[2 + 2 * i];
    const bool bias = !sdk::absent(b);
    if (w.ndim != 2 || w.shape[1] != k || in_type(call, 1 + 2 * i) != type ||
        out_type(call, i) != type || (bias && in_type(call, 2 + 2 * i) != type))
      return unsupported(call, err, "it takes x, weights and biases of one dtype");
    products.push_back({w.shape[0], k, bias});
  }
  const bool native = type == DType::BF16 && d.bf16;
  if (m < 1 || m > most_rows(type, native) || k < 32)
    return unsupported(call, err, "many rows gain nothing by products that wait for each other");
  if (type == DType::F64)
    kernel =
        std::make_unique<FewRows<double>>(kPreferred, type, m, k, k, false, std::move(products));
  else
    kernel = std::make_unique<FewRows<float>>(kPreferred, type, m, k, k, native && m > 1,
                                              std::move(products));
  return VD_OK;
}

}  // namespace vob
