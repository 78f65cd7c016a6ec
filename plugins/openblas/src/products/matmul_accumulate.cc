// `matmul_accumulate`: what is added to a product is read, and its result written, while its sums
// are in registers; the sums of 16-bit operands stay float32.
#include "bf16/kernels.h"
#include "products/kept_panels.h"
#include "products/products.h"

namespace vob {
namespace {

class Accumulate final : public Kernel {
 public:
  Accumulate(uint32_t caps, const GemmShape& s, const Matrices& a, const Matrices& b, bool half,
             bool wide, bool keeps)
      : Kernel(caps), s_(s), a_(a), b_(b), half_(half), wide_(wide), keeps_(keeps) {}

  vd_status run(Device& d, const vd_call& call, vd_err* err) override {
    PackedResult c{out_ptr<void>(call)};
    if (!sdk::absent(call.inputs[2])) c.plus = in_ptr<void>(call, 2);
    c.wide = wide_;
    const bool done = half_ ? multiply(d, d.bf16->gemm, c, call, kept_halves_)
                            : multiply(d, *d.simd->gemm32, c, call, kept_floats_);
    return done ? VD_OK : fail(err, VD_OOM, "%s: no memory to pack an operand", call.op);
  }

 private:
  template <class E>
  bool multiply(Device& d, const PackedKernels<E>& kernels, const PackedResult& c,
                const vd_call& call, KeptPanels<E>& kept) {
    const E *a = in_ptr<E>(call, 0), *b = in_ptr<E>(call, 1);
    if (keeps_)
      if (const Panels<E>* panels = kept.of(d, kernels, b, b_))
        return gemm_packed(d, kernels, s_, c, a, a_, *panels);
    return gemm_packed(d, kernels, s_, c, a, a_, b, b_);
  }

  GemmShape s_;
  Matrices a_, b_;
  bool half_, wide_, keeps_;
  KeptPanels<uint16_t> kept_halves_;
  KeptPanels<float> kept_floats_;
};

}  // namespace

vd_status make_matmul_accumulate(Device& d, const vd_call& call, std::unique_ptr<Kernel>& kernel,
                                 vd_err* err) {
  if (!arity(call, 3, 1)) return fail(err, VD_INVALID, "%s takes a, b and x", call.op);
  const DType t = in_type(call, 0), to = out_type(call);
  const bool half = t == DType::BF16 && d.bf16, wide = to == DType::F32;
  if (in_type(call, 1) != t || (!half && !(t == DType::F32 && d.simd->gemm32)) ||
      (to != t && !wide))
    return unsupported(call, err, "it multiplies what the CPU has tiles for");
  const vd_tensor& x = call.inputs[2];
  if (!sdk::absent(x) &&
      (in_type(call, 2) != to || !sdk::same_shape(x, call.outputs[0]) || !sdk::contiguous(x)))
    return unsupported(call, err, "x lies as the result does");
  GemmShape s;
  Matrices a, b;
  if (vd_status bad = product_shape(call, s, a, b, err)) return bad;
  const auto packs = [](const Matrices& m) { return m.s0 == 1 || m.s1 == 1; };
  if (s.m < kTileRows || s.n < kTileCols || s.k < 16 || s.batch == 0 || !packs(a) || !packs(b))
    return unsupported(call, err, "it is for products that are worth packing");
  // x may be the result, but an operand may not
  bool operand = false;
  for (int i = 0; i < 2; ++i) operand |= sdk::same_shape(call.inputs[i], call.outputs[0]);
  const uint32_t caps = kStrided | kPreferred | (operand ? 0 : kInplace);
  kernel =
      std::make_unique<Accumulate>(caps, s, a, b, half, wide, s.batch == 1 && keeps_panels(call));
  return VD_OK;
}

}  // namespace vob
