// Activations, clamp and lerp: composites of one pass, some with numbers as attributes.
#include <limits>

#include "elementwise/elementwise.h"

namespace vob {
namespace {

struct Activation {
  const char* op;
  EwiseOp loop;
  int inputs;
  const char* attribute;  // becomes the last operand
  double otherwise;
  double cost;
};

const Activation kActivations[] = {
    {"frac", k_e_frac, 1, nullptr, 0, 1},
    {"clamp", k_e_clamp, 3, nullptr, 0, 1},
    {"lerp", k_e_lerp, 3, nullptr, 0, 1},
    {"leaky_relu", k_e_leaky_relu, 1, "negative_slope", 0.01, 1},
    {"leaky_relu_backward", k_e_leaky_relu_backward, 2, "negative_slope", 0.01, 1},
    {"hardswish", k_e_hardswish, 1, nullptr, 0, 1},
    {"hardswish_backward", k_e_hardswish_backward, 2, nullptr, 0, 1},
    {"softplus", k_e_softplus, 1, nullptr, 0, 4},
    {"softplus_backward", k_e_softplus_backward, 2, nullptr, 0, 4},
};

vd_status make(Device& d, const vd_call& call, std::unique_ptr<Kernel>& kernel, vd_err* err) {
  constexpr double endless = std::numeric_limits<double>::infinity();
  for (const Activation& a : kActivations) {
    if (std::strcmp(a.op, call.op) != 0) continue;
    if (!arity(call, a.inputs, 1))
      return fail(err, VD_INVALID, "%s takes %d inputs and 1 output", call.op, a.inputs);
    const DType t = in_type(call, 0);
    if (!sdk::is_float(t) || out_type(call) != t)
      return unsupported(call, err, "it takes and gives floats of one dtype");
    LoopSpec spec{d.simd->ewise[t == DType::F64 ? kF64 : kF32][a.loop], a.cost};
    for (int i = 0; i < call.n_inputs; ++i) {
      const vd_tensor& x = call.inputs[i];
      if (sdk::absent(x)) {  // a bound of clamp
        spec.numbers.push_back(i == 1 ? -endless : endless);
      } else if (sdk::scalar(x) ? sdk::is_complex(in_type(call, i))
                                : in_type(call, i) != t || !sdk::same_shape(x, call.outputs[0])) {
        return unsupported(call, err, "its tensors differ in shape or dtype");
      }
    }
    if (a.attribute) spec.numbers.push_back(sdk::attr_float(call, a.attribute, a.otherwise));
    if (sdk::attr_float(call, "beta", 1) != 1 || sdk::attr_float(call, "threshold", 20) != 20)
      return unsupported(call, err, "beta and threshold are not 1 and 20");
    spec.retype = true;
    return make_elementwise(d, call, spec, kPreferred, kernel, err);
  }
  return unsupported(call, err, "no such activation");
}

}  // namespace

void add_activations(sdk::Table<Make>& table) {
  for (const Activation& a : kActivations) table.add(a.op, make);
}

}  // namespace vob
