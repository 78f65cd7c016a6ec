// fft_c2c, fft_r2c and fft_c2r along any dim: as many lines at a time as a vector has lanes.
#include <algorithm>
#include <cmath>
#include <complex>

#include "base/lines.h"
#include "fourier/fft_kernels.h"

namespace vob {
namespace {

constexpr int64_t kLongest = 1 << 15;  // of a line whose elements fill a vector each

/* A tensor as lines along one dim; steps count real numbers. */
struct Lines {
  int64_t outer = 1, n = 1, inner = 1, parts = 1;
  Lines(const vd_tensor& t, int dim) {
    for (int i = 0; i < t.ndim; ++i) (i < dim ? outer : i > dim ? inner : n) *= t.shape[i];
    parts = sdk::is_complex(sdk::dtype_of(t.dtype)) ? 2 : 1;
  }
  int64_t count() const { return outer * inner; }
  int64_t step() const { return inner * parts; }
  void places(int64_t* at, int64_t first, int64_t lines) const {
    for (int64_t l = 0; l < lines; ++l)
      at[l] = ((first + l) / inner * n * inner + (first + l) % inner) * parts;
  }
};

constexpr int64_t kMostLanes = 16;

/* What one tile of lines goes through: fetch, transform, put. */
template <class T>
class Transform final : public Kernel {
 public:
  Transform(const vd_call& call, int dim, FftKind kind, int sign)
      : Kernel(kPreferred),
        kind_(kind),
        in_(call.inputs[0], dim),
        out_(call.outputs[0], dim),
        n_(kind == FftKind::FromHalf ? out_.n : in_.n),
        packed_(kind != FftKind::Complex && n_ % 2 == 0),
        plan_(packed_ ? n_ / 2 : n_, sign) {
    if (packed_) turns_ = fft_turns<T>(n_, n_ / 2 + 1, -1);
  }

  vd_status run(Device& d, const vd_call& call, vd_err* err) override {
    const FftLoops<T>& f = fft_loops(d.simd, T(0));
    const int64_t tiles = (in_.count() + f.lanes - 1) / f.lanes;
    const int64_t room = std::max(plan_.room(), n_ / 2 + 1) * 2 * f.lanes;
    std::atomic<bool> no_memory{false};
    const double cost = double(n_ * f.lanes) * std::log2(double(n_) + 2) / 2;
    d.pool.ranges(tiles, cost, 1, [&](int64_t b, int64_t e) {
      T* z = static_cast<T*>(thread_scratch(1, size_t(2 * room) * sizeof(T)));
      if (!z) {
        no_memory = true;
        return;
      }
      for (int64_t t = b; t < e; ++t)
        tile(f, call, t * f.lanes, std::min(f.lanes, in_.count() - t * f.lanes), z, z + room);
    });
    return no_memory ? fail(err, VD_OOM, "%s: no memory for lines of %lld", call.op, (long long)n_)
                     : VD_OK;
  }

 private:
  void tile(const FftLoops<T>& f, const vd_call& call, int64_t first, int64_t lines, T* z,
            T* other) const {
    int64_t from[kMostLanes], to[kMostLanes];
    in_.places(from, first, lines);
    out_.places(to, first, lines);
    const T* x = in_ptr<T>(call, 0);
    T* y = out_ptr<T>(call);
    const int64_t half = n_ / 2 + 1;
    if (kind_ == FftKind::Complex) {
      f.fetch_complex(z, x, from, in_.step(), lines, n_);
      f.put_complex(y, to, out_.step(), f.run(plan_, z, other), lines, n_);
    } else if (kind_ == FftKind::ToHalf) {
      fetch_real(f, z, x, from, lines);
      T* there = f.run(plan_, z, other);
      if (packed_) {
        other = there == z ? other : z;
        f.split(other, there, n_ / 2, turns_.data());
        there = other;
      }
      f.put_complex(y, to, out_.step(), there, lines, half);
    } else {
      f.fetch_complex(other, x, from, in_.step(), lines, half);
      packed_ ? f.join(z, other, n_ / 2, turns_.data()) : f.mirror(z, other, n_);
      put_real(f, y, to, f.run(plan_, z, other), lines);
    }
  }

  /* Neighbours as one complex number, or, for an odd length, each as one. */
  void fetch_real(const FftLoops<T>& f, T* z, const T* x, const int64_t* from,
                  int64_t lines) const {
    f.fetch(z, x, from, in_.step(), lines, n_);
    if (packed_) return;
    for (int64_t j = n_; j--;) {
      std::memmove(z + 2 * j * f.lanes, z + j * f.lanes, size_t(f.lanes) * sizeof(T));
      std::fill_n(z + (2 * j + 1) * f.lanes, f.lanes, T(0));
    }
  }
  void put_real(const FftLoops<T>& f, T* y, const int64_t* to, T* z, int64_t lines) const {
    if (!packed_)
      for (int64_t j = 1; j < n_; ++j)
        std::memcpy(z + j * f.lanes, z + 2 * j * f.lanes, size_t(f.lanes) * sizeof(T));
    f.put(y, to, out_.step(), z, lines, n_);
  }

  FftKind kind_;
  Lines in_, out_;
  int64_t n_;
  bool packed_;  // pairs of real numbers go as complex ones
  FftPlan<T> plan_;
  std::vector<T> turns_;
};

enum { kC2C, kR2C, kC2R };

template <int Which>
vd_status make_fft(Device&, const vd_call& call, std::unique_ptr<Kernel>& kernel, vd_err* err) {
  if (!arity(call, 1, 1)) return fail(err, VD_INVALID, "%s takes 1 input", call.op);
  const vd_tensor &x = call.inputs[0], &y = call.outputs[0];
  const DType from = in_type(call, 0), to = out_type(call);
  const bool wide = Which == kR2C ? from == DType::F64 : from == DType::C128;
  const DType real = wide ? DType::F64 : DType::F32, pair = wide ? DType::C128 : DType::C64;
  if (from != (Which == kR2C ? real : pair) || to != (Which == kC2R ? real : pair))
    return unsupported(call, err, "it takes float32 and float64, and complex numbers of those");
  int64_t given = sdk::attr_int(call, "dim", -1);
  if (given < 0) given += x.ndim;
  if (given < 0 || given >= x.ndim || y.ndim != x.ndim)
    return fail(err, VD_INVALID, "%s: dim must be in [0, %d)", call.op, x.ndim);
  const int dim = int(given);
  const int64_t n = Which == kC2R ? y.shape[dim] : x.shape[dim];
  bool fits = n > 0;
  for (int i = 0; i < x.ndim; ++i) {
    const int64_t a = x.shape[i], b = y.shape[i], half = n / 2 + 1;
    fits &= i != dim || Which == kC2C ? a == b : Which == kR2C ? b == half : a == half;
  }
  if (!fits) return fail(err, VD_INVALID, "%s: the output does not fit", call.op);
  const int sign = Which == kC2R || (Which == kC2C && sdk::attr_int(call, "inverse", 0)) ? 1 : -1;
  constexpr FftKind kinds[] = {FftKind::Complex, FftKind::ToHalf, FftKind::FromHalf};
  const Lines lines(x, dim);
  if (lines.inner == 1 && (kernel = long_lines(kinds[Which], wide, lines.outer, n, sign)))
    return VD_OK;
  if (n > kLongest) return unsupported(call, err, "a line is too long");
  auto set = [&](auto zero) {
    kernel = std::make_unique<Transform<decltype(zero)>>(call, dim, kinds[Which], sign);
  };
  wide ? set(double{}) : set(float{});
  return VD_OK;
}

}  // namespace

void add_fft(sdk::Table<Make>& table) {
  table.add("fft_c2c", make_fft<kC2C>);
  table.add("fft_r2c", make_fft<kR2C>);
  table.add("fft_c2r", make_fft<kC2R>);
}

}  // namespace vob
