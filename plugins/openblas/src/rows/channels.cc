// Batch, group and instance norm: `channel_norm` and its gradient over x [N, C, *S].
//
// A unit is what is normalised together: a channel over all samples (groups = 0), or some channels
// of one sample.  It is a set of runs, the S of one channel of one sample, and each run is read
// again from the caches for every one of the three passes.
#include <algorithm>
#include <cmath>

#include "base/lines.h"

namespace vob {
namespace {

template <class T>
const ChannelLoops<T>& loops_of(const Simd* s) {
  if constexpr (sizeof(T) == 4)
    return s->channels32;
  else
    return s->channels64;
}

struct Channels {
  Channels(const vd_tensor& x, int64_t groups) : n(x.shape[0]), c(x.shape[1]), groups(groups) {
    for (int i = 2; i < x.ndim; ++i) s *= x.shape[i];
    units = groups ? n * groups : c;
    runs = groups ? c / groups : n;
  }
  /* Run i of a unit: its place among the N C runs. */
  int64_t run(int64_t unit, int64_t i) const { return groups ? unit * runs + i : i * c + unit; }

  int64_t n, c, s = 1, groups;
  int64_t units, runs;
};

/* An operand as runs of T: as it lies, or through a buffer if it is of halves. */
template <class T>
struct Runs {
  const Simd* simd;
  DType type;
  const char* data;
  int64_t s;
  T* buf;

  const T* get(int64_t run) const {
    if (!buf) return reinterpret_cast<const T*>(data) + run * s;
    to_float(simd, type, reinterpret_cast<float*>(buf), data + run * s * 2, s);
    return buf;
  }
};

/* [C] as doubles; `otherwise` where it is absent. */
std::vector<double> per_channel(const Simd* simd, const vd_call& call, int i, int64_t c,
                                double otherwise) {
  std::vector<double> y(size_t(c), otherwise);
  if (sdk::absent(call.inputs[i])) return y;
  if (in_type(call, i) == DType::F64) {
    std::copy_n(in_ptr<double>(call, i), c, y.begin());
  } else {
    std::vector<float> narrow(static_cast<size_t>(c));
    if (in_type(call, i) == DType::F32)
      std::copy_n(in_ptr<float>(call, i), c, narrow.begin());
    else
      to_float(simd, in_type(call, i), narrow.data(), sdk::data(call.inputs[i]), c);
    std::copy(narrow.begin(), narrow.end(), y.begin());
  }
  return y;
}

class ChannelNorm final : public Kernel {
 public:
  ChannelNorm(const vd_call& call)
      : Kernel(kPreferred),
        type_(in_type(call, 0)),
        shape_(call.inputs[0], sdk::attr_int(call, "groups", 0)),
        eps_(sdk::attr_float(call, "eps", 1e-5)) {}

  vd_status run(Device& d, const vd_call& call, vd_err* err) override {
    return type_ == DType::F64 ? go<double>(d, call, err) : go<float>(d, call, err);
  }

 private:
  template <class T>
  vd_status go(Device& d, const vd_call& call, vd_err* err) const {
    const ChannelLoops<T>& f = loops_of<T>(d.simd);
    const Channels& c = shape_;
    const std::vector<double> w = per_channel(d.simd, call, 1, c.c, 1);
    const std::vector<double> b = per_channel(d.simd, call, 2, c.c, 0);
    const bool half = sdk::is_half(type_);
    T *means = out_ptr<T>(call, 1), *vars = out_ptr<T>(call, 2);
    std::atomic<bool> no_memory{false};
    d.pool.ranges(c.units, 3 * double(c.runs * c.s), 1, [&](int64_t begin, int64_t end) {
      T* buf = half ? static_cast<T*>(thread_scratch(0, size_t(c.s) * sizeof(T))) : nullptr;
      if (half && !buf) no_memory = true;
      if (half && !buf) return;
      const Runs<T> x{d.simd, type_, in_ptr<char>(call, 0), c.s, buf};
      const double count = double(c.runs * c.s);
      for (int64_t u = begin; u < end; ++u) {
        double mean = 0, var = 0;
        for (int64_t i = 0; i < c.runs; ++i) mean += f.sum(x.get(c.run(u, i)), c.s);
        mean /= count;
        for (int64_t i = 0; i < c.runs; ++i) var += f.squares_about(x.get(c.run(u, i)), c.s, mean);
        var /= count;
        means[u] = T(mean), vars[u] = T(var);
        const double spread = 1 / std::sqrt(var + eps_);
        for (int64_t i = 0; i < c.runs; ++i) {
          const int64_t run = c.run(u, i), channel = run % c.c;
          T* y = half ? buf : out_ptr<T>(call) + run * c.s;
          f.normalized(y, x.get(run), c.s, mean, spread * w[channel], b[channel]);
          if (half)
            from_float(d.simd, type_, out_ptr<uint16_t>(call) + run * c.s,
                       reinterpret_cast<float*>(buf), c.s);
        }
      }
    });
    return no_memory ? fail(err, VD_OOM, "%s: no memory for a channel", call.op) : VD_OK;
  }

  DType type_;
  Channels shape_;
  double eps_;
};

/* From g, x, mean, var and weight: dx, and where there is a weight its gradient and the bias's. */
class ChannelNormBackward final : public Kernel {
 public:
  ChannelNormBackward(const vd_call& call)
      : Kernel(kPreferred),
        type_(in_type(call, 1)),
        shape_(call.inputs[1], sdk::attr_int(call, "groups", 0)),
        eps_(sdk::attr_float(call, "eps", 1e-5)) {}

  vd_status run(Device& d, const vd_call& call, vd_err* err) override {
    return type_ == DType::F64 ? go<double>(d, call, err) : go<float>(d, call, err);
  }

 private:
  template <class T>
  vd_status go(Device& d, const vd_call& call, vd_err* err) const {
    const ChannelLoops<T>& f = loops_of<T>(d.simd);
    const Channels& c = shape_;
    const std::vector<double> w = per_channel(d.simd, call, 4, c.c, 1);
    const bool half = sdk::is_half(type_);
    const T *means = in_ptr<T>(call, 2), *vars = in_ptr<T>(call, 3);
    // of every run the sums of g and of g x^
    double* sums = static_cast<double*>(d.scratch.get(size_t(c.n * c.c) * 2 * sizeof(double)));
    if (!sums) return fail(err, VD_OOM, "%s: no memory for partial sums", call.op);
    std::atomic<bool> no_memory{false};
    d.pool.ranges(c.units, 4 * double(c.runs * c.s), 1, [&](int64_t begin, int64_t end) {
      T* buf = half ? static_cast<T*>(thread_scratch(0, size_t(c.s) * 2 * sizeof(T))) : nullptr;
      if (half && !buf) no_memory = true;
      if (half && !buf) return;
      const Runs<T> g{d.simd, type_, in_ptr<char>(call, 0), c.s, buf};
      const Runs<T> x{d.simd, type_, in_ptr<char>(call, 1), c.s, half ? buf + c.s : buf};
      const double count = double(c.runs * c.s);
      for (int64_t u = begin; u < end; ++u) {
        const double mean = double(means[u]), spread = 1 / std::sqrt(double(vars[u]) + eps_);
        double g_mean = 0, gx_mean = 0;  // of w g, and of w g x^
        for (int64_t i = 0; i < c.runs; ++i) {
          const int64_t run = c.run(u, i);
          const T* gr = g.get(run);
          sums[2 * run] = f.sum(gr, c.s);
          sums[2 * run + 1] = f.products_about(gr, x.get(run), c.s, mean) * spread;
          g_mean += w[run % c.c] * sums[2 * run];
          gx_mean += w[run % c.c] * sums[2 * run + 1];
        }
        g_mean /= count, gx_mean /= count;
        for (int64_t i = 0; i < c.runs; ++i) {
          const int64_t run = c.run(u, i);
          T* dx = half ? buf : out_ptr<T>(call) + run * c.s;
          f.normalized_backward(dx, g.get(run), x.get(run), c.s, mean, spread * w[run % c.c],
                                -spread * spread * gx_mean, -spread * g_mean);
          if (half)
            from_float(d.simd, type_, out_ptr<uint16_t>(call) + run * c.s,
                       reinterpret_cast<float*>(buf), c.s);
        }
      }
    });
    if (no_memory) return fail(err, VD_OOM, "%s: no memory for a channel", call.op);
    for (int k = 1; k < call.n_outputs; ++k) weight_gradient<T>(d.simd, call, k, sums);
    return VD_OK;
  }

  /* Output 1 sums g x^ over the samples, output 2 g. */
  template <class T>
  void weight_gradient(const Simd* simd, const vd_call& call, int k, const double* sums) const {
    std::vector<T> total(static_cast<size_t>(shape_.c));
    for (int64_t c = 0; c < shape_.c; ++c) {
      double sum = 0;
      for (int64_t n = 0; n < shape_.n; ++n) sum += sums[2 * (n * shape_.c + c) + (k == 1)];
      total[size_t(c)] = T(sum);
    }
    if (sdk::is_half(type_))
      from_float(simd, type_, out_ptr<uint16_t>(call, k), reinterpret_cast<float*>(total.data()),
                 shape_.c);
    else
      std::copy(total.begin(), total.end(), out_ptr<T>(call, k));
  }

  DType type_;
  Channels shape_;
  double eps_;
};

constexpr int64_t kLeastRun = 16;  // elements: shorter ones are better decomposed

/* Is x of floats in runs worth a call each, and are inputs [first, last) [C] of its dtype? */
bool fits(const vd_call& call, int x, int first, int last) {
  const vd_tensor& t = call.inputs[x];
  if (t.ndim < 2 || !sdk::is_float(in_type(call, x)) || sdk::numel(t) == 0) return false;
  const Channels c(t, sdk::attr_int(call, "groups", 0));
  if (c.s < kLeastRun) return false;
  for (int i = first; i < last; ++i) {
    const vd_tensor& w = call.inputs[i];
    if (sdk::absent(w)) continue;
    if (in_type(call, i) != in_type(call, x) || w.ndim != 1 || w.shape[0] != c.c) return false;
  }
  return true;
}
/* Means and variances are float32, or float64 beside float64. */
DType wide(DType t) { return t == DType::F64 ? DType::F64 : DType::F32; }

vd_status make_norm(Device&, const vd_call& call, std::unique_ptr<Kernel>& kernel, vd_err* err) {
  if (!arity(call, 3, 3) || !fits(call, 0, 1, 3) || out_type(call) != in_type(call, 0) ||
      out_type(call, 1) != wide(out_type(call)) || out_type(call, 2) != wide(out_type(call)))
    return unsupported(call, err, "it takes x [N, C, *S] of floats, S not small, and [C]");
  kernel = std::make_unique<ChannelNorm>(call);
  return VD_OK;
}

vd_status make_backward(Device&, const vd_call& call, std::unique_ptr<Kernel>& kernel,
                        vd_err* err) {
  if (call.n_inputs != 5 || !fits(call, 1, 4, 5) || in_type(call, 0) != in_type(call, 1) ||
      !sdk::same_shape(call.inputs[0], call.inputs[1]) ||
      in_type(call, 2) != wide(in_type(call, 1)) || in_type(call, 3) != wide(in_type(call, 1)))
    return unsupported(call, err, "it takes g and x [N, C, *S] of one dtype, S not small");
  if (call.n_outputs != (sdk::absent(call.inputs[4]) ? 1 : 3))
    return fail(err, VD_INVALID, "%s gives dx, and with a weight two gradients more", call.op);
  for (int k = 0; k < call.n_outputs; ++k)
    if (out_type(call, k) != in_type(call, 1))
      return unsupported(call, err, "its results have another dtype than x");
  kernel = std::make_unique<ChannelNormBackward>(call);
  return VD_OK;
}

}  // namespace

void add_channels(sdk::Table<Make>& table) {
  table.add("channel_norm", make_norm);
  table.add("channel_norm_backward", make_backward);
}

}  // namespace vob
