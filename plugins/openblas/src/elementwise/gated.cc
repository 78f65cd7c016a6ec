// Gated activations and their gradients, mostly as element-wise programs of their own.
#include "elementwise/ewise.h"

namespace vob {
namespace {

struct Gated {
  const char* op;
  const char* program;       // of float registers: g (backward only), gate, up
  const char* program_tanh;  // with approximate = "tanh"
  std::vector<int64_t> results;
  int inputs;
};

// swiglu_backward: s = sigmoid(gate), dup = g gate s, dgate = g up (s + gate s
// - gate s s)
const Gated kGated[] = {
    {"swiglu", "silu 0; mul 2 1", nullptr, {3}, 2},
    {"swiglu_backward",
     "sigmoid 1; mul 1 3; mul 0 4; add 3 4; mul 4 3; sub 6 7; mul 0 2; mul 9 8",
     nullptr,
     {10, 5},
     3},
    {"geglu", "gelu 0; mul 2 1", "gelu_tanh 0; mul 2 1", {3}, 2},
    {"geglu_backward",
     "mul 0 2; gelu_backward 3 1; gelu 1; mul 0 5",
     "mul 0 2; gelu_tanh_backward 3 1; gelu_tanh 1; mul 0 5",
     {4, 6},
     3},
    {"relu_squared", "relu 0; square 1", nullptr, {2}, 1},
};

// bytes: programs write larger results past the caches, which gains less than the CPU's own
// instructions for bfloat16 do
constexpr int64_t kStream = 24 << 20;

/* SwiGLU of contiguous tensors, straight through. */
template <class E>
vd_status swiglu(Device& d, const vd_call& call, int64_t n, bool backward) {
  d.pool.ranges(n, 16, 1024, [&](int64_t b, int64_t e) {
    const E *x0 = in_ptr<E>(call, 0) + b, *x1 = in_ptr<E>(call, 1) + b;
    if constexpr (sizeof(E) == 4) {
      if (backward)
        d.simd->swiglu_backward32(out_ptr<E>(call, 0) + b, out_ptr<E>(call, 1) + b, x0, x1,
                                  in_ptr<E>(call, 2) + b, e - b);
      else
        d.simd->swiglu32(out_ptr<E>(call) + b, x0, x1, e - b);
    } else {
      if (backward)
        d.simd->swiglu_backward_bf16(out_ptr<E>(call, 0) + b, out_ptr<E>(call, 1) + b, x0, x1,
                                     in_ptr<E>(call, 2) + b, e - b);
      else
        d.simd->swiglu_bf16(out_ptr<E>(call) + b, x0, x1, e - b);
    }
  });
  return VD_OK;
}

bool plain(const vd_call& call) {
  for (int i = 0; i < call.n_inputs; ++i)
    if (in_type(call, i) != in_type(call, 0) || !sdk::contiguous(call.inputs[i]) ||
        !sdk::same_shape(call.inputs[i], call.outputs[0]))
      return false;
  return true;
}

vd_status make(Device& d, const vd_call& call, std::unique_ptr<Kernel>& kernel, vd_err* err) {
  for (const Gated& g : kGated) {
    if (std::strcmp(g.op, call.op) != 0) continue;
    if (!arity(call, g.inputs, int(g.results.size())))
      return fail(err, VD_INVALID, "%s takes %d inputs and %d outputs", call.op, g.inputs,
                  int(g.results.size()));
    for (int i = 0; i < call.n_inputs; ++i)
      if (!sdk::is_float(in_type(call, i))) return unsupported(call, err, "it is for floats");
    const DType t = in_type(call, 0);
    const int64_t n = sdk::numel(call.outputs[0]);
    if (std::strncmp(call.op, "swiglu", 6) == 0 && (t == DType::F32 || t == DType::BF16) &&
        plain(call) && (n * sdk::size_of(t) < kStream || (t == DType::BF16 && d.bf16))) {
      const bool backward = g.inputs == 3;
      return answer(kernel, kStrided | kInplace | kPreferred,
                    [=](Device& device, const vd_call& c, vd_err*) {
                      return t == DType::F32 ? swiglu<float>(device, c, n, backward)
                                             : swiglu<uint16_t>(device, c, n, backward);
                    });
    }
    const bool tanh =
        g.program_tanh && std::strcmp(sdk::attr_str(call, "approximate", "none"), "tanh") == 0;
    vd_attr attrs[2]{};
    attrs[0].name = "program";
    attrs[0].kind = VD_ATTR_STR;
    attrs[0].value.s = tanh ? g.program_tanh : g.program;
    attrs[1].name = "results";
    attrs[1].kind = VD_ATTR_INTS;
    attrs[1].count = int32_t(g.results.size());
    attrs[1].value.ints = g.results.data();
    vd_call program = call;
    program.attrs = attrs;
    program.n_attrs = 2;
    return make_ewise(d, program, kernel, err);
  }
  return unsupported(call, err, "no such activation");
}

}  // namespace

void add_gated(sdk::Table<Make>& table) {
  for (const Gated& g : kGated) table.add(g.op, make);
}

}  // namespace vob
