// The shape of a convolution over one or two dims, and the band of input that lines of it read.
#ifndef VIDYA_OPENBLAS_CONV_H
#define VIDYA_OPENBLAS_CONV_H

#include "base/common.h"
#include "base/lines.h"

namespace vob {

struct ConvShape {
  int64_t n, groups, in, out;  // channels per group
  int64_t h, w, oh, ow, kh = 1, kw, sh = 1, sw, ph = 0, pw, dh = 1, dw;

  /* False where another way is as good or the only one: three dims, kernels of one element without
   * border or stride, nothing to do.  The adjoint in x is a convolution if the stride is 1. */
  bool read(const vd_call& call, const vd_tensor& x, const vd_tensor& weight, const vd_tensor& y,
            bool adjoint);

  int64_t phase_width() const { return (ow - 1) + (kw - 1) * dw / sw + 1; }
  int64_t line_width() const { return phase_width() * std::min(sw, (kw - 1) * dw + 1); }
  /* Elements from an output line's input to the next one's. */
  int64_t line_step() const { return line_width() * sh; }
  int64_t band_lines(int64_t lines) const { return (lines - 1) * sh + (kh - 1) * dh + 1; }
  size_t band_elements(int64_t lines) const {
    return size_t(in * band_lines(lines) * line_width()) + 256;  // rows are read past their ends
  }
  /* Short lines leave vectors half empty. A band of them is one long line where every column of the
   * kernel has a copy of its own, moved by that column and as wide as the output, its lines sorted
   * by their remainder by the stride. */
  bool joins_lines() const { return oh > 1 && out >= 16 && ow <= 64 && ow % 48; }
  int64_t line_phases() const { return std::min(sh, (kh - 1) * dh + 1); }
  int64_t phase_lines(int64_t lines) const { return lines + (kh - 1) * dh / sh; }
  size_t joined_elements(int64_t lines) const {
    return size_t(in * kw * line_phases() * phase_lines(lines) * ow) + 256;
  }
  int64_t joined_lines(int64_t elements, int threads) const {
    return shared(std::clamp<int64_t>(elements / (in * kw * line_phases() * ow), 1, oh), threads);
  }
  template <class T>
  void copy_joined(const T* x, int64_t y0, int64_t count, T* band, const T** rows) const {
    const int64_t held = phase_lines(count), phases = line_phases();
    for (int64_t c = 0; c < in; ++c) {
      for (int64_t k = 0; k < kw; ++k) {
        // columns k dw - pw + i sw that are inside
        const int64_t at = k * dw - pw;
        const int64_t begin = std::clamp<int64_t>((sw - 1 - at) / sw, 0, ow);
        const int64_t end = at >= w ? begin : std::clamp((w - 1 - at) / sw + 1, begin, ow);
        T* to = band + (c * kw + k) * phases * held * ow;
        for (int64_t y = 0; y < kh; ++y)
          rows[(c * kh + y) * kw + k] = to + (y * dh % sh * held + y * dh / sh) * ow;
        for (int64_t r = 0; r < phases * held; ++r, to += ow) {
          const int64_t line = (y0 + r % held) * sh + r / held - ph;
          if (line < 0 || line >= h) {
            std::fill_n(to, ow, T(0));
            continue;
          }
          const T* from = x + (c * h + line) * w + at;
          std::fill_n(to, begin, T(0));
          if (sw == 1)
            std::copy_n(from + begin, end - begin, to + begin);
          else if (sw == 2)  // known when compiled: by vectors
            for (int64_t i = begin; i < end; ++i) to[i] = from[i * 2];
          else
            for (int64_t i = begin; i < end; ++i) to[i] = from[i * sw];
          std::fill_n(to + end, ow - end, T(0));
        }
      }
    }
  }
  /* Output lines per band: about `elements` of input, and something for every thread. */
  int64_t band(int64_t elements, int threads, size_t size) const;
  /* No more lines than leave something for every thread. */
  int64_t shared(int64_t lines, int threads) const {
    const int64_t units = n * groups;
    if (units < 2 * threads)
      lines = std::min(lines, (oh * units + 4 * threads - 1) / (4 * threads));
    return std::max<int64_t>(1, lines);
  }

  /* Input for `count` output lines from y0 on, of one image and group. */
  template <class T>
  void copy_band(const T* x, int64_t y0, int64_t count, T* band) const {
    const int64_t width = phase_width(), phases = std::min(sw, (kw - 1) * dw + 1);
    const int64_t held = band_lines(count);
    for (int64_t c = 0; c < in; ++c)
      for (int64_t r = 0; r < held; ++r) {
        T* to = band + (c * held + r) * line_width();
        const int64_t line = y0 * sh + r - ph;
        if (line < 0 || line >= h) {
          std::fill_n(to, line_width(), T(0));
          continue;
        }
        const T* from = x + (c * h + line) * w;
        for (int64_t p = 0; p < phases; ++p, to += width) {
          // columns p - pw + i * sw that are inside
          const int64_t first = std::max<int64_t>(0, (pw - p + sw - 1) / sw);
          const int64_t last = std::min(width, w - 1 + pw - p < 0 ? 0 : (w - 1 + pw - p) / sw + 1);
          const int64_t begin = std::min(first, width), end = std::max(begin, last);
          std::fill_n(to, begin, T(0));
          if (sw == 1) {
            std::copy_n(from + p - pw + begin, end - begin, to + begin);
          } else {
            for (int64_t i = begin; i < end; ++i) to[i] = from[p - pw + i * sw];
          }
          std::fill_n(to + end, width - end, T(0));
        }
      }
  }
  /* Where the pixels of output line `line` of the band begin, for every channel and tap. */
  template <class T>
  void rows_of(const T* band, int64_t count, int64_t line, const T** rows) const {
    const int64_t held = band_lines(count);
    for (int64_t c = 0; c < in; ++c)
      for (int64_t y = 0; y < kh; ++y)
        for (int64_t x = 0; x < kw; ++x)
          *rows++ = band + (c * held + line * sh + y * dh) * line_width() +
                    x * dw % sw * phase_width() + x * dw / sw;
  }
};

inline bool ConvShape::read(const vd_call& call, const vd_tensor& x, const vd_tensor& weight,
                            const vd_tensor& y, bool adjoint) {
  const int dims = x.ndim - 2;
  if (dims < 1 || dims > 2 || weight.ndim != x.ndim || y.ndim != x.ndim) return false;
  if (!sdk::numel(x) || !sdk::numel(weight) || !sdk::numel(y)) return false;
  auto place = [&](const char* name, int i, int64_t& value) {
    const vd_attr* a = sdk::find_attr(call, name);
    if (a && a->kind == VD_ATTR_INTS && a->count == dims) value = a->value.ints[i];
    return a && a->count == dims;
  };
  if (!place("stride", dims - 1, sw) || !place("padding", dims - 1, pw) ||
      !place("dilation", dims - 1, dw))
    return false;
  if (dims == 2) place("stride", 0, sh), place("padding", 0, ph), place("dilation", 0, dh);
  groups = sdk::attr_int(call, "groups", 1);
  n = x.shape[0];
  in = x.shape[1] / groups, out = y.shape[1] / groups;
  h = dims == 2 ? x.shape[2] : 1, w = x.shape[x.ndim - 1];
  oh = dims == 2 ? y.shape[2] : 1, ow = y.shape[y.ndim - 1];
  kh = dims == 2 ? weight.shape[2] : 1, kw = weight.shape[weight.ndim - 1];
  if (kh * kw == 1 && sh * sw == 1 && ph + pw == 0) return false;  // a matrix product
  if (in * kh * kw > 8192 || kh * kw > 256 || sw > 64) return false;
  if (!adjoint) return true;
  ph = (kh - 1) * dh - ph, pw = (kw - 1) * dw - pw;
  return sh == 1 && sw == 1 && ph >= 0 && pw >= 0;
}

inline int64_t ConvShape::band(int64_t elements, int threads, size_t) const {
  const int64_t line = std::max<int64_t>(1, in * line_width() * sh);
  return shared(std::clamp<int64_t>(elements / line, 1, oh), threads);
}

/* The adjoint in the weight: y [groups * out, in, kh, kw] from grad and x. */
vd_status conv_weight(Device& d, const ConvShape& c, const float* grad, const float* x, float* y,
                      vd_err* err);
vd_status conv_weight(Device& d, const ConvShape& c, const double* grad, const double* x, double* y,
                      vd_err* err);

}  // namespace vob

#endif
