// The gates of LSTM and GRU steps, and their gradients: all of a row in one pass.
#include "recurrent/recurrent.h"

namespace vob {
namespace {

struct Step {
  const char* op;
  int inputs, outputs;
  int state;      // the input [N, H]
  uint32_t wide;  // inputs and, from bit 8 on, outputs [N, gates H]
  int gates;
  bool optional;  // the last input may be absent
};
const Step kSteps[] = {
    {"lstm_gates", 2, 2, 1, 1u, 4, false},
    {"lstm_gates_backward", 5, 2, 2, 2u | 1u << 8, 4, true},
    {"gru_gates", 3, 1, 2, 3u, 3, false},
    {"gru_gates_backward", 4, 3, 3, 6u | 3u << 8, 3, false},
};

template <class T>
void row(const Simd* simd, int step, const vd_call& c, int64_t r, int64_t n) {
  const RecurrentLoops<T>& f = recurrent_loops<T>(simd);
  const Step& s = kSteps[step];
  const auto in = [&](int i) { return in_ptr<T>(c, i) + r * n * (s.wide >> i & 1 ? s.gates : 1); };
  const auto out = [&](int i) {
    return out_ptr<T>(c, i) + r * n * (s.wide >> (8 + i) & 1 ? s.gates : 1);
  };
  switch (step) {
    case 0:
      return f.lstm(out(0), out(1), in(0), in(1), n);
    case 1:
      return f.lstm_backward(out(0), out(1), in(0), in(1), in(2), in(3),
                             c.n_inputs > 4 && !sdk::absent(c.inputs[4]) ? in(4) : nullptr, n);
    case 2:
      return f.gru(out(0), in(0), in(1), in(2), n);
    default:
      return f.gru_backward(out(0), out(1), out(2), in(0), in(1), in(2), in(3), n);
  }
}

vd_status make(Device&, const vd_call& call, std::unique_ptr<Kernel>& kernel, vd_err* err) {
  int step = 0;
  while (std::strcmp(kSteps[step].op, call.op) != 0) ++step;
  const Step& s = kSteps[step];
  if (!arity(call, s.inputs, s.outputs) && !(s.optional && arity(call, s.inputs - 1, s.outputs)))
    return fail(err, VD_INVALID, "%s takes %d inputs and %d outputs", call.op, s.inputs, s.outputs);
  const vd_tensor& state = call.inputs[s.state];
  const DType type = in_type(call, s.state);
  if (type != DType::F32 && type != DType::F64)
    return unsupported(call, err, "it takes float32 and float64");
  const int64_t n = state.ndim ? state.shape[state.ndim - 1] : 0;
  const auto fits = [&](const vd_tensor& t, bool wide) {
    if (t.ndim != state.ndim || sdk::dtype_of(t.dtype) != type) return false;
    for (int i = 0; i < t.ndim - 1; ++i)
      if (t.shape[i] != state.shape[i]) return false;
    return t.ndim > 0 && t.shape[t.ndim - 1] == n * (wide ? s.gates : 1);
  };
  for (int i = 0; i < call.n_inputs; ++i)
    if (!(s.optional && i == s.inputs - 1 && sdk::absent(call.inputs[i])) &&
        !fits(call.inputs[i], s.wide >> i & 1))
      return unsupported(call, err, "the shapes and dtypes do not fit");
  for (int i = 0; i < call.n_outputs; ++i)
    if (!fits(call.outputs[i], s.wide >> (8 + i) & 1))
      return unsupported(call, err, "the shapes and dtypes do not fit");
  const int64_t rows = n ? sdk::numel(state) / n : 0;
  return answer(kernel, kPreferred, [=](Device& d, const vd_call& c, vd_err*) {
    d.pool.ranges(rows, double(n) * 60, 1, [&](int64_t b, int64_t e) {
      for (int64_t r = b; r < e; ++r)
        type == DType::F32 ? row<float>(d.simd, step, c, r, n) : row<double>(d.simd, step, c, r, n);
    });
    return VD_OK;
  });
}

}  // namespace

void add_recurrent(sdk::Table<Make>& table) {
  for (const Step& s : kSteps) table.add(s.op, make);
  add_recurrent_steps(table);
}

}  // namespace vob
