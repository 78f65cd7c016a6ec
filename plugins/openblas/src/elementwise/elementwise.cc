// Element-wise kernels: blocks of contiguous operands, whatever the tensors' strides.
#include "elementwise/elementwise.h"

namespace vob {
namespace {

constexpr int kMaxInputs = 4;
// Results go past the caches where these could not hold them until they are read, or where what
// is read and written is too much for them.
constexpr int64_t kStreamBytes = 24 << 20, kStreamTraffic = 40 << 20;

enum class Mode : uint8_t {
  Direct,    // contiguous: the loop reads the tensor
  Constant,  // one element: a block is filled with it once
  Rows,      // long contiguous runs: read directly, blocks end where a run ends
  Repeat,    // long runs of one element: a block is filled with it, and ends where a run ends
  Pack       // anything else: gathered block by block
};

struct Operand {
  Mode mode;
  bool half;    // converted to float32
  bool number;  // gets the loop's type at each run: input `source`, a scalar, or else `value`
  int source;
  double value;
  DType type;
  int bytes;
  Layout layout;
};

void half_to_float(const Simd* s, DType t, float* y, const void* x, int64_t n) {
  auto f = t == DType::BF16 ? s->bf16_to_f32 : s->f16_to_f32;
  f(y, static_cast<const uint16_t*>(x), n);
}

class Elementwise final : public Kernel {
 public:
  Elementwise(Device& d, const vd_call& call, const LoopSpec& spec, uint32_t caps)
      : Kernel(caps), spec_(spec), n_(sdk::numel(call.outputs[0])) {
    out_type_ = out_type(call);
    out_bytes_ = sdk::size_of(out_type_);
    out_half_ = sdk::is_half(out_type_) && !spec.raw;
    int64_t traffic = 0;
    n_inputs_ = call.n_inputs + int(spec.numbers.size());
    for (int i = 0; i < call.n_inputs; ++i) n_inputs_ -= sdk::absent(call.inputs[i]);
    size_t given = 0;
    for (int i = 0; i < n_inputs_; ++i) {
      Operand& o = in_[i];
      const bool fixed = i >= call.n_inputs || sdk::absent(call.inputs[i]);
      o.number = fixed || (spec.retype && sdk::scalar(call.inputs[i]));
      if (o.number) {
        o.value = fixed ? spec.numbers[given++] : 0;
        o.source = fixed ? -1 : i;
        o.type = out_type_ == DType::F64 ? DType::F64 : DType::F32;
        o.bytes = sdk::size_of(o.type);
        o.half = false;
        o.mode = Mode::Constant;
        direct_ = false;
        continue;
      }
      o.type = in_type(call, i);
      o.bytes = sdk::size_of(o.type);
      o.half = sdk::is_half(o.type) && !spec.raw;
      o.layout = layout_of(call.inputs[i]);
      if (sdk::scalar(call.inputs[i]) || o.layout.constant()) {
        o.mode = Mode::Constant;
      } else if (o.layout.dense()) {
        o.mode = Mode::Direct;
      } else {
        const Layout& l = o.layout;
        const bool runs = l.size[l.nd - 1] >= 256;
        const int64_t step = l.stride[l.nd - 1];
        const bool one = step == 0 && o.bytes == 4;
        o.mode = runs && step == 1 ? Mode::Rows : runs && one ? Mode::Repeat : Mode::Pack;
      }
      if (n_ == 1) o.mode = Mode::Direct;
      direct_ &= o.mode == Mode::Direct && !o.half;
      if (o.mode == Mode::Direct || o.mode == Mode::Pack) traffic += n_ * o.bytes;
      cost_ += o.half || o.mode == Mode::Pack ? 1 : 0;
    }
    direct_ &= !out_half_;
    cost_ += spec.cost;
    // only where memory is the limit: a loop that computes longer hides its stores by itself
    traffic += n_ * out_bytes_;
    stream_ = spec.cost <= 2 && (n_ * out_bytes_ >= kStreamBytes || traffic >= kStreamTraffic);
    (void)d;
  }

  vd_status run(Device& d, const vd_call& call, vd_err*) override {
    if (n_ == 0) return VD_OK;
    const void* in[kMaxInputs];
    alignas(8) unsigned char numbers[kMaxInputs][8];
    for (int i = 0; i < n_inputs_; ++i)
      in[i] = in_[i].number ? number(in_[i], call, numbers[i]) : sdk::data(call.inputs[i]);
    char* out = out_ptr<char>(call);
    if (direct_ && double(n_) * cost_ < 32768) {
      spec_.loop(out, in, n_);
      return VD_OK;
    }
    bool stream = stream_ && (reinterpret_cast<uintptr_t>(out) & 63) == 0;
    for (int i = 0; i < n_inputs_; ++i) stream &= in[i] != out;
    d.pool.ranges(n_, cost_, kBlock, [&](int64_t begin, int64_t end) {
      if (direct_ && !stream) {
        const void* p[kMaxInputs];
        for (int i = 0; i < n_inputs_; ++i)
          p[i] = static_cast<const char*>(in[i]) + begin * in_[i].bytes;
        spec_.loop(out + begin * out_bytes_, p, end - begin);
      } else {
        blocks(d.simd, out, in, begin, end, stream);
      }
    });
    return VD_OK;
  }

 private:
  /* The operand's value in the loop's type. */
  static const void* number(const Operand& o, const vd_call& call, unsigned char* to) {
    const double value = o.source < 0 ? o.value : sdk::scalar_value(call.inputs[o.source]);
    const float single = float(value);
    if (o.type == DType::F64)
      std::memcpy(to, &value, sizeof value);
    else
      std::memcpy(to, &single, sizeof single);
    return to;
  }

  void blocks(const Simd* s, char* out, const void* const* in, int64_t begin, int64_t end,
              bool stream) const {
    alignas(64) unsigned char buffer[kMaxInputs][kBlock * 16];
    alignas(64) unsigned char result[kBlock * 16];
    alignas(64) uint16_t half[kBlock];
    const void* p[kMaxInputs];
    for (int i = 0; i < n_inputs_; ++i) {
      const Operand& o = in_[i];
      if (o.mode != Mode::Constant) continue;
      int64_t n = end - begin < kBlock ? end - begin : kBlock;
      static const Layout repeated = [] {
        Layout l;
        l.push(kBlock, 0);
        return l;
      }();
      gather(repeated, o.bytes, in[i], 0, n, o.half ? static_cast<void*>(half) : buffer[i]);
      if (o.half) half_to_float(s, o.type, reinterpret_cast<float*>(buffer[i]), half, n);
      p[i] = buffer[i];
    }
    for (int64_t at = begin; at < end;) {
      int64_t n = end - at < kBlock ? end - at : kBlock;
      for (int i = 0; i < n_inputs_; ++i) {  // a block ends where a long run does
        const Operand& o = in_[i];
        if (o.mode != Mode::Rows && o.mode != Mode::Repeat) continue;
        int64_t inner = o.layout.size[o.layout.nd - 1], left = inner - at % inner;
        if (left < n) n = left;
      }
      for (int i = 0; i < n_inputs_; ++i) {
        const Operand& o = in_[i];
        if (o.mode == Mode::Constant) continue;
        const char* base = static_cast<const char*>(in[i]);
        if (o.mode == Mode::Direct) {
          p[i] = base + at * o.bytes;
        } else if (o.mode == Mode::Rows) {
          p[i] = base + o.layout.at(at) * o.bytes;
        } else if (o.mode == Mode::Repeat) {
          s->fill32(buffer[i], base + o.layout.at(at) * o.bytes, n);
          p[i] = buffer[i];
        } else {
          void* to = o.half ? static_cast<void*>(half) : buffer[i];
          gather(o.layout, o.bytes, base, at, n, to);
          p[i] = to;
        }
        if (o.half) {
          half_to_float(s, o.type, reinterpret_cast<float*>(buffer[i]), p[i], n);
          p[i] = buffer[i];
        }
      }
      char* to = out + at * out_bytes_;
      bool past = stream && n * out_bytes_ % 64 == 0 && (reinterpret_cast<uintptr_t>(to) & 63) == 0;
      spec_.loop(out_half_ || past ? static_cast<void*>(result) : to, p, n);
      if (out_half_) {
        auto f = out_type_ == DType::BF16 ? s->f32_to_bf16 : s->f32_to_f16;
        f(past ? half : reinterpret_cast<uint16_t*>(to), reinterpret_cast<float*>(result), n);
      }
      if (past) s->stream(to, out_half_ ? static_cast<void*>(half) : result, n * out_bytes_);
      at += n;
    }
    if (stream) s->stream_end();
  }

  LoopSpec spec_;
  int n_inputs_;
  int64_t n_;
  double cost_ = 0;
  Operand in_[kMaxInputs];
  DType out_type_;
  int out_bytes_;
  bool out_half_, direct_ = true, stream_;
};

/* The index of `op` in a list of names, or -1. */
int index_of(const char* op, const char* const* names, int n) {
  for (int i = 0; i < n; ++i)
    if (std::strcmp(op, names[i]) == 0) return i;
  return -1;
}

#define VOB_NAME(name) #name,
const char* const kUnary[] = {VOB_UNARY_OPS(VOB_NAME)};
const char* const kBinary[] = {VOB_BINARY_OPS(VOB_NAME)};
const char* const kCompare[] = {VOB_COMPARE_OPS(VOB_NAME)};
#undef VOB_NAME

/* The loop compiled for this CPU, or nullptr. */
Loop simd_loop(const Device& d, const char* op, Float f, int arity) {
  if (arity == 1) {
    int i = index_of(op, kUnary, kUnaryOps);
    return i >= 0 ? d.simd->unary[f][i] : nullptr;
  }
  int i = index_of(op, kBinary, kBinaryOps);
  if (i >= 0) return d.simd->binary[f][i];
  i = index_of(op, kCompare, kCompareOps);
  return i >= 0 && f != kBF16 ? d.simd->compare[f][i] : nullptr;
}

/* The loop for float32 (which float16 and most of bfloat16 use too) or float64. */
Loop float_loop(const Device& d, const char* op, Float f, int arity) {
  if (Loop loop = simd_loop(d, op, f, arity)) return loop;
  return libm_loop(op, f == kF64 ? DType::F64 : DType::F32);
}

bool transcendental(const char* op) {
  static const char* const cheap[] = {
      "neg",    "abs", "sign", "floor", "ceil",    "round",   "trunc",         "relu",
      "square", "add", "sub",  "mul",   "maximum", "minimum", "relu_backward", "eq",
      "ne",     "lt",  "le",   "gt",    "ge",      "isnan"};
  return index_of(op, cheap, int(sizeof cheap / sizeof *cheap)) < 0;
}

/* Composites: their operands arrive as the user gave them, not broadcast. */
bool whole(const char* op) {
  static const char* const ops[] = {"remainder", "hypot", "logaddexp"};
  return index_of(op, ops, 3) >= 0;
}

template <int Arity>
vd_status make(Device& d, const vd_call& call, std::unique_ptr<Kernel>& kernel, vd_err* err) {
  if (!arity(call, Arity, 1))
    return fail(err, VD_INVALID, "%s takes %d inputs and 1 output, got %d and %d", call.op, Arity,
                call.n_inputs, call.n_outputs);
  DType t = in_type(call, 0);
  if (Arity == 2 && in_type(call, 1) != t) return unsupported(call, err, "inputs differ in dtype");
  if (Arity == 2 && whole(call.op) && !sdk::same_shape(call.inputs[0], call.inputs[1]))
    return unsupported(call, err, "its inputs differ in shape");
  const char* op = call.op;
  if (std::strncmp(op, "gelu", 4) == 0 &&
      std::strcmp(sdk::attr_str(call, "approximate", "none"), "tanh") == 0)
    op = Arity == 1 ? "gelu_tanh" : "gelu_tanh_backward";
  LoopSpec spec;
  if (sdk::is_float(t)) {
    spec.cost = transcendental(op) ? (t == DType::F64 ? 16 : 4) : 1;
    if (t == DType::BF16 && out_type(call) == t) spec.loop = simd_loop(d, op, kBF16, Arity);
    spec.raw = spec.loop != nullptr;
    if (t == DType::BF16 && std::strcmp(op, "gelu") == 0) spec.loop = d.simd->rough_gelu;
    if (!spec.loop) spec.loop = float_loop(d, op, t == DType::F64 ? kF64 : kF32, Arity);
  } else if (sdk::is_complex(t)) {
    spec.loop = complex_loop(op, t);
    spec.cost = transcendental(op) ? 32 : 2;
  } else {
    spec.loop = int_loop(op, t);
    spec.cost = 1;
  }
  if (!spec.loop) return unsupported(call, err, "the op has no meaning or no loop for this dtype");
  return make_elementwise(d, call, spec, kPreferred, kernel, err);
}

vd_status make_where(Device& d, const vd_call& call, std::unique_ptr<Kernel>& kernel, vd_err* err) {
  if (!arity(call, 3, 1) || in_type(call, 0) != DType::Bool ||
      in_type(call, 1) != in_type(call, 2) || in_type(call, 1) != out_type(call))
    return unsupported(call, err, "where takes a bool condition and two tensors of one dtype");
  LoopSpec spec{where_loop(sdk::size_of(in_type(call, 1))), 1};
  spec.raw = true;  // it only moves bits
  return make_elementwise(d, call, spec, 0, kernel, err);
}

}  // namespace

vd_status make_elementwise(Device& d, const vd_call& call, const LoopSpec& spec, uint32_t caps,
                           std::unique_ptr<Kernel>& kernel, vd_err* err) {
  for (int i = 0; i < call.n_inputs; ++i)
    if (!sdk::scalar(call.inputs[i]) && !sdk::absent(call.inputs[i]) &&
        !sdk::same_shape(call.inputs[i], call.outputs[0]))
      return fail(err, VD_INVALID, "%s: input %d does not have the output's shape", call.op, i);
  kernel = std::make_unique<Elementwise>(d, call, spec, caps | kStrided | kInplace | kScalars);
  const auto dense = [&](const vd_call& c, std::unique_ptr<Kernel>& k, vd_err* e) {
    return make_elementwise(d, c, spec, caps, k, e);
  };
  return rather_copied(call, dense, kernel, err);
}

void add_elementwise(sdk::Table<Make>& table) {
  // gelu_tanh and its gradient are gelu with an attribute, not ops of their own
  for (const char* op : kUnary)
    if (std::strcmp(op, "gelu_tanh") != 0) table.add(op, make<1>);
  for (const char* op : kBinary)
    if (std::strcmp(op, "gelu_tanh_backward") != 0) table.add(op, make<2>);
  for (const char* op : kCompare) table.add(op, make<2>);
  for (const char* op : {"isnan", "bitwise_not"}) table.add(op, make<1>);
  for (const char* op : {"bitwise_and", "bitwise_or", "bitwise_xor", "shift_left", "shift_right"})
    table.add(op, make<2>);
  table.add("where", make_where);
}

}  // namespace vob
