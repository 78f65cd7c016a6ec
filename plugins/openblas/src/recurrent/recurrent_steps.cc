// lstm_steps, gru_steps, rnn_steps and their gradients: all steps of a layer in one call.
//
// Rows of a batch do not know of each other: a thread takes some of them through all steps, without
// waiting for the others, and the weight is packed once. Where there are too few rows for that,
// all threads work on the product of each step.
#include <algorithm>

#include "products/packed_kernels.h"
#include "recurrent/recurrent.h"

namespace vob {
namespace {

int64_t up(int64_t n, int64_t to) { return (n + to - 1) / to; }

/* c[m, n] = from[m, n] + a[m, k] w, w being k x n; or of its transpose, n x k. */
template <class T>
class StepProduct {
 public:
  StepProduct(Device& d, const T* w, int64_t k, int64_t n, bool turned)
      : d_(d), w_(w), k_(k), n_(n), turned_(turned) {
    if constexpr (sizeof(T) == 4)
      if (d.simd->gemm32) {
        const int64_t panels = up(n, kTileCols);
        packed_ = static_cast<uint32_t*>(d.scratch.get(size_t(panels * kTileCols * k) * 4));
        if (packed_)
          d.pool.ranges(panels, double(kTileCols * k), 1, [&](int64_t b, int64_t e) {
            for (int64_t j = b * kTileCols; b < e; ++b, j += kTileCols)
              d.simd->gemm32->pack_b(packed_ + j * k, turned ? w + j * k : w + j, turned ? 1 : n,
                                     turned ? k : 1, k, std::min(kTileCols, n - j));
          });
      }
  }

  /* All columns, by the calling thread or (`shared`) by all of them. from: `step` between rows, may
   * be c, or null. */
  void operator()(T* c, const T* from, int64_t step, const T* a, int64_t m, bool shared) const {
    const int64_t panels = up(n_, kTileCols);
    if (!shared) return columns(c, from, step, a, m, 0, n_);
    d_.pool.ranges(panels, double(m * kTileCols * k_) / 8, 1, [&](int64_t b, int64_t e) {
      columns(c, from, step, a, m, b * kTileCols, std::min(n_, e * kTileCols));
    });
  }

 private:
  void columns(T* c, const T* from, int64_t step, const T* a, int64_t m, int64_t j,
               int64_t end) const {
    if (packed_) {
      Tile<float> t{};
      const int64_t each = up(m, up(m, kTileRows));
      t.a_row = t.words = k_, t.a_word = 1;
      t.from_step = step, t.sums_step = n_;
      for (; j < end; j += kTileCols) {
        t.b = packed_ + j * k_;
        t.columns = std::min(kTileCols, end - j);
        for (int64_t r = 0; r < m; r += each) {
          t.a = reinterpret_cast<const uint32_t*>(a + r * k_);
          t.rows = std::min(each, m - r);
          t.from = from ? reinterpret_cast<const float*>(from + r * step + j) : nullptr;
          t.sums = reinterpret_cast<float*>(c + r * n_ + j);
          d_.simd->gemm32->tile(t);
        }
      }
      return;
    }
    if (from && from != c)
      for (int64_t r = 0; r < m; ++r) std::copy_n(from + r * step + j, end - j, c + r * n_ + j);
    const T* w = w_ + (turned_ ? j * k_ : j);
    const int order = turned_ ? kTrans : kNoTrans;
    const int wide = int(turned_ ? k_ : n_), rows = int(m), cols = int(end - j), k = int(k_);
    const T beta = from ? 1 : 0;
    if constexpr (sizeof(T) == 4)
      d_.blas.sgemm(kRowMajor, kNoTrans, order, rows, cols, k, 1, a, k, w, wide, beta, c + j,
                    int(n_));
    else
      d_.blas.dgemm(kRowMajor, kNoTrans, order, rows, cols, k, 1, a, k, w, wide, beta, c + j,
                    int(n_));
  }

  Device& d_;
  const T* w_;
  int64_t k_, n_;
  bool turned_;
  uint32_t* packed_ = nullptr;
};

enum Kind { kLstm, kGru, kTanh, kRelu };
constexpr int kGates[] = {4, 3, 1, 1};

struct Shape {
  Kind kind;
  bool reverse;
  int64_t steps, rows, size;  // T, N, H
  int64_t wide() const { return size * kGates[kind]; }
  /* The step done at that time, and the one before it. */
  int64_t at(int64_t time) const { return reverse ? steps - 1 - time : time; }
};

/* A tensor of an optional input, or null. */
template <class T>
const T* given(const vd_call& c, int i) {
  return i < c.n_inputs && !sdk::absent(c.inputs[i]) ? in_ptr<T>(c, i) : nullptr;
}

template <class T>
void add_to(T* y, const T* x, int64_t n) {
  for (int64_t i = 0; i < n; ++i) y[i] += x[i];
}

/* Rows [r, r + m) through all steps. */
template <class T>
void forward(Device& d, const vd_call& c, const Shape& s, const StepProduct<T>& product, int64_t r,
             int64_t m, bool shared) {
  const RecurrentLoops<T>& loops = recurrent_loops<T>(d.simd);
  const Float f = sizeof(T) == 4 ? kF32 : kF64;
  const int64_t n = s.size, wide = s.wide(), plane = s.rows * n, broad = s.rows * wide;
  const T* parts = in_ptr<T>(c, 0) + r * wide;
  T* states = out_ptr<T>(c) + r * n;
  const T *h = in_ptr<T>(c, 1) + r * n, *cell = s.kind == kLstm ? in_ptr<T>(c, 2) + r * n : nullptr;
  for (int64_t time = 0; time < s.steps; ++time) {
    const int64_t t = s.at(time);
    const T* x = parts + t * broad;
    T* y = states + t * plane;
    if (s.kind == kLstm) {
      T *after = out_ptr<T>(c, 1) + r * n + t * plane,
        *sums = out_ptr<T>(c, 2) + r * wide + t * broad;
      product(sums, x, wide, h, m, shared);
      for (int64_t i = 0; i < m; ++i)
        loops.lstm(y + i * n, after + i * n, sums + i * wide, cell + i * n, n);
      cell = after;
    } else if (s.kind == kGru) {
      T* sums = out_ptr<T>(c, 1) + r * wide + t * broad;
      product(sums, given<T>(c, 3), 0, h, m, shared);
      for (int64_t i = 0; i < m; ++i)
        loops.gru(y + i * n, x + i * wide, sums + i * wide, h + i * n, n);
    } else {
      product(y, x, wide, h, m, shared);
      const void* in[] = {y};
      d.simd->unary[f][s.kind == kTanh ? k_tanh : k_relu](y, in, m * n);
    }
    h = y;
  }
}

/* The same backwards; the gradients of the first states hold those of the step at hand. */
template <class T>
void backward(Device& d, const vd_call& c, const Shape& s, const StepProduct<T>& product, int64_t r,
              int64_t m, bool shared) {
  const RecurrentLoops<T>& loops = recurrent_loops<T>(d.simd);
  const Float f = sizeof(T) == 4 ? kF32 : kF64;
  const int64_t n = s.size, wide = s.wide(), plane = s.rows * n, broad = s.rows * wide;
  const int last = c.n_outputs - 1;
  const T* g = in_ptr<T>(c, 0) + r * n;
  T* dx = out_ptr<T>(c) + r * wide;
  T* dh = out_ptr<T>(c, s.kind == kLstm ? 1 : last) + r * n;
  for (int64_t time = s.steps; time-- > 0;) {
    const int64_t t = s.at(time), before = time ? s.at(time - 1) * plane + r * n : -1;
    const T* now = g + t * plane;
    if (time == s.steps - 1)
      std::copy_n(now, m * n, dh);
    else
      add_to(dh, now, m * n);
    T *dx_t = dx + t * broad, *ds_t = dx_t;
    const T* kept = nullptr;  // of dh
    if (s.kind == kLstm) {
      const T *sums = in_ptr<T>(c, 1) + r * wide + t * broad, *cells = in_ptr<T>(c, 3);
      const T* first = before < 0 ? in_ptr<T>(c, 2) + r * n : cells + before;
      const T *after = cells + t * plane + r * n, *gcells = given<T>(c, 5);
      T* dc = out_ptr<T>(c, 2) + r * n;
      if (time == s.steps - 1) std::fill_n(dc, m * n, T(0));
      if (gcells) add_to(dc, gcells + t * plane + r * n, m * n);
      for (int64_t i = 0; i < m; ++i)
        loops.lstm_backward(dx_t + i * wide, dc + i * n, dh + i * n, sums + i * wide, first + i * n,
                            after + i * n, dc + i * n, n);
    } else if (s.kind == kGru) {
      const T* x = in_ptr<T>(c, 1) + r * wide + t * broad;
      const T* sums = in_ptr<T>(c, 2) + r * wide + t * broad;
      const T* first = before < 0 ? in_ptr<T>(c, 3) + r * n : in_ptr<T>(c, 4) + before;
      ds_t = out_ptr<T>(c, 1) + r * wide + t * broad;
      for (int64_t i = 0; i < m; ++i)
        loops.gru_backward(dx_t + i * wide, ds_t + i * wide, dh + i * n, dh + i * n, x + i * wide,
                           sums + i * wide, first + i * n, n);
      kept = dh;
    } else {
      const void* in[] = {dh, in_ptr<T>(c, 1) + r * n + t * plane};
      d.simd->binary[f][s.kind == kTanh ? k_tanh_backward : k_relu_backward](dx_t, in, m * n);
    }
    product(dh, kept, n, ds_t, m, shared);
  }
}

struct Op {
  const char* op;
  Kind kind;   // kTanh for both
  int weight;  // of the inputs
  // a letter for each input, then for each output: a state, all states, all gates, the bias; a
  // large letter may be absent
  const char *in, *out;
};
const Op kOps[] = {
    {"lstm_steps", kLstm, 3, "g11w", "ssg"}, {"lstm_steps_backward", kLstm, 4, "sg1swS", "g11"},
    {"gru_steps", kGru, 2, "g1wB", "sg"},    {"gru_steps_backward", kGru, 5, "sgg1sw", "gg1"},
    {"rnn_steps", kTanh, 2, "g1w", "s"},     {"rnn_steps_backward", kTanh, 2, "ssw", "g1"},
};

bool fits(const vd_tensor& t, char what, DType type, const Shape& s) {
  if (sdk::dtype_of(t.dtype) != type) return false;
  const auto is = [&](std::initializer_list<int64_t> shape) {
    return t.ndim == int(shape.size()) && std::equal(shape.begin(), shape.end(), t.shape);
  };
  switch (what | 32) {
    case 'g':
      return is({s.steps, s.rows, s.wide()});
    case 's':
      return is({s.steps, s.rows, s.size});
    case 'w':
      return is({s.wide(), s.size});
    case 'b':
      return is({s.wide()});
    default:
      return is({s.rows, s.size});
  }
}

vd_status make(Device&, const vd_call& call, std::unique_ptr<Kernel>& kernel, vd_err* err) {
  int i = 0;
  while (std::strcmp(kOps[i].op, call.op) != 0) ++i;
  const Op& op = kOps[i];
  const int inputs = int(std::strlen(op.in)), outputs = int(std::strlen(op.out));
  const DType type = call.n_inputs > op.weight ? in_type(call, 0) : DType::Unknown;
  if (type != DType::F32 && type != DType::F64)
    return unsupported(call, err, "it takes float32 and float64");
  const vd_tensor &first = call.inputs[0], &weight = call.inputs[op.weight];
  if (first.ndim != 3 || weight.ndim != 2 || call.n_outputs != outputs)
    return unsupported(call, err, "the shapes do not fit");
  const bool relu = !std::strcmp(sdk::attr_str(call, "nonlinearity", "tanh"), "relu");
  const Shape s{op.kind == kTanh && relu ? kRelu : op.kind, sdk::attr_int(call, "reverse", 0) != 0,
                first.shape[0], first.shape[1], weight.shape[1]};
  for (int k = 0; k < std::max(inputs, int(call.n_inputs)); ++k) {
    const bool there = k < call.n_inputs && !sdk::absent(call.inputs[k]);
    // what comes after the letters is for second derivatives
    const bool optional = k >= inputs || (op.in[k] >= 'A' && op.in[k] <= 'Z');
    if (there ? k >= inputs || !fits(call.inputs[k], op.in[k], type, s) : !optional)
      return unsupported(call, err, "the shapes and dtypes do not fit");
  }
  for (int k = 0; k < outputs; ++k)
    if (!fits(call.outputs[k], op.out[k], type, s))
      return unsupported(call, err, "the shapes and dtypes do not fit");
  if (!s.steps || !s.rows || !s.size) return unsupported(call, err, "there is nothing to do");
  const bool back = std::strstr(call.op, "backward") != nullptr;
  const int w = op.weight;
  return answer(kernel, kPreferred, [=](Device& d, const vd_call& c, vd_err*) {
    const auto all = [&](auto zero) {
      using T = decltype(zero);
      const int64_t k = back ? s.wide() : s.size, n = back ? s.size : s.wide();
      const StepProduct<T> product(d, in_ptr<T>(c, w), k, n, !back);
      const auto rows = [&](int64_t r, int64_t m, bool shared) {
        (back ? backward<T> : forward<T>)(d, c, s, product, r, m, shared);
      };
      const double work = double(s.steps * s.rows) * double(s.size) * double(s.wide()) / 8;
      const int64_t threads = d.pool.threads(), each = up(s.rows, threads);
      if (threads == 1 || each < 2 || work < Pool::kSerialWork) return rows(0, s.rows, threads > 1);
      d.pool.each(up(s.rows, each),
                  [&](int64_t i) { rows(i * each, std::min(each, s.rows - i * each), false); });
    };
    type == DType::F32 ? all(float{}) : all(double{});
    return VD_OK;
  });
}

}  // namespace

void add_recurrent_steps(sdk::Table<Make>& table) {
  for (const Op& op : kOps) table.add(op.op, make);
}

}  // namespace vob
