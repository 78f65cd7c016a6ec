// grid_sample: images and volumes read between their elements. The places of a block are worked out
// once for all channels: which elements they lie between, and how much of each counts.
#include "windows/grid.h"

#include <algorithm>
#include <cmath>

namespace vob {
namespace {

constexpr int64_t kPlaces = 256;
constexpr float kFar = 1 << 30;  // beyond any element
enum class Padding { Zeros, Border, Reflection };

struct Grid {
  int dims;
  bool nearest, corners;  // the outermost centres are at -1 and 1
  Padding padding;
  int64_t n, channels, places, size[3], elements;
};

/* Mirrored at the borders until it is inside. */
template <class T>
T bounced(T at, int64_t size, bool corners) {
  const T low = corners ? T(0) : T(-0.5), span = T(corners ? size - 1 : size);
  if (span <= 0) return at * 0;
  const T away = std::abs(at - low), extra = std::fmod(away, span);
  return (std::fmod(std::floor(away / span), T(2)) == 0 ? extra : span - extra) + low;
}

/* The elements beside place g of one dim, -1 for one outside, and their weights; the nearest is one
 * element. */
template <bool Nearest, class T>
inline void beside(const Grid& s, int64_t size, T g, int64_t* index, T* weight) {
  T at = s.corners ? (g + 1) * T(0.5) * T(size - 1) : ((g + 1) * T(size) - 1) * T(0.5);
  if (s.padding == Padding::Reflection) at = bounced(at, size, s.corners);
  const T last = T(size - 1);
  // without branches, which would be guessed wrong; a NaN is outside too
  if (s.padding != Padding::Zeros) at = std::min(std::max(T(0), at), last);
  at = std::min(std::max(T(-kFar), at), T(kFar));
  T first = T(int32_t(at));
  first -= T(first > at);
  if (Nearest) {  // half to even
    const T rest = at - first;
    first += T((rest > T(0.5)) | ((rest == T(0.5)) & (int32_t(first) & 1)));
  }
  weight[0] = Nearest ? T(1) : 1 - (at - first), weight[1] = at - first;
  for (int i = 0; i < (Nearest ? 1 : 2); ++i) {
    const T place = first + T(i);
    const bool inside = (s.padding != Padding::Zeros) | ((place >= 0) & (place <= last));
    index[i] = inside ? int32_t(std::min(std::max(place, T(0)), last)) : -1;
  }
}

/* y[c][i] = the sum over k of weight[k][i] x[c][index[k][i]]; Beyond: some indices are -1. */
template <int Corners, bool Beyond, class T>
void read(const T* x, T* y, const Grid& s, const int64_t (*index)[kPlaces],
          const T (*weight)[kPlaces], int64_t count) {
  for (int64_t c = 0; c < s.channels; ++c, x += s.elements, y += s.places)
    for (int64_t i = 0; i < count; ++i) {
      T sum = 0;
      for (int k = 0; k < Corners; ++k)
        if (!Beyond || index[k][i] >= 0) sum += weight[k][i] * x[index[k][i]];
      y[i] = sum;
    }
}

template <int Dims, bool Nearest, class T>
void sample(Device& d, const vd_call& call, const Grid& s) {
  const T *x = in_ptr<T>(call, 0), *grid = in_ptr<T>(call, 1);
  T* y = out_ptr<T>(call);
  const int64_t blocks = (s.places + kPlaces - 1) / kPlaces;
  constexpr int kCorners = Nearest ? 1 : 1 << Dims;
  const auto range = [&](int64_t begin, int64_t end) {
    int64_t index[kCorners][kPlaces];
    T weight[kCorners][kPlaces];
    for (int64_t u = begin; u < end; ++u) {
      const int64_t image = u / blocks, first = u % blocks * kPlaces;
      const int64_t count = std::min(kPlaces, s.places - first);
      const T* at = grid + (image * s.places + first) * Dims;
      bool beyond = false;
      for (int64_t i = 0; i < count; ++i, at += Dims) {
        int64_t near[Dims][2];
        T part[Dims][2];
        for (int a = 0; a < Dims; ++a)  // the grid names the last dim first
          beside<Nearest>(s, s.size[a], at[Dims - 1 - a], near[a], part[a]);
        for (int k = 0; k < kCorners; ++k) {
          int64_t to = 0, outside = 0;
          T w = 1;
          for (int a = 0; a < Dims; ++a) {
            const int way = Nearest ? 0 : k >> (Dims - 1 - a) & 1;
            to = to * s.size[a] + near[a][way];
            outside |= near[a][way];  // negative as soon as one is
            w *= part[a][way];
          }
          beyond |= outside < 0;
          index[k][i] = outside < 0 ? -1 : to, weight[k][i] = w;
        }
      }
      (beyond ? read<kCorners, true, T>
              : read<kCorners, false, T>)(x + image * s.channels * s.elements,
                                          y + image * s.channels * s.places + first, s, index,
                                          weight, count);
    }
  };
  d.pool.ranges(s.n * blocks, double(kPlaces * (s.channels * kCorners + 16)), 1, range);
}

vd_status make(Device&, const vd_call& call, std::unique_ptr<Kernel>& kernel, vd_err* err) {
  const DType t = call.n_inputs ? in_type(call, 0) : DType::Unknown;
  if (!arity(call, 2, 1) || (t != DType::F32 && t != DType::F64) || in_type(call, 1) != t ||
      out_type(call) != t)
    return unsupported(call, err, "it takes float32 and float64");
  const vd_tensor &x = call.inputs[0], &grid = call.inputs[1], &y = call.outputs[0];
  Grid s{};
  s.dims = x.ndim - 2;
  const char *mode = sdk::attr_str(call, "mode", ""), *padding = sdk::attr_str(call, "padding", "");
  s.nearest = !std::strcmp(mode, "nearest");
  if (s.dims < 2 || s.dims > 3 || grid.ndim != x.ndim || y.ndim != x.ndim ||
      grid.shape[x.ndim - 1] != s.dims || grid.shape[0] != x.shape[0] ||
      (!s.nearest && std::strcmp(mode, "bilinear") != 0))
    return unsupported(call, err, "it reads images and volumes, the nearest or linearly");
  s.corners = sdk::attr_int(call, "align_corners", 0) != 0;
  s.padding = !std::strcmp(padding, "border")       ? Padding::Border
              : !std::strcmp(padding, "reflection") ? Padding::Reflection
                                                    : Padding::Zeros;
  s.n = x.shape[0], s.channels = x.shape[1];
  s.places = s.elements = 1;
  for (int a = 0; a < s.dims; ++a) {
    s.places *= grid.shape[1 + a];
    s.elements *= s.size[a] = x.shape[2 + a];
  }
  if (!s.elements || sdk::numel(y) != s.n * s.channels * s.places)
    return unsupported(call, err, "the shapes do not fit");
  return answer(kernel, kPreferred, [=](Device& d, const vd_call& c, vd_err*) {
    const auto go = [&](auto zero) {
      using T = decltype(zero);
      if (s.dims == 2)
        (s.nearest ? sample<2, true, T> : sample<2, false, T>)(d, c, s);
      else
        (s.nearest ? sample<3, true, T> : sample<3, false, T>)(d, c, s);
    };
    t == DType::F32 ? go(float{}) : go(double{});
    return VD_OK;
  });
}

}  // namespace

void add_grid(sdk::Table<Make>& table) { table.add("grid_sample", make); }

}  // namespace vob
