// `ewise`: a program of element-wise instructions, interpreted block by block.  A block's registers
// stay in the first cache, so that memory is read and written once however long the program is.
#include "ewise.h"

#include <algorithm>

#include "elementwise.h"

namespace vob {
namespace {

constexpr int kMaxRegisters = 256;
constexpr int kScratch = 48 << 10;     // bytes of registers, on the stack of each thread
constexpr int kCacheBytes = 24 << 10;  // what a block may take of the first cache
constexpr int64_t kMostBlock = 1024, kLeastBlock = 128;
constexpr int64_t kRowLength = 512;         // rows from this length on are read in place
constexpr int64_t kStreamBytes = 24 << 20;  // results that no cache can hold until they are read

enum class How : uint8_t {
  Unused,
  Constant,  // one element: a register is filled with it once
  Direct,    // contiguous, of the program's type: the loops read the tensor
  Convert,   // contiguous, of another type
  Row,       // part of a long row: in place, repeated or gathered by its inner stride
  Period,    // the same short row again and again: a register is filled once
  Pack       // anything else: gathered block by block
};

struct Input {
  How how = How::Unused;
  DType type;
  int bytes;
  int slot = -1;
  Layout layout;                // merged on its own
  int64_t stride[VD_MAX_NDIM];  // over the dims that all inputs share
};

struct Output {
  DType type;
  int bytes;
  int reg;
  int step = -1;  // the step that may write the tensor itself, if it has the program's type
};

/* To and from the program's type. */
struct Conversion {
  const Simd* simd;
  bool wide;  // float64

  DType type() const { return wide ? DType::F64 : DType::F32; }
  void load(DType from, void* to, const void* x, int64_t n) const {
    if (sdk::is_half(from)) {
      alignas(64) float narrow[kMostBlock];
      auto f = from == DType::BF16 ? simd->bf16_to_f32 : simd->f16_to_f32;
      f(wide ? narrow : static_cast<float*>(to), static_cast<const uint16_t*>(x), n);
      if (!wide) return;
      const void* in[] = {narrow};
      cast_loop(DType::F32, DType::F64)(to, in, n);
    } else if (from == type()) {
      if (to != x) std::memcpy(to, x, size_t(n * sdk::size_of(from)));
    } else {
      const void* in[] = {x};
      cast_loop(from, type())(to, in, n);
    }
  }
  void store(DType to, void* y, const void* x, int64_t n) const {
    const void* in[] = {x};
    if (sdk::is_half(to)) {
      alignas(64) float narrow[kMostBlock];
      if (wide) cast_loop(DType::F64, to)(narrow, in, n);  // rounds to odd: the next one decides
      auto f = to == DType::BF16 ? simd->f32_to_bf16 : simd->f32_to_f16;
      f(static_cast<uint16_t*>(y), wide ? narrow : static_cast<const float*>(x), n);
    } else if (to == type()) {
      std::memcpy(y, x, size_t(n * sdk::size_of(to)));
    } else {
      cast_loop(type(), to)(y, in, n);
    }
  }
};

template <class T>
void fill(T* y, T x, int64_t n) {
  for (int64_t i = 0; i < n; ++i) y[i] = x;
}

class Ewise final : public Kernel {
 public:
  Ewise(Device& d, const vd_call& call, EwiseProgram program, bool wide)
      : Kernel(kStrided | kInplace | kScalars | kPreferred),
        p_(std::move(program)),
        conversion_{d.simd, wide},
        n_(sdk::numel(call.outputs[0])),
        bytes_(wide ? 8 : 4) {
    join(call);
    for (int i = 0; i < p_.n_inputs; ++i) plan_input(call, i);
    for (int o = 0; o < call.n_outputs; ++o) plan_output(call, o);
    assign_slots();
    choose_block();
    cost_ = p_.cost + 0.5 * double(outputs_.size());
    for (const Input& x : inputs_) cost_ += x.how == How::Direct ? 0.25 : 0.5;
  }

  bool fits() const { return slots_ * slot_bytes_ <= kScratch; }

  vd_status run(Device& d, const vd_call& call, vd_err*) override {
    if (n_ == 0) return VD_OK;
    Operands a;
    for (int i = 0; i < p_.n_inputs; ++i)
      a.in[i] = static_cast<const char*>(sdk::data(call.inputs[i]));
    for (size_t o = 0; o < outputs_.size(); ++o) {
      a.out[o] = out_ptr<char>(call, int(o));
      a.direct[o] = outputs_[o].step >= 0;
      a.stream[o] = n_ * outputs_[o].bytes >= kStreamBytes && !(uintptr_t(a.out[o]) & 63);
      for (int i = 0; i < p_.n_inputs; ++i) {
        if (a.in[i] != a.out[o]) continue;
        a.stream[o] = false;
        if (reads_in_place(inputs_[i]) && p_.last_use[i] > outputs_[o].step) a.direct[o] = false;
      }
      if (a.stream[o]) a.direct[o] = false;
    }
    d.pool.ranges(n_, cost_, block_, [&](int64_t b, int64_t e) { range(a, b, e); });
    return VD_OK;
  }

 private:
  struct Operands {
    const char* in[kMaxRegisters];
    char* out[kMaxRegisters];
    bool direct[kMaxRegisters], stream[kMaxRegisters];
  };

  /* The dims of the result, merged where all inputs allow it. */
  void join(const vd_call& call) {
    const vd_tensor& y = call.outputs[0];
    inputs_.resize(size_t(p_.n_inputs));
    auto stride = [&](int i, int k) {
      return sdk::scalar(call.inputs[i]) ? 0 : call.inputs[i].strides[k];
    };
    for (int k = 0; k < y.ndim; ++k) {
      if (y.shape[k] == 1) continue;
      bool merge = dims_ > 0;
      for (int i = 0; merge && i < p_.n_inputs; ++i)
        merge = inputs_[i].stride[dims_ - 1] == stride(i, k) * y.shape[k];
      if (!merge) size_[dims_++] = 1;
      size_[dims_ - 1] *= y.shape[k];
      for (int i = 0; i < p_.n_inputs; ++i) inputs_[i].stride[dims_ - 1] = stride(i, k);
    }
    if (dims_ == 0) {
      size_[dims_++] = 1;
      for (Input& x : inputs_) x.stride[0] = 0;
    }
    inner_ = size_[dims_ - 1];
    rows_ = dims_ > 1 && inner_ >= kRowLength;
  }

  void plan_input(const vd_call& call, int i) {
    Input& x = inputs_[i];
    x.type = in_type(call, i);
    x.bytes = sdk::size_of(x.type);
    if (p_.last_use[i] < 0) return;
    x.layout = sdk::scalar(call.inputs[i]) ? Layout{} : layout_of(call.inputs[i]);
    const bool whole = std::all_of(x.stride, x.stride + dims_ - 1, [](int64_t s) { return !s; });
    // a result that is an input itself is copied at a block's end: from a register, because
    // another output may have overwritten the input by then
    const bool result = p_.last_use[i] == int(p_.steps.size());
    if (x.layout.constant()) {
      x.how = How::Constant;
    } else if (x.layout.dense()) {
      x.how = x.type == conversion_.type() && !result ? How::Direct : How::Convert;
    } else if (rows_) {
      x.how = How::Row;
      x.slot = x.stride[dims_ - 1] == 1 && x.type == conversion_.type() && !result ? -1 : 0;
      return;
    } else {
      x.how = whole ? How::Period : How::Pack;
    }
    x.slot = x.how == How::Direct ? -1 : 0;
  }

  void plan_output(const vd_call& call, int o) {
    Output y;
    y.type = out_type(call, o);
    y.bytes = sdk::size_of(y.type);
    y.reg = p_.results[o];
    bool first = y.type == conversion_.type();
    for (const Output& other : outputs_) first &= other.reg != y.reg || other.step < 0;
    for (size_t k = 0; first && k < p_.steps.size(); ++k)
      if (p_.steps[k].out == y.reg) y.step = int(k);
    outputs_.push_back(y);
  }

  /* Registers that live at the same time get different slots. */
  void assign_slots() {
    std::vector<int> free;
    slot_.assign(size_t(p_.n_registers), -1);
    auto take = [&](int r) {
      if (free.empty()) free.push_back(slots_++);
      slot_[r] = free.back();
      free.pop_back();
    };
    for (int i = 0; i < p_.n_inputs; ++i)
      if (inputs_[i].slot >= 0) take(i);
    for (size_t k = 0; k < p_.steps.size(); ++k) {
      const EwiseStep& s = p_.steps[k];
      for (int a = 0; a < 3; ++a) {
        const int r = s.in[a];
        if (slot_[r] < 0 || p_.last_use[r] != int(k)) continue;
        if (r < p_.n_inputs && (inputs_[r].how == How::Constant || inputs_[r].how == How::Period))
          continue;
        if (std::find(s.in, s.in + a, r) == s.in + a) free.push_back(slot_[r]);
      }
      take(s.out);
    }
  }

  void choose_block() {
    int live = slots_ + int(outputs_.size());
    for (const Input& x : inputs_) live += x.how == How::Direct;
    block_ = kCacheBytes / (bytes_ * std::max(live, 1)) / 64 * 64;
    block_ = std::min(std::max(block_, kLeastBlock), kMostBlock);
    // whole rows, so that what repeats with them is gathered once
    period_ = !rows_ && dims_ > 1 && inner_ <= block_;
    if (period_) block_ -= block_ % inner_;
    slot_bytes_ = int((block_ * bytes_ + 63) / 64 * 64) + 64;  // not all at one place in the cache
  }

  static bool reads_in_place(const Input& x) {
    return x.how == How::Direct || (x.how == How::Row && x.slot < 0);
  }

  void gathered(const Input& x, const Layout& l, const char* base, int64_t at, int64_t n,
                void* to) const {
    if (x.type == conversion_.type()) return gather(l, x.bytes, base, at, n, to);
    alignas(64) unsigned char raw[kMostBlock * 8];
    gather(l, x.bytes, base, at, n, raw);
    conversion_.load(x.type, to, raw, n);
  }

  void repeated(const Input& x, const char* p, int64_t n, void* to) const {
    alignas(8) unsigned char one[8];
    conversion_.load(x.type, one, p, 1);
    if (conversion_.wide) {
      fill(static_cast<double*>(to), *reinterpret_cast<double*>(one), n);
    } else {
      fill(static_cast<float*>(to), *reinterpret_cast<float*>(one), n);
    }
  }

  /* The operand of a part of one row; what comes back may be the tensor itself. */
  const void* row_part(const Input& x, const char* base, int64_t row, int64_t column, int64_t n,
                       void* to) const {
    const int64_t step = x.stride[dims_ - 1];
    int64_t offset = column * step;
    for (int d = dims_ - 2; d >= 0; --d) {
      offset += row % size_[d] * x.stride[d];
      row /= size_[d];
    }
    const char* p = base + offset * x.bytes;
    if (step == 0) {
      repeated(x, p, n, to);
    } else if (step == 1) {
      if (x.slot < 0) return p;
      conversion_.load(x.type, to, p, n);
    } else {
      Layout l;
      l.push(n, step);
      gathered(x, l, p, 0, n, to);
    }
    return to;
  }

  void range(const Operands& a, int64_t begin, int64_t end) const {
    alignas(64) unsigned char scratch[kScratch];
    const void* reg[kMaxRegisters];
    void* slot[kMaxRegisters];
    const int inputs = p_.n_inputs;
    for (int r = 0; r < p_.n_registers; ++r)
      reg[r] = slot[r] = slot_[r] < 0 ? nullptr : scratch + slot_[r] * slot_bytes_;
    for (int i = 0; i < inputs; ++i) {
      const Input& x = inputs_[i];
      if (x.how == How::Constant) {
        repeated(x, a.in[i], std::min(end - begin, block_), slot[i]);
      } else if (x.how == How::Period && period_) {
        gathered(x, x.layout, a.in[i], begin, std::min(end - begin, block_), slot[i]);
      }
    }
    bool streamed = false;
    for (int64_t at = begin; at < end;) {
      int64_t n = std::min(end - at, block_), row = 0, column = 0;
      if (rows_) {
        row = at / inner_, column = at % inner_;
        n = std::min(n, inner_ - column);
      }
      for (int i = 0; i < inputs; ++i) {
        const Input& x = inputs_[i];
        switch (x.how) {
          case How::Unused:
          case How::Constant:
            break;
          case How::Direct:
            reg[i] = a.in[i] + at * x.bytes;
            break;
          case How::Convert:
            conversion_.load(x.type, slot[i], a.in[i] + at * x.bytes, n);
            break;
          case How::Row:
            reg[i] = row_part(x, a.in[i], row, column, n, slot[i]);
            break;
          case How::Period:
            if (period_) break;
            [[fallthrough]];
          case How::Pack:
            gathered(x, x.layout, a.in[i], at, n, slot[i]);
            break;
        }
      }
      for (size_t o = 0; o < outputs_.size(); ++o)
        if (a.direct[o])
          reg[outputs_[o].reg] = slot[outputs_[o].reg] = a.out[o] + at * outputs_[o].bytes;
      for (const EwiseStep& s : p_.steps) {
        const void* in[] = {reg[s.in[0]], reg[s.in[1]], reg[s.in[2]]};
        s.loop(slot[s.out], in, n);
      }
      for (size_t o = 0; o < outputs_.size(); ++o) {
        const Output& y = outputs_[o];
        if (a.direct[o]) continue;
        char* to = a.out[o] + at * y.bytes;
        const int64_t bytes = n * y.bytes;
        if (!a.stream[o] || bytes % 64 || (uintptr_t(to) & 63)) {
          conversion_.store(y.type, to, reg[y.reg], n);
          continue;
        }
        alignas(64) unsigned char narrow[kMostBlock * 8];
        const void* from = reg[y.reg];
        if (y.type != conversion_.type()) {
          conversion_.store(y.type, narrow, from, n);
          from = narrow;
        }
        conversion_.simd->stream(to, from, bytes);
        streamed = true;
      }
      at += n;
    }
    if (streamed) conversion_.simd->stream_end();
  }

  EwiseProgram p_;
  Conversion conversion_;
  int64_t n_;
  int bytes_;
  double cost_ = 0;
  std::vector<Input> inputs_;
  std::vector<Output> outputs_;
  std::vector<int> slot_;
  int slots_ = 0, slot_bytes_ = 0, dims_ = 0;
  int64_t size_[VD_MAX_NDIM], inner_ = 1, block_ = 0;
  bool rows_ = false, period_ = false;
};

/* Types whose every value float32 holds. */
bool narrow(DType t) {
  return t == DType::Bool || sdk::is_half(t) || t == DType::F32 || t == DType::U8 ||
         t == DType::I8 || t == DType::U16 || t == DType::I16;
}

vd_status make(Device& d, const vd_call& call, std::unique_ptr<Kernel>& kernel, vd_err* err) {
  if (call.n_outputs < 1 || call.n_outputs > kMaxRegisters || call.n_inputs > kMaxRegisters)
    return fail(err, VD_UNSUPPORTED, "ewise takes 1 to %d inputs and outputs", kMaxRegisters);
  bool wide = false;
  for (int i = 0; i < call.n_inputs; ++i) {
    const DType t = in_type(call, i);
    wide |= t == DType::F64;
    if (t != DType::F64 && !narrow(t))
      return fail(err, VD_UNSUPPORTED, "ewise computes in float32, which cannot hold %s",
                  sdk::name_of(t));
    if (!sdk::scalar(call.inputs[i]) && !sdk::same_shape(call.inputs[i], call.outputs[0]))
      return fail(err, VD_INVALID, "ewise: input %d does not have the output's shape", i);
  }
  for (int o = 0; o < call.n_outputs; ++o) {
    const DType t = out_type(call, o);
    wide |= t == DType::F64;
    if (!sdk::is_float(t) && t != DType::Bool)
      return fail(err, VD_UNSUPPORTED, "ewise gives floats and bool, not %s", sdk::name_of(t));
    if (!sdk::same_shape(call.outputs[o], call.outputs[0]))
      return fail(err, VD_INVALID, "ewise: output %d has another shape than output 0", o);
  }
  EwiseProgram program;
  if (vd_status s = parse_ewise(d.simd, wide ? kF64 : kF32, call, program, err)) return s;
  if (program.n_registers > kMaxRegisters)
    return fail(err, VD_UNSUPPORTED, "ewise: %d registers are more than %d", program.n_registers,
                kMaxRegisters);
  auto ewise = std::make_unique<Ewise>(d, call, std::move(program), wide);
  if (!ewise->fits())
    return fail(err, VD_UNSUPPORTED, "ewise: too many values live at one time: split the program");
  kernel = std::move(ewise);
  return VD_OK;
}

}  // namespace

void add_ewise(sdk::Table<Make>& table) { table.add("ewise", make); }

}  // namespace vob
