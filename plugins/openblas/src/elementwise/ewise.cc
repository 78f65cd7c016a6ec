// `ewise`: a program of element-wise instructions, interpreted block by block.
// A block's registers stay in the first cache, so that memory is read and
// written once however long the program is.
#include "elementwise/ewise.h"

#include <algorithm>

#include "elementwise/elementwise.h"
#include "elementwise/ewise_convert.h"
#include "elementwise/ewise_plan.h"

namespace vob {
namespace {

// A program that reads and writes more than this sends its results past the caches: written the
// usual way they are fetched first, and its steps do not overlap with that.
constexpr int64_t kStreamTraffic = 24 << 20;

template <class T>
void fill(T* y, T x, int64_t n) {
  for (int64_t i = 0; i < n; ++i) y[i] = x;
}

class Ewise final : public Kernel {
 public:
  Ewise(Device& d, EwisePlan plan)
      : Kernel(kStrided | kInplace | kScalars | kPreferred),
        p_(std::move(plan)),
        conversion_{d.simd, p_.wide} {}

  vd_status run(Device& d, const vd_call& call, vd_err* err) override {
    double* partial = nullptr;
    if (!p_.sums.empty()) {
      const size_t size = size_t(p_.cells()) * p_.sums.size() * sizeof(double);
      partial = static_cast<double*>(d.scratch.get(size + 64));
      if (!partial) return fail(err, VD_OOM, "%s: no memory for %zu bytes of sums", call.op, size);
      std::memset(partial, 0, size);
    }
    compute(d, call, partial);
    for (size_t i = 0; i < p_.sums.size(); ++i) add_up(call, i, partial + int64_t(i) * p_.cells());
    return VD_OK;
  }

 private:
  struct Operands {
    double* partial;
    const char* in[kEwiseRegisters];
    char* out[kEwiseRegisters];
    bool direct[kEwiseRegisters], stream[kEwiseRegisters];
  };

  void compute(Device& d, const vd_call& call, double* partial) const {
    if (p_.n == 0) return;
    Operands a;
    a.partial = partial;
    for (int i = 0; i < p_.program.n_inputs; ++i)
      a.in[i] = static_cast<const char*>(sdk::data(call.inputs[i]));
    for (size_t o = 0; o < p_.outputs.size(); ++o) {
      a.out[o] = out_ptr<char>(call, int(o));
      a.direct[o] = p_.outputs[o].step >= 0;
      a.stream[o] = p_.traffic >= kStreamTraffic && !(uintptr_t(a.out[o]) & 63);
      for (int i = 0; i < p_.program.n_inputs; ++i) {
        if (a.in[i] != a.out[o]) continue;
        a.stream[o] = false;
        if (EwisePlan::reads_in_place(p_.inputs[i]) && p_.program.last_use[i] > p_.outputs[o].step)
          a.direct[o] = false;
      }
      if (a.stream[o]) a.direct[o] = false;
    }
    d.pool.ranges(p_.n, p_.cost, p_.align, [&](int64_t b, int64_t e) { range(a, b, e); });
  }

  /* The cells of each sum together, into the tensor. */
  void add_up(const vd_call& call, size_t i, const double* cells) const {
    const int o = int(p_.outputs.size() + i);
    const int64_t rows = sdk::numel(call.outputs[o]), each = p_.cells_each();
    for (int64_t r = 0; r < rows; ++r) {
      const double total = each == 1 ? cells[r] : conversion_.simd->sum64(cells + r * each, each);
      if (p_.wide)
        out_ptr<double>(call, o)[r] = total;
      else
        out_ptr<float>(call, o)[r] = float(total);
    }
  }

  /* Adds n elements of every sum's register, which are element `at` and on of the whole. */
  void add_part(const Operands& a, const void* const* reg, int64_t at, int64_t n) const {
    for (size_t i = 0; i < p_.sums.size(); ++i) {
      double* cells = a.partial + int64_t(i) * p_.cells();
      const char* x = static_cast<const char*>(reg[p_.sums[i]]);
      for (int64_t done = 0; done < n;) {
        const int64_t row = (at + done) / p_.length, column = (at + done) % p_.length;
        const int64_t c = column / p_.cell, end = std::min((c + 1) * p_.cell, p_.length);
        const int64_t m = std::min(end - column, n - done);
        const char* p = x + done * p_.bytes;
        cells[row * p_.cells_each() + c] +=
            p_.wide ? conversion_.simd->sum64(reinterpret_cast<const double*>(p), m)
                    : conversion_.simd->sum32(reinterpret_cast<const float*>(p), m);
        done += m;
      }
    }
  }

  void gathered(const EwiseInput& x, const Layout& l, const char* base, int64_t at, int64_t n,
                void* to) const {
    if (x.type == conversion_.type()) return gather(l, x.bytes, base, at, n, to);
    alignas(64) unsigned char raw[kEwiseBlock * 8];
    gather(l, x.bytes, base, at, n, raw);
    conversion_.load(x.type, to, raw, n);
  }

  void repeated(const EwiseInput& x, const char* p, int64_t n, void* to) const {
    alignas(8) unsigned char one[8];
    conversion_.load(x.type, one, p, 1);
    if (conversion_.wide) {
      fill(static_cast<double*>(to), *reinterpret_cast<double*>(one), n);
    } else {
      fill(static_cast<float*>(to), *reinterpret_cast<float*>(one), n);
    }
  }

  /* The operand of a part of one row; what comes back may be the tensor itself.
   */
  const void* row_part(const EwiseInput& x, const char* base, int64_t row, int64_t column,
                       int64_t n, void* to) const {
    const int64_t step = x.stride[p_.dims - 1];
    int64_t offset = column * step;
    for (int d = p_.dims - 2; d >= 0; --d) {
      offset += row % p_.size[d] * x.stride[d];
      row /= p_.size[d];
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
    alignas(64) unsigned char scratch[kEwiseScratch];
    const void* reg[kEwiseRegisters];
    void* slot[kEwiseRegisters];
    const int inputs = p_.program.n_inputs;
    for (int r = 0; r < p_.program.n_registers; ++r)
      reg[r] = slot[r] = p_.slot[r] < 0 ? nullptr : scratch + p_.slot[r] * p_.slot_bytes;
    for (int i = 0; i < inputs; ++i) {
      const EwiseInput& x = p_.inputs[i];
      if (x.how == EwiseHow::Constant) {
        repeated(x, a.in[i], std::min(end - begin, p_.block), slot[i]);
      } else if (x.how == EwiseHow::Period && p_.period) {
        gathered(x, x.layout, a.in[i], begin, std::min(end - begin, p_.block), slot[i]);
      }
    }
    bool streamed = false;
    for (int64_t at = begin; at < end;) {
      int64_t n = std::min(end - at, p_.block), row = 0, column = 0;
      if (p_.rows) {
        row = at / p_.inner, column = at % p_.inner;
        n = std::min(n, p_.inner - column);
      }
      for (int i = 0; i < inputs; ++i) {
        const EwiseInput& x = p_.inputs[i];
        switch (x.how) {
          case EwiseHow::Unused:
          case EwiseHow::Constant:
            break;
          case EwiseHow::Direct:
            reg[i] = a.in[i] + at * x.bytes;
            break;
          case EwiseHow::Convert:
            conversion_.load(x.type, slot[i], a.in[i] + at * x.bytes, n);
            break;
          case EwiseHow::Row:
            reg[i] = row_part(x, a.in[i], row, column, n, slot[i]);
            break;
          case EwiseHow::Period:
            if (p_.period) break;
            [[fallthrough]];
          case EwiseHow::Pack:
            gathered(x, x.layout, a.in[i], at, n, slot[i]);
            break;
        }
      }
      for (size_t o = 0; o < p_.outputs.size(); ++o)
        if (a.direct[o])
          reg[p_.outputs[o].reg] = slot[p_.outputs[o].reg] = a.out[o] + at * p_.outputs[o].bytes;
      for (const EwiseStep& s : p_.program.steps) {
        const void* in[] = {reg[s.in[0]], reg[s.in[1]], reg[s.in[2]]};
        s.loop(slot[s.out], in, n);
      }
      if (a.partial) add_part(a, reg, at, n);
      for (size_t o = 0; o < p_.outputs.size(); ++o) {
        const EwiseOutput& y = p_.outputs[o];
        if (a.direct[o]) continue;
        char* to = a.out[o] + at * y.bytes;
        const int64_t bytes = n * y.bytes;
        if (!a.stream[o] || bytes % 64 || (uintptr_t(to) & 63)) {
          conversion_.store(y.type, to, reg[y.reg], n);
          continue;
        }
        alignas(64) unsigned char narrow[kEwiseBlock * 8];
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

  EwisePlan p_;
  Conversion conversion_;
};

/* Types whose every value float32 holds. */
bool narrow(DType t) {
  return t == DType::Bool || sdk::is_half(t) || t == DType::F32 || t == DType::U8 ||
         t == DType::I8 || t == DType::U16 || t == DType::I16;
}

/* The tensor whose shape the element-wise values have. */
const vd_tensor& shaped(const vd_call& call, int sums) {
  if (call.n_outputs > sums) return call.outputs[0];
  for (int i = 0; i < call.n_inputs; ++i)
    if (!sdk::scalar(call.inputs[i])) return call.inputs[i];
  return call.outputs[0];
}

}  // namespace

vd_status make_ewise(Device& d, const vd_call& call, std::unique_ptr<Kernel>& kernel, vd_err* err) {
  if (call.n_outputs < 1 || call.n_outputs > kEwiseRegisters || call.n_inputs > kEwiseRegisters)
    return fail(err, VD_UNSUPPORTED, "ewise takes 1 to %d inputs and outputs", kEwiseRegisters);
  const int sums = int(sdk::attr_int(call, "sums", 0));
  const int64_t length = sdk::attr_int(call, "length", 1);
  if (sums < 0 || sums > call.n_outputs || length < 1)
    return fail(err, VD_INVALID, "ewise_sums: %d sums of %lld elements in %d outputs", sums,
                (long long)length, call.n_outputs);
  const vd_tensor& like = shaped(call, sums);
  bool wide = false;
  for (int i = 0; i < call.n_inputs; ++i) {
    const DType t = in_type(call, i);
    wide |= t == DType::F64;
    if (t != DType::F64 && !narrow(t))
      return fail(err, VD_UNSUPPORTED, "ewise computes in float32, which cannot hold %s",
                  sdk::name_of(t));
    if (!sdk::scalar(call.inputs[i]) && !sdk::same_shape(call.inputs[i], like))
      return fail(err, VD_INVALID, "ewise: input %d does not have the output's shape", i);
  }
  for (int o = 0; o < call.n_outputs; ++o) {
    const DType t = out_type(call, o);
    wide |= t == DType::F64;
    if (!sdk::is_float(t) && t != DType::Bool)
      return fail(err, VD_UNSUPPORTED, "ewise gives floats and bool, not %s", sdk::name_of(t));
    if (o < call.n_outputs - sums) {
      if (!sdk::same_shape(call.outputs[o], like))
        return fail(err, VD_INVALID, "ewise: output %d has another shape than output 0", o);
    } else if (sdk::numel(call.outputs[o]) * length != sdk::numel(like)) {
      return fail(err, VD_INVALID, "ewise_sums: output %d is no sum of %lld elements each", o,
                  (long long)length);
    }
  }
  for (int o = call.n_outputs - sums; o < call.n_outputs; ++o)
    if (out_type(call, o) != (wide ? DType::F64 : DType::F32))
      return fail(err, VD_UNSUPPORTED,
                  "ewise_sums gives sums in float32, or float64 if it has any");
  EwiseProgram program;
  if (vd_status s = parse_ewise(d.simd, wide ? kF64 : kF32, call, program, err)) return s;
  if (program.n_registers > kEwiseRegisters)
    return fail(err, VD_UNSUPPORTED, "ewise: %d registers are more than %d", program.n_registers,
                kEwiseRegisters);
  EwisePlan plan(call, std::move(program), wide, like, sums, length);
  if (!plan.fits())
    return fail(err, VD_UNSUPPORTED, "ewise: too many values live at one time: split the program");
  kernel = std::make_unique<Ewise>(d, std::move(plan));
  const auto dense = [&](const vd_call& c, std::unique_ptr<Kernel>& k, vd_err* e) {
    return make_ewise(d, c, k, e);
  };
  return rather_copied(call, dense, kernel, err);
}

void add_ewise(sdk::Table<Make>& table) {
  table.add("ewise", make_ewise);
  table.add("ewise_sums", make_ewise);
}

}  // namespace vob
