// Operands that lie across the walk of an element-wise kernel.
#include "elementwise/elementwise.h"

namespace vob {
namespace {

constexpr int64_t kLine = 16, kFew = 4096;  // elements

bool lies_across(const vd_tensor& t) {
  if (sdk::absent(t) || sdk::scalar(t)) return false;
  const Layout l = layout_of(t);
  const int last = l.nd - 1;
  if (last < 1 || l.stride[last] < kLine || l.size[last] < kLine || l.numel() < kFew) return false;
  bool runs = false;
  for (int d = 0; d < last; ++d) {
    if (l.stride[d] == 0) return false;
    runs |= l.stride[d] == 1 && l.size[d] >= kLine;
  }
  return runs;
}

/* Asks for contiguous operands by its capabilities, and takes others all the same. */
class Across final : public Kernel {
 public:
  Across(std::unique_ptr<Kernel> strided, std::unique_ptr<Kernel> dense)
      : Kernel(dense->caps & ~kStrided), strided_(std::move(strided)), dense_(std::move(dense)) {}

  vd_status run(Device& d, const vd_call& call, vd_err* err) override {
    bool dense = true;
    for (int i = 0; i < call.n_inputs; ++i)
      if (!sdk::absent(call.inputs[i]) && !sdk::scalar(call.inputs[i]))
        dense &= sdk::contiguous(call.inputs[i]);
    return (dense ? dense_ : strided_)->run(d, call, err);
  }

 private:
  std::unique_ptr<Kernel> strided_, dense_;
};

}  // namespace

vd_status rather_copied(const vd_call& call, const Finder& find, std::unique_ptr<Kernel>& kernel,
                        vd_err* err) {
  bool across = false;
  for (int i = 0; i < call.n_inputs; ++i) across |= lies_across(call.inputs[i]);
  if (!across) return VD_OK;
  std::vector<vd_tensor> inputs(call.inputs, call.inputs + call.n_inputs);
  std::vector<std::vector<int64_t>> strides(inputs.size());
  for (size_t i = 0; i < inputs.size(); ++i) {
    vd_tensor& t = inputs[i];
    if (sdk::absent(t) || sdk::scalar(t)) continue;
    strides[i].resize(size_t(t.ndim));
    int64_t step = 1;
    for (int d = t.ndim - 1; d >= 0; step *= t.shape[d--]) strides[i][size_t(d)] = step;
    t.strides = strides[i].data();
  }
  vd_call dense = call;
  dense.inputs = inputs.data();
  std::unique_ptr<Kernel> other;
  if (vd_status s = find(dense, other, err)) return s;
  kernel = std::make_unique<Across>(std::move(kernel), std::move(other));
  return VD_OK;
}

}  // namespace vob
