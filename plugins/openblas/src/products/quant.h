// A call of quantized_linear or quantized_linears: products of one x with integer weights.
#ifndef VIDYA_OPENBLAS_QUANT_H
#define VIDYA_OPENBLAS_QUANT_H

#include "base/common.h"
#include "base/lines.h"
#include "bf16/kernels.h"
#include "products/quant_loops.h"

namespace vob {

constexpr int64_t kMostFewRows = 24;

/* What the products of a call have in common. */
struct IntShape {
  DType type, scale_type;  // of x, bias and results; of scales and zeros
  int64_t rows, k, group;
  int bits, products;

  int64_t groups() const { return k / group; }
  bool by_bf16(const Device& d) const {
    return d.bf16 && type == DType::BF16 && scale_type != DType::F16;
  }
  /* For more rows of x the weights are worth widening. */
  bool few(const Device& d) const { return rows <= (by_bf16(d) ? kMostFewRows : kMostFewRows / 3); }
  /* x as float32, widened into buf if it must be. */
  const float* x(Device& d, const vd_call& call, float* buf) const {
    if (type == DType::F32) return in_ptr<float>(call, 0);
    to_float(d.simd, type, buf, in_ptr<uint16_t>(call, 0), rows * k);
    return buf;
  }
};

/* One of the products. */
class IntProduct {
 public:
  enum Operand { kWeight, kScale, kZero, kBias };  // as they follow each other

  IntProduct(const IntShape& s, const vd_call& call, int which)
      : s_(s), call_(call), which_(which), n_(call.inputs[input(kWeight)].shape[0]) {}

  const IntShape& shape() const { return s_; }
  int64_t n() const { return n_; }
  bool has(Operand o) const { return !sdk::absent(call_.inputs[input(o)]); }
  const uint8_t* weights(int64_t row) const {
    return in_ptr<uint8_t>(call_, input(kWeight)) + row * s_.k * s_.bits / 8;
  }
  IntWeights from(int64_t row) const {
    return {weights(row), scales(kScale, row), scales(kZero, row), s_.scale_type == DType::BF16,
            s_.group};
  }
  const uint16_t* half_bias() const { return has(kBias) ? half(kBias) : nullptr; }
  uint16_t* half_result() const { return out_ptr<uint16_t>(call_, which_); }

  /* Scales or zeros of n rows as float32: themselves, or widened into buf; null if absent. */
  const float* widened(Device& d, Operand o, int64_t row, int64_t n, float* buf) const {
    return widened(d, scales(o, row), n, buf);
  }
  const float* widened(Device& d, const void* from, int64_t n, float* buf) const {
    if (!from || s_.scale_type == DType::F32) return static_cast<const float*>(from);
    to_float(d.simd, s_.scale_type, buf, from, n * s_.groups());
    return buf;
  }
  /* Columns [i, i + n) of row r of the result, from sums that get the bias. */
  void put(Device& d, int64_t r, int64_t i, float* y, int64_t n) const {
    if (has(kBias))
      for (int64_t j = 0; j < n; ++j) y[j] += bias(i + j);
    const int64_t at = r * n_ + i;
    if (s_.type == DType::F32)
      std::memcpy(out_ptr<float>(call_, which_) + at, y, size_t(n) * 4);
    else
      from_float(d.simd, s_.type, half_result() + at, y, n);
  }

 private:
  int input(Operand o) const { return 1 + 4 * which_ + o; }
  const uint16_t* half(Operand o) const { return in_ptr<uint16_t>(call_, input(o)); }
  const void* scales(Operand o, int64_t row) const {
    if (!has(o)) return nullptr;
    return in_ptr<char>(call_, input(o)) + row * s_.groups() * sdk::size_of(s_.scale_type);
  }
  float bias(int64_t i) const {
    if (s_.type == DType::F32) return in_ptr<float>(call_, input(kBias))[i];
    const uint16_t h = half(kBias)[i];
    return s_.type == DType::BF16 ? sdk::bf16_to_float(h) : sdk::f16_to_float(h);
  }

  const IntShape& s_;
  const vd_call& call_;
  int which_;
  int64_t n_;
};

/* All products of a call for a few rows of x: the weights are read once. False: no memory. */
bool few_int_rows(Device& d, const IntShape& s, const vd_call& call);

}  // namespace vob

#endif
