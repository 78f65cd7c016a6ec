// quantized_linear: weights in groups of 8- or 4-bit integers, read once where rows are few.
#include "quant_loops.h"

#include <algorithm>

#include "bf16/kernels.h"
#include "common.h"
#include "gemm_packed.h"
#include "lines.h"

namespace vob {
namespace {

constexpr int64_t kFewRows = 8;  // more are worth widening the weights
constexpr int64_t kWide = 256;   // rows of weights widened at one time

enum Input { kX, kWeight, kScale, kZero, kBias };

class QuantLinear final : public Kernel {
 public:
  QuantLinear(const vd_call& call, int64_t rows, int64_t n, int64_t k, int bits, int64_t group)
      : Kernel(kPreferred),
        type_(in_type(call, kX)),
        scale_type_(in_type(call, kScale)),
        rows_(rows),
        n_(n),
        k_(k),
        group_(group),
        bits_(bits) {}

  vd_status run(Device& d, const vd_call& call, vd_err* err) override {
    if (!rows_ || !n_) return VD_OK;
    const bool done = rows_ <= kFewRows ? few(d, call) : many(d, call);
    return done ? VD_OK : fail(err, VD_OOM, "%s: no memory for a block of weights", call.op);
  }

 private:
  int64_t groups() const { return k_ / group_; }
  const char* weights(const vd_call& call, int64_t row) const {
    return in_ptr<char>(call, kWeight) + row * k_ * bits_ / 8;
  }
  /* n rows of scales or zeros as float32: themselves, or widened into buf; null if absent. */
  const float* row(Device& d, const vd_call& call, int input, int64_t i, int64_t n,
                   float* buf) const {
    if (sdk::absent(call.inputs[input])) return nullptr;
    if (scale_type_ == DType::F32) return in_ptr<float>(call, input) + i * groups();
    to_float(d.simd, scale_type_, buf, in_ptr<uint16_t>(call, input) + i * groups(), n * groups());
    return buf;
  }
  const float* input_rows(Device& d, const vd_call& call, float* buf) const {
    if (type_ == DType::F32) return in_ptr<float>(call, kX);
    to_float(d.simd, type_, buf, in_ptr<uint16_t>(call, kX), rows_ * k_);
    return buf;
  }
  float bias(const vd_call& call, int64_t i) const {
    if (type_ == DType::F32) return in_ptr<float>(call, kBias)[i];
    const uint16_t h = in_ptr<uint16_t>(call, kBias)[i];
    return type_ == DType::BF16 ? sdk::bf16_to_float(h) : sdk::f16_to_float(h);
  }
  void put(Device& d, const vd_call& call, int64_t at, const float* y, int64_t n) const {
    if (type_ == DType::F32)
      std::memcpy(out_ptr<float>(call) + at, y, size_t(n) * 4);
    else
      from_float(d.simd, type_, out_ptr<uint16_t>(call) + at, y, n);
  }

  bool few(Device& d, const vd_call& call) const {
    if (d.bf16 && bits_ == 4 && type_ == DType::BF16 && scale_type_ != DType::F16)
      return few_nibbles(d, call);
    const QuantLoops& loops = *d.simd->quant;
    const size_t wide = type_ == DType::F32 ? 0 : size_t(rows_ * k_);
    char* mem = static_cast<char*>(
        d.scratch.get((wide + size_t(rows_ * groups()) * 2) * 4 + size_t(rows_ * k_) * 2));
    if (!mem) return false;
    float* buf = reinterpret_cast<float*>(mem);
    const float* x = input_rows(d, call, buf);
    float* scales = buf + wide;
    int16_t* ints = reinterpret_cast<int16_t*>(scales + rows_ * groups() * 2);
    QuantRow rows[kFewRows];
    for (int64_t r = 0; r < rows_; ++r) {
      rows[r] = {ints + r * k_, scales + 2 * r * groups(), scales + (2 * r + 1) * groups()};
      loops.quantize(rows[r], x + r * k_, k_, group_, bits_ == 4);
    }
    if (bits_ == 4)
      return each_block(d, call, block_room(), [&](float* y, int64_t i, int64_t n, float* own) {
        const IntWeights b = block(call, i, n, own);
        float* wide = own + block_room() - 2 * kBlockRows * groups();
        const float* s = widened(d, b.scale, wide);
        const float* z = widened(d, b.zero, wide + kBlockRows * groups());
        for (int64_t r = 0; r < rows_; ++r, y += kBlockRows)
          loops.dot4(y, b.w, s, z, rows[r], k_, group_);
      });
    return each_block(d, call, (2 * kBlockRows + 1) * groups(),
                      [&](float* y, int64_t i, int64_t n, float* own) {
                        float* zeros = own + kBlockRows * groups();
                        const float* s = row(d, call, kScale, i, n, own);
                        const float* z = row(d, call, kZero, i, n, zeros);
                        for (int64_t r = 0; r < rows_; ++r, y += kBlockRows)
                          loops.dot8(y, weights(call, i), n, s, z, rows[r], k_, group_,
                                     zeros + kBlockRows * groups());
                      });
  }

  /* bfloat16 times 4 bits by dot products of bytes. */
  bool few_nibbles(Device& d, const vd_call& call) const {
    const int64_t parts = k_ / 32;
    char* mem = static_cast<char*>(d.scratch.get(size_t(rows_ * (2 * k_ + 12 * parts))));
    if (!mem) return false;
    NibbleRow rows[kFewRows];
    for (int64_t r = 0; r < rows_; ++r) {
      float* scales = reinterpret_cast<float*>(mem + rows_ * 2 * k_) + r * 3 * parts;
      rows[r] = {reinterpret_cast<int8_t*>(mem) + r * 2 * k_, scales, scales + parts,
                 scales + 2 * parts};
      d.bf16->nibble_row(rows[r], in_ptr<uint16_t>(call, kX) + r * k_, k_);
    }
    return each_block(d, call, block_room(), [&](float* y, int64_t i, int64_t n, float* own) {
      const IntWeights w = block(call, i, n, own);
      for (int64_t r = 0; r < rows_; ++r, y += kBlockRows) d.bf16->dot4(y, w, rows[r], k_);
    });
  }

  /* The block of n rows from i on; if it is short, a copy that is filled up with zeros. */
  IntWeights block(const vd_call& call, int64_t i, int64_t n, float* own) const {
    IntWeights b = weights_at(call, i);
    if (n == kBlockRows) return b;
    char* to = reinterpret_cast<char*>(own);
    auto fill = [&](const void* from, int64_t unit, int64_t count) {
      char* start = to;
      std::memset(start, 0, size_t(unit * kBlockRows * count));
      for (int64_t j = 0; j < count; ++j, to += unit * kBlockRows)
        std::memcpy(to, static_cast<const char*>(from) + j * unit * n, size_t(unit * n));
      return start;
    };
    b.w = reinterpret_cast<const uint8_t*>(fill(b.w, 4, k_ / 8));
    b.scale = fill(b.scale, sdk::size_of(scale_type_), groups());
    if (b.zero) b.zero = fill(b.zero, sdk::size_of(scale_type_), groups());
    return b;
  }
  int64_t block_room() const { return 2 * k_ + 4 * kBlockRows * groups(); }  // floats

  /* Scales or zeros of a block as float32. */
  const float* widened(Device& d, const void* from, float* to) const {
    if (!from || scale_type_ == DType::F32) return static_cast<const float*>(from);
    to_float(d.simd, scale_type_, to, from, kBlockRows * groups());
    return to;
  }

  IntWeights weights_at(const vd_call& call, int64_t i) const {
    return {reinterpret_cast<const uint8_t*>(weights(call, i)), scales_at(call, kScale, i),
            scales_at(call, kZero, i), scale_type_ == DType::BF16, group_};
  }
  const void* scales_at(const vd_call& call, int input, int64_t i) const {
    if (sdk::absent(call.inputs[input])) return nullptr;
    return in_ptr<char>(call, input) + i * groups() * sdk::size_of(scale_type_);
  }

  /* dot(y, i, n, scratch) for blocks of n rows of weights from i on; y [rows][kBlockRows] becomes
   * the output. `room`: floats of scratch. */
  template <class Dot>
  bool each_block(Device& d, const vd_call& call, int64_t room, Dot dot) const {
    std::atomic<bool> no_memory{false};
    const bool biased = !sdk::absent(call.inputs[kBias]);
    d.pool.ranges(n_, double(rows_ * k_) / 8, kBlockRows, [&](int64_t first, int64_t last) {
      float* own = static_cast<float*>(thread_scratch(1, size_t(room) * 4));
      if (!own) {
        no_memory = true;
        return;
      }
      float sums[kFewRows * kBlockRows];
      for (int64_t i = first; i < last; i += kBlockRows) {
        const int64_t n = std::min(kBlockRows, last - i);
        dot(sums, i, n, own);
        for (int64_t r = 0; r < rows_; ++r) {
          float* y = sums + r * kBlockRows;
          if (biased)
            for (int64_t j = 0; j < n; ++j) y[j] += bias(call, i + j);
          put(d, call, r * n_ + i, y, n);
        }
      }
    });
    return !no_memory;
  }

  bool many(Device& d, const vd_call& call) const {
    if (d.bf16 && type_ == DType::BF16 && scale_type_ != DType::F16) {
      const uint16_t *x = in_ptr<uint16_t>(call, kX),
                     *b = sdk::absent(call.inputs[kBias]) ? nullptr : in_ptr<uint16_t>(call, kBias);
      return gemm_packed(d, d.bf16->gemm, {rows_, n_, k_, 1}, {out_ptr<uint16_t>(call), b}, x,
                         {rows_, k_, k_, 1, {}}, Rounded(d, *this, call));
    }
    return by_blas(d, call);
  }

  /* The weights as bfloat16. */
  class Rounded final : public Panels<uint16_t> {
   public:
    Rounded(const Device& d, const QuantLinear& q, const vd_call& call)
        : d_(d), q_(q), call_(call) {}
    void pack(uint32_t* to, int64_t, int64_t p, int64_t k, int64_t j, int64_t n) const override {
      d_.bf16->pack_ints(to, q_.weights_at(call_, j), q_.bits_, q_.k_, p, k, n);
    }

   private:
    const Device& d_;
    const QuantLinear& q_;
    const vd_call& call_;
  };

  /* The weights as float32, some rows at a time. */
  bool by_blas(Device& d, const vd_call& call) const {
    float* buf = nullptr;
    if (type_ != DType::F32) {
      buf = static_cast<float*>(d.scratch.get(size_t(rows_ * k_) * 4));
      if (!buf) return false;
    }
    const float* x = input_rows(d, call, buf);
    const int64_t share = std::clamp<int64_t>(n_ / (4 * d.pool.threads()), 1, kWide);
    const int64_t step = (share + kBlockRows - 1) / kBlockRows * kBlockRows;
    std::atomic<bool> no_memory{false};
    d.pool.each((n_ + step - 1) / step, [&](int64_t u) {
      const int64_t first = u * step, n = std::min(step, n_ - first);
      float* w = static_cast<float*>(
          thread_scratch(1, size_t(step * k_ + 2 * kBlockRows * groups() + rows_ * step) * 4));
      if (!w) {
        no_memory = true;
        return;
      }
      float *scales = w + step * k_, *y = scales + 2 * kBlockRows * groups();
      for (int64_t i = 0; i < n; i += kBlockRows)
        widen(d, call, w + i * k_, first + i, std::min(kBlockRows, n - i), scales);
      d.blas.sgemm(kRowMajor, kNoTrans, kTrans, int(rows_), int(n), int(k_), 1.f, x, int(k_), w,
                   int(k_), 0.f, y, int(n));
      if (!sdk::absent(call.inputs[kBias]))
        for (int64_t i = 0; i < n; ++i) {
          const float add = bias(call, first + i);
          for (int64_t r = 0; r < rows_; ++r) y[r * n + i] += add;
        }
      for (int64_t r = 0; r < rows_; ++r) put(d, call, r * n_ + first, y + r * n, n);
    });
    return !no_memory;
  }

  /* n rows of weights from i on, which begins a block. */
  void widen(Device& d, const vd_call& call, float* to, int64_t i, int64_t n, float* own) const {
    const QuantLoops& loops = *d.simd->quant;
    const float* s = row(d, call, kScale, i, n, own);
    const float* z = row(d, call, kZero, i, n, own + kBlockRows * groups());
    for (int64_t j = 0; j < n; ++j, to += k_) {
      if (bits_ == 8)
        loops.widen8(to, weights(call, i + j), s + j * groups(), z ? z + j * groups() : z, k_,
                     group_);
      else
        loops.widen4(to, reinterpret_cast<const uint8_t*>(weights(call, i)), j, n, s, z, k_,
                     group_);
    }
  }

  DType type_, scale_type_;
  int64_t rows_, n_, k_, group_;
  int bits_;
};

vd_status make_quantized_linear(Device&, const vd_call& call, std::unique_ptr<Kernel>& kernel,
                                vd_err* err) {
  auto narrow = [](DType t) { return t == DType::F32 || sdk::is_half(t); };
  if (!arity(call, 5, 1) || !narrow(in_type(call, kX)) || !narrow(in_type(call, kScale)) ||
      out_type(call) != in_type(call, kX) || !call.inputs[kX].ndim ||
      call.inputs[kWeight].ndim != 2)
    return unsupported(call, err, "it takes x and scales of float32 or 16-bit floats");
  const int64_t bits = sdk::attr_int(call, "bits", 8), group = sdk::attr_int(call, "group", 32);
  const vd_tensor &x = call.inputs[kX], &w = call.inputs[kWeight], &z = call.inputs[kZero];
  const int64_t k = x.shape[x.ndim - 1];
  if ((bits != 8 && bits != 4) || (group != 32 && group % 64) || group <= 0 || group > kMostGroup ||
      k % 64 || k % group || k == 0 || w.shape[1] * 8 != k * bits || w.shape[0] > 0x7fffffff ||
      in_type(call, kWeight) != (bits == 8 ? DType::I8 : DType::U8) ||
      (!sdk::absent(z) && in_type(call, kZero) != in_type(call, kScale)) ||
      (!sdk::absent(call.inputs[kBias]) && in_type(call, kBias) != in_type(call, kX)))
    return unsupported(call, err, "it takes 8 or 4 bits and sizes that are multiples of 64");
  int64_t rows = 1;
  for (int i = 0; i < x.ndim - 1; ++i) rows *= x.shape[i];
  if (rows > 0x7fffffff) return unsupported(call, err, "OpenBLAS counts in 32 bits");
  kernel = std::make_unique<QuantLinear>(call, rows, w.shape[0], k, int(bits), group);
  return VD_OK;
}

}  // namespace

void add_quant(sdk::Table<Make>& table) { table.add("quantized_linear", make_quantized_linear); }

}  // namespace vob
