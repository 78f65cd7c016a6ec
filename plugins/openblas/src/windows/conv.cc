// Convolution over one or two dims and its adjoints, directly: no matrix of windows is made.
//
// The work is cut into bands of output lines.  A band's input is copied once, with its border of
// zeros and, where the stride is not 1, with the columns sorted by their remainder, so that every
// element of the kernel reads a run of neighbours.
#include <algorithm>

#include "windows/conv.h"

namespace vob {
namespace {

constexpr int kChannels = 8;  // outputs that a pass over the rows makes

template <class T>
auto line_of(const Simd* s) {
  if constexpr (sizeof(T) == 4) return s->conv_line32;
  if constexpr (sizeof(T) == 8) return s->conv_line64;
}
/* The weight of outputs [o, o + kChannels) of group g: element [in, tap, output], 0 where there is
 * no output. */
template <class T>
void pack(const ConvShape& c, const T* w, int64_t g, int64_t o, bool adjoint, T* to) {
  const int64_t taps = c.kh * c.kw, depth = c.in * taps;
  if (!adjoint && o + kChannels <= c.out) {  // side by side
    const T* from = w + (g * c.out + o) * depth;
    for (int64_t j = 0; j < depth; ++j, ++from)
      for (int64_t k = 0; k < kChannels; ++k) *to++ = from[k * depth];
    return;
  }
  for (int64_t k = 0; k < kChannels; ++k, ++o, ++to) {
    if (o >= c.out) {
      for (int64_t j = 0; j < depth; ++j) to[j * kChannels] = T(0);
    } else if (!adjoint) {
      const T* from = w + (g * c.out + o) * depth;
      for (int64_t j = 0; j < depth; ++j) to[j * kChannels] = from[j];
    } else {  // it reads the weight [its in, its out, taps]
      for (int64_t i = 0; i < c.in; ++i) {
        const T* last = w + ((g * c.in + i) * c.out + o) * taps + taps - 1;
        for (int64_t t = 0; t < taps; ++t) to[(i * taps + t) * kChannels] = last[-t];
      }
    }
  }
}

/* y = x * w; as the adjoint in x (only stride 1), channels change roles and the kernel is turned.
 */
template <class T>
vd_status forward(Device& d, const ConvShape& c, const T* x, const T* w, const T* bias, T* y,
                  bool adjoint, vd_err* err) {
  const int64_t taps = c.kh * c.kw, depth = c.in * taps;
  const int64_t blocks = (c.out + kChannels - 1) / kChannels;
  T* packed =
      static_cast<T*>(d.scratch.get(size_t(c.groups * blocks * depth * kChannels) * sizeof(T)));
  if (!packed) return fail(err, VD_OOM, "convolution: no memory for the weights");
  d.pool.ranges(c.groups * blocks, double(depth * kChannels), 1, [&](int64_t begin, int64_t end) {
    for (int64_t u = begin; u < end; ++u)
      pack(c, w, u / blocks, u % blocks * kChannels, adjoint, packed + u * depth * kChannels);
  });
  const bool joined = c.joins_lines();
  const int threads = d.pool.threads();
  const int64_t lines =
      joined ? c.joined_lines(1 << 16, threads) : c.band(1 << 15, threads, sizeof(T));
  const size_t elements = joined ? c.joined_elements(lines) : c.band_elements(lines);
  const int64_t bands = (c.oh + lines - 1) / lines;
  std::atomic<bool> no_memory{false};
  d.pool.each(c.n * c.groups * bands, [&](int64_t u) {
    const int64_t image = u / (c.groups * bands), g = u / bands % c.groups, b = u % bands;
    const int64_t y0 = b * lines, count = std::min(lines, c.oh - y0);
    T* mem =
        static_cast<T*>(thread_scratch(2, elements * sizeof(T) + size_t(depth) * sizeof(T*) + 64));
    if (!mem) no_memory = true;
    if (!mem) return;
    const T** rows = reinterpret_cast<const T**>(mem);
    T* band = reinterpret_cast<T*>(rows + depth);
    const T* from = x + (image * c.groups + g) * c.in * c.h * c.w;
    if (joined)
      c.copy_joined(from, y0, count, band, rows);
    else
      c.copy_band(from, y0, count, band);
    for (int64_t line = 0; line < (joined ? 1 : count); ++line) {
      if (!joined) c.rows_of(band, count, line, rows);
      for (int64_t k = 0; k < blocks; ++k) {
        const int64_t first = g * c.out + k * kChannels;
        const int m = int(std::min<int64_t>(kChannels, c.out - k * kChannels));
        T* to = y + ((image * c.groups * c.out + first) * c.oh + y0 + line) * c.ow;
        line_of<T>(d.simd)(to, c.oh * c.ow, packed + (g * blocks + k) * depth * kChannels, m, rows,
                           depth, joined ? count * c.ow : c.ow, bias ? bias + first : nullptr);
      }
    }
  });
  return no_memory ? fail(err, VD_OOM, "convolution: no memory for a band") : VD_OK;
}

enum class Role { Forward, Input, Weight };

template <Role R>
vd_status make(Device&, const vd_call& call, std::unique_ptr<Kernel>& kernel, vd_err* err) {
  const int inputs = R == Role::Forward ? 3 : 2;
  const DType t = call.n_inputs ? in_type(call, 0) : DType::Unknown;
  if (!arity(call, inputs, 1) || (t != DType::F32 && t != DType::F64) || in_type(call, 1) != t)
    return unsupported(call, err, "it takes float32 or float64 tensors of one dtype");
  const bool biased = R == Role::Forward && !sdk::absent(call.inputs[2]);
  if (biased && in_type(call, 2) != t) return unsupported(call, err, "the bias differs in dtype");
  const vd_tensor &x = R == Role::Weight ? call.inputs[1] : call.inputs[0],
                  &w = R == Role::Weight ? call.outputs[0] : call.inputs[1],
                  &y = R == Role::Weight ? call.inputs[0] : call.outputs[0];
  ConvShape c;
  if (!c.read(call, x, w, y, R == Role::Input))
    return unsupported(call, err, "the direct way is for one or two dims, and kernels that mix");
  return answer(kernel, kPreferred, [c, t, biased](Device& d, const vd_call& v, vd_err* e) {
    auto go = [&](auto zero) {
      using T = decltype(zero);
      const T *a = in_ptr<T>(v, 0), *b = in_ptr<T>(v, 1);
      if (R == Role::Weight) return conv_weight(d, c, a, b, out_ptr<T>(v), e);
      return forward<T>(d, c, a, b, biased ? in_ptr<T>(v, 2) : nullptr, out_ptr<T>(v),
                        R == Role::Input, e);
    };
    return t == DType::F32 ? go(float{}) : go(double{});
  });
}

}  // namespace

void add_conv(sdk::Table<Make>& table) {
  table.add("convolution", make<Role::Forward>);
  table.add("convolution_input", make<Role::Input>);
  table.add("convolution_weight", make<Role::Weight>);
}

}  // namespace vob
