// The adjoint of convolution in the weight.
//
// Sums of products over the pixels of a band. Many output channels are laid side by side, so that
// a vector of them meets one pixel of the input; few are summed along the pixels. Parts of fixed
// size are added up in order, whoever computed them.
#include <algorithm>

#include "windows/conv.h"

namespace vob {
namespace {

constexpr int64_t kTile = 16;

template <class T>
auto products_of(const Simd* s) {
  if constexpr (sizeof(T) == 4) return s->conv_products32;
  if constexpr (sizeof(T) == 8) return s->conv_products64;
}
template <class T>
auto outer_of(const Simd* s) {
  if constexpr (sizeof(T) == 4) return s->conv_outer32;
  if constexpr (sizeof(T) == 8) return s->conv_outer64;
}

/* to[p * ldt + o] = from[o][p] for p < n; what lies between out and ldt is 0. */
template <class T>
void side_by_side(T* to, int64_t ldt, const T* const* from, int64_t out, int64_t n) {
  for (int64_t p = 0; p < n; p += kTile)
    for (int64_t o = 0; o < ldt; ++o)
      for (int64_t i = p; i < std::min(n, p + kTile); ++i)
        to[i * ldt + o] = o < out ? from[o][i] : T(0);
}

template <class T>
vd_status weight(Device& d, const ConvShape& c, const T* grad, const T* x, T* y, vd_err* err) {
  const bool many = c.out >= kChannelPad;
  const int64_t depth = c.in * c.kh * c.kw;
  const int64_t wide = many ? (c.out + kChannelPad - 1) / kChannelPad * kChannelPad : c.out;
  const int64_t size = c.groups * wide * depth;  // many: [groups, depth, wide], else as y
  const int64_t lines = c.band(many ? 1 << 15 : 1 << 17, 1, sizeof(T));
  const int64_t bands = (c.oh + lines - 1) / lines, units = c.n * bands;
  const int64_t parts = std::max<int64_t>(1, std::min<int64_t>(16, units));
  T* partial = static_cast<T*>(d.scratch.get(size_t(parts * size) * sizeof(T)));
  if (!partial) return fail(err, VD_OOM, "convolution_weight: no memory for partial sums");
  std::atomic<bool> no_memory{false};
  d.pool.each(parts, [&](int64_t p) {
    const size_t held = c.band_elements(lines) + size_t(many ? lines * c.ow * wide : 0);
    T* mem = static_cast<T*>(
        thread_scratch(2, held * sizeof(T) + size_t(depth + c.out) * sizeof(T*) + 64));
    if (!mem) no_memory = true;
    if (!mem) return;
    const T** rows = reinterpret_cast<const T**>(mem);
    const T** from = rows + depth;
    T* band = reinterpret_cast<T*>(from + c.out);
    T* channels = band + c.band_elements(lines);
    std::fill_n(partial + p * size, size, T(0));
    for (int64_t u = p * units / parts; u < (p + 1) * units / parts; ++u) {
      const int64_t image = u / bands, y0 = u % bands * lines;
      const int64_t count = std::min(lines, c.oh - y0);
      for (int64_t g = 0; g < c.groups; ++g) {
        c.copy_band(x + (image * c.groups + g) * c.in * c.h * c.w, y0, count, band);
        c.rows_of(band, count, 0, rows);
        for (int64_t o = 0; o < c.out; ++o)
          from[o] = grad + ((image * c.groups + g) * c.out + o) * c.oh * c.ow + y0 * c.ow;
        T* to = partial + p * size + g * wide * depth;
        if (many) {
          side_by_side(channels, wide, from, c.out, count * c.ow);
          outer_of<T>(d.simd)(to, wide, channels, wide, rows, c.line_step(), depth, count, c.ow);
        } else {
          products_of<T>(d.simd)(to, depth, from, c.ow, c.out, rows, c.line_step(), depth, count,
                                 c.ow);
        }
      }
    }
  });
  if (no_memory) return fail(err, VD_OOM, "convolution_weight: no memory for a band");
  d.pool.ranges(size, double(parts), 64, [&](int64_t b, int64_t e) {
    for (int64_t p = 1; p < parts; ++p)
      for (int64_t i = b; i < e; ++i) partial[i] += partial[p * size + i];
  });
  if (!many) return std::copy_n(partial, size, y), VD_OK;
  const int64_t tiles = (depth + kTile - 1) / kTile;  // turned back by tiles: y is [out, depth]
  d.pool.ranges(c.groups * tiles, double(kTile * wide), 1, [&](int64_t b, int64_t e) {
    for (int64_t u = b; u < e; ++u) {
      const int64_t g = u / tiles, first = u % tiles * kTile, last = std::min(depth, first + kTile);
      for (int64_t o = 0; o < c.out; ++o)
        for (int64_t j = first; j < last; ++j)
          y[(g * c.out + o) * depth + j] = partial[(g * depth + j) * wide + o];
    }
  });
  return VD_OK;
}

}  // namespace

vd_status conv_weight(Device& d, const ConvShape& c, const float* grad, const float* x, float* y,
                      vd_err* err) {
  return weight(d, c, grad, x, y, err);
}
vd_status conv_weight(Device& d, const ConvShape& c, const double* grad, const double* x, double* y,
                      vd_err* err) {
  return weight(d, c, grad, x, y, err);
}

}  // namespace vob
