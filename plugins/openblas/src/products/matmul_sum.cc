// `matmul_sum`: a0 b0 + a1 b1 + ..., as one product whose k are those of all, one after the other.
// The sums stay in registers from the first to the last.
#include <algorithm>

#include "bf16/kernels.h"
#include "products/gemm_packed.h"
#include "products/products.h"

namespace vob {
namespace {

constexpr int kMost = kSources;
constexpr int64_t kWholeVectors = 32;  // numbers of k: what follows them starts a vector

struct Terms {
  int n = 0;
  Matrices a[kMost], b[kMost];

  /* f(term, words before it, its k to begin with, how many) for what lies in [p, p + k). */
  template <class F>
  void each(int64_t p, int64_t k, int64_t per_word, F&& f) const {
    int64_t start = 0;
    for (int x = 0; x < n; ++x) {
      const int64_t end = start + a[x].cols;
      const int64_t from = std::max(p, start), to = std::min(p + k, end);
      if (from < to) f(x, (from - p) / per_word, from - start, to - from);
      start = end;
    }
  }
};

template <class E>
class Left final : public Strips<E> {
 public:
  Left(const PackedKernels<E>& kernels, const Terms& terms, const vd_call& call)
      : kernels_(kernels), terms_(terms), call_(call) {}
  bool by_rows() const override { return true; }
  void pack(uint32_t* to, int64_t step, int64_t, int64_t r, int64_t n, int64_t p,
            int64_t k) const override {
    terms_.each(p, k, PackedKernels<E>::kTerms, [&](int x, int64_t at, int64_t own, int64_t m) {
      const int64_t s0 = terms_.a[x].s0;
      kernels_.copy_rows(to + at, step, in_ptr<E>(call_, 2 * x) + r * s0 + own, s0, n, m);
    });
  }
  int source(Source* to, int64_t, int64_t r, int64_t n, int64_t p, int64_t k) const override {
    int found = 0;
    terms_.each(p, k, 1, [&](int x, int64_t, int64_t own, int64_t m) {
      const Matrices& a = terms_.a[x];
      to[found++] = source_of(in_ptr<E>(call_, 2 * x) + r * a.s0 + own, a, n, m);
    });
    return found;
  }

 private:
  const PackedKernels<E>& kernels_;
  const Terms& terms_;
  const vd_call& call_;
};

template <class E>
class Right final : public Panels<E> {
 public:
  Right(const PackedKernels<E>& kernels, const Terms& terms, const vd_call& call)
      : kernels_(kernels), terms_(terms), call_(call) {}
  void pack(uint32_t* to, int64_t, int64_t p, int64_t k, int64_t j, int64_t n) const override {
    terms_.each(p, k, PackedKernels<E>::kTerms, [&](int x, int64_t at, int64_t own, int64_t m) {
      const Matrices& b = terms_.b[x];
      kernels_.pack_b(to + at * kTileCols, in_ptr<E>(call_, 2 * x + 1) + own * b.s0 + j * b.s1,
                      b.s0, b.s1, m, n);
    });
  }
  int source(Source* to, int64_t, int64_t p, int64_t k, int64_t j, int64_t n) const override {
    int found = 0;
    terms_.each(p, k, 1, [&](int x, int64_t, int64_t own, int64_t m) {
      const Matrices& b = terms_.b[x];
      const E* at = in_ptr<E>(call_, 2 * x + 1) + own * b.s0 + j * b.s1;
      to[found++] = source_of(at, b, m, n);
    });
    return found;
  }

 private:
  const PackedKernels<E>& kernels_;
  const Terms& terms_;
  const vd_call& call_;
};

class Sum final : public Kernel {
 public:
  Sum(uint32_t caps, const GemmShape& s, const Terms& terms, bool half, bool wide)
      : Kernel(caps), s_(s), terms_(terms), half_(half), wide_(wide) {}

  vd_status run(Device& d, const vd_call& call, vd_err* err) override {
    const bool done =
        half_ ? go<uint16_t>(d, d.bf16->gemm, call) : go<float>(d, *d.simd->gemm32, call);
    return done ? VD_OK : fail(err, VD_OOM, "%s: no memory to pack an operand", call.op);
  }

 private:
  template <class E>
  bool go(Device& d, const PackedKernels<E>& kernels, const vd_call& call) const {
    PackedResult c{out_ptr<void>(call)};
    c.wide = wide_;
    return gemm_packed(d, kernels, s_, c, Left<E>(kernels, terms_, call),
                       Right<E>(kernels, terms_, call));
  }

  GemmShape s_;
  Terms terms_;
  bool half_, wide_;
};

}  // namespace

vd_status make_matmul_sum(Device& d, const vd_call& call, std::unique_ptr<Kernel>& kernel,
                          vd_err* err) {
  if (call.n_inputs < 2 || call.n_inputs % 2 || call.n_outputs != 1)
    return fail(err, VD_INVALID, "%s takes pairs of a and b", call.op);
  const DType t = in_type(call, 0), to = out_type(call);
  const bool half = t == DType::BF16 && d.bf16, wide = to == DType::F32;
  bool known = (half || (t == DType::F32 && d.simd->gemm32)) && (to == t || wide);
  for (int i = 1; i < call.n_inputs; ++i) known &= in_type(call, i) == t;
  if (!known || call.n_inputs > 2 * kMost)
    return unsupported(call, err, "it multiplies what the CPU has tiles for, four pairs at most");
  GemmShape all{};
  Terms terms;
  for (; terms.n < call.n_inputs / 2; ++terms.n) {
    vd_call one = call;
    one.inputs = call.inputs + 2 * terms.n;
    GemmShape s;
    Matrices &a = terms.a[terms.n], &b = terms.b[terms.n];
    if (vd_status bad = product_shape(one, s, a, b, err)) return bad;
    if (s.batch != 1 || a.s1 != 1 || (b.s0 != 1 && b.s1 != 1) || s.k % kWholeVectors || s.k == 0)
      return unsupported(call, err, "rows of every a lie along k, which fills whole vectors");
    const int64_t k = all.k + s.k;
    all = s;
    all.k = k;
  }
  if (all.m < kTileRows || all.n < kTileCols)
    return unsupported(call, err, "it is for products that are worth packing");
  kernel = std::make_unique<Sum>(kStrided | kPreferred, all, terms, half, wide);
  return VD_OK;
}

}  // namespace vob
