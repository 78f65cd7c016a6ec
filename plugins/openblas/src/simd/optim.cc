// Optimizer steps in one pass over the parameters, Philox blocks, and the finished table.
#include "math.h"
#include "parts.h"

namespace vob {
namespace VOB_ISA {
namespace {

template <class T>
void adamw(T* p, const T* g, T* m, T* v, const T* p0, const T* m0, const T* v0, int64_t n,
           const AdamStep& s) {
  const T b1 = T(s.beta1), b2 = T(s.beta2), c1 = T(1 - s.beta1), c2 = T(1 - s.beta2);
  const T keep = T(s.decoupled ? 1 - s.lr * s.weight_decay : 1.0);
  const T couple = T(s.decoupled ? 0.0 : s.weight_decay);
  const T step = T(s.lr / s.correction1), root = T(1 / __builtin_sqrt(s.correction2)),
          eps = T(s.eps);
#pragma GCC ivdep
  for (int64_t i = 0; i < n; ++i) {
    T x = p0[i], d = g[i] + couple * x;
    T mi = b1 * m0[i] + c1 * d, vi = b2 * v0[i] + c2 * d * d;
    T r = sizeof(T) == 4 ? T(__builtin_sqrtf(float(vi))) : T(__builtin_sqrt(double(vi)));
    m[i] = mi;
    v[i] = vi;
    p[i] = x * keep - step * mi / (r * root + eps);
  }
}

template <class T>
void sgd(T* p, const T* g, T* buf, const T* p0, const T* buf0, int64_t n, const SgdStep& s) {
  const T lr = T(s.lr), wd = T(s.weight_decay), mu = T(s.momentum), gain = T(1 - s.dampening);
  if (!s.buffered) {
#pragma GCC ivdep
    for (int64_t i = 0; i < n; ++i) p[i] = p0[i] - lr * (g[i] + wd * p0[i]);
    return;
  }
  const T old = s.first ? T(0) : mu, fresh = s.first ? T(1) : gain;
  const T of_g = s.nesterov ? T(1) : T(0), of_buf = s.nesterov ? mu : T(1);
#pragma GCC ivdep
  for (int64_t i = 0; i < n; ++i) {
    T x = p0[i], d = g[i] + wd * x;
    T b = s.first ? d : old * buf0[i] + fresh * d;
    buf[i] = b;
    p[i] = x - lr * (of_g * d + of_buf * b);
  }
}

void philox(uint32_t* out, uint64_t key, uint64_t counter, int64_t blocks) {
#pragma GCC ivdep
  for (int64_t b = 0; b < blocks; ++b) {
    uint64_t c = counter + uint64_t(b);
    uint32_t c0 = uint32_t(c), c1 = uint32_t(c >> 32), c2 = 0, c3 = 0;
    uint32_t k0 = uint32_t(key), k1 = uint32_t(key >> 32);
    for (int round = 0; round < 10; ++round) {
      uint64_t p0 = uint64_t(0xD2511F53u) * c0, p1 = uint64_t(0xCD9E8D57u) * c2;
      c0 = uint32_t(p1 >> 32) ^ c1 ^ k0;
      c1 = uint32_t(p1);
      c2 = uint32_t(p0 >> 32) ^ c3 ^ k1;
      c3 = uint32_t(p0);
      k0 += 0x9E3779B9u;
      k1 += 0xBB67AE85u;
    }
    out[4 * b] = c0;
    out[4 * b + 1] = c1;
    out[4 * b + 2] = c2;
    out[4 * b + 3] = c3;
  }
}

}  // namespace

void fill_optim(Simd& s) {
  s.adamw32 = adamw<float>, s.adamw64 = adamw<double>;
  s.sgd32 = sgd<float>, s.sgd64 = sgd<double>;
  s.philox = philox;
}

}  // namespace VOB_ISA

#define VOB_CAT(a, b) a##b
#define VOB_NAME(isa) VOB_CAT(simd_, isa)
const Simd* VOB_NAME(VOB_ISA)() {
  static const Simd table = [] {
    Simd s{};
    VOB_ISA::fill_elementwise(s);
    VOB_ISA::fill_smooth(s);
    VOB_ISA::fill_conv(s);
    VOB_ISA::fill_pool(s);
    VOB_ISA::fill_scan(s);
    VOB_ISA::fill_ewise(s);
    VOB_ISA::fill_activations(s);
    VOB_ISA::fill_gated(s);
    VOB_ISA::fill_recurrent(s);
    VOB_ISA::fill_rope(s);
    VOB_ISA::fill_convert(s);
    VOB_ISA::fill_move(s);
    VOB_ISA::fill_reduce(s);
    VOB_ISA::fill_rows(s);
    VOB_ISA::fill_columns(s);
    VOB_ISA::fill_norm(s);
    VOB_ISA::fill_channels(s);
    VOB_ISA::fill_gemv(s);
    VOB_ISA::fill_few(s);
    VOB_ISA::fill_fft(s);
    VOB_ISA::fill_gemm(s);
    VOB_ISA::fill_optim(s);
    VOB_ISA::fill_attention(s);
    VOB_ISA::fill_quant(s);
    return s;
  }();
  return &table;
}

}  // namespace vob
