// Fourier transforms of a few long lines: x[j1 b + j2] as a x b numbers, whose columns are
// transformed side by side, and then their rows (Bailey, FFTs in external memory, 1990).
#include <algorithm>
#include <cmath>

#include "base/lines.h"
#include "fourier/fft_kernels.h"

namespace vob {
namespace {

constexpr int64_t kLeast = 4096;  // of n: shorter lines cost little either way
constexpr int64_t kLongest = 1 << 22;
constexpr int64_t kMostLanes = 16;

/* The divisor of n nearest to its square root from below. */
int64_t split_of(int64_t n) {
  int64_t a = int64_t(std::sqrt(double(n)));
  while (n % a) --a;
  return a;
}

template <class T>
class LongLines final : public Kernel {
 public:
  LongLines(FftKind kind, int64_t lines, int64_t n, int64_t a, int sign)
      : Kernel(kPreferred),
        kind_(kind),
        lines_(lines),
        n_(n),
        size_(kind == FftKind::Complex ? n : n / 2),
        a_(a),
        b_(size_ / a),
        columns_(a_, sign),
        rows_(b_, sign) {
    for (int64_t k = 0; k < a_; ++k)
      for (int64_t j = 0; j < b_; ++j) push_turn(twiddles_, k * j, size_, sign);
    if (kind != FftKind::Complex) turns_ = fft_turns<T>(n, n / 2 + 1, -1);
  }

  vd_status run(Device& d, const vd_call& call, vd_err* err) override {
    T* mem = static_cast<T*>(d.scratch.get(size_t(4 * size_) * sizeof(T)));
    if (!mem) return fail(err, VD_OOM, "%s: no memory for a line of %lld", call.op, (long long)n_);
    T *middle = mem, *packed = mem + 2 * size_;
    const int64_t half = 2 * (n_ / 2 + 1);
    const int64_t in = kind_ == FftKind::FromHalf ? half : kind_ == FftKind::ToHalf ? n_ : 2 * n_;
    const int64_t out = kind_ == FftKind::ToHalf ? half : kind_ == FftKind::FromHalf ? n_ : 2 * n_;
    bool done = true;
    for (int64_t i = 0; i < lines_ && done; ++i) {
      const T* x = in_ptr<T>(call, 0) + i * in;
      T* y = out_ptr<T>(call) + i * out;
      if (kind_ == FftKind::FromHalf) join(d, packed, x);
      done = transform(d, kind_ == FftKind::ToHalf ? packed : y,
                       kind_ == FftKind::FromHalf ? packed : x, middle);
      if (kind_ == FftKind::ToHalf) split(d, y, packed);
    }
    return done ? VD_OK : fail(err, VD_OOM, "%s: no memory for tiles of a line", call.op);
  }

 private:
  bool transform(Device& d, T* y, const T* x, T* middle) const {
    const FftLoops<T>& f = fft_loops(d.simd, T(0));
    std::atomic<bool> no_memory{false};
    // f(z, other, first line, lines, places) for tiles of `count` lines
    auto tiles = [&](int64_t count, const FftPlan<T>& plan, auto body) {
      const int64_t room = plan.room() * 2 * f.lanes;
      d.pool.ranges((count + f.lanes - 1) / f.lanes, double(plan.n * f.lanes) * 4, 1,
                    [&](int64_t begin, int64_t end) {
                      T* z = static_cast<T*>(thread_scratch(1, size_t(2 * room) * sizeof(T)));
                      if (!z) {
                        no_memory = true;
                        return;
                      }
                      for (int64_t t = begin; t < end; ++t) {
                        const int64_t first = t * f.lanes;
                        body(z, z + room, first, std::min(f.lanes, count - first));
                      }
                    });
    };
    tiles(b_, columns_, [&](T* z, T* other, int64_t first, int64_t lines) {
      int64_t at[kMostLanes];
      for (int64_t l = 0; l < lines; ++l) at[l] = 2 * (first + l);
      f.fetch_complex(z, x, at, 2 * b_, lines, a_);
      f.put_complex(middle, at, 2 * b_, f.run(columns_, z, other), lines, a_);
    });
    tiles(a_, rows_, [&](T* z, T* other, int64_t first, int64_t lines) {
      int64_t from[kMostLanes], to[kMostLanes];
      for (int64_t l = 0; l < lines; ++l) from[l] = 2 * (first + l) * b_, to[l] = 2 * (first + l);
      T* p = middle + from[0];
      const T* w = twiddles_.data() + from[0];
      for (int64_t j = 0; j < 2 * lines * b_; j += 2) {
        const T re = p[j], im = p[j + 1];
        p[j] = re * w[j] - im * w[j + 1];
        p[j + 1] = re * w[j + 1] + im * w[j];
      }
      f.fetch_complex(z, middle, from, 2, lines, b_);
      f.put_complex(y, to, 2 * a_, f.run(rows_, z, other), lines, b_);
    });
    return !no_memory;
  }

  /* What FftLoops::split does, for one line. */
  void split(Device& d, T* y, const T* z) const {
    d.pool.ranges(size_ + 1, 4, 64, [&](int64_t begin, int64_t end) {
      for (int64_t k = begin; k < end; ++k) {
        const T *p = z + 2 * (k == size_ ? 0 : k), *q = z + 2 * (k ? size_ - k : 0);
        const T er = (p[0] + q[0]) / 2, ei = (p[1] - q[1]) / 2;
        const T our = (p[1] + q[1]) / 2, oi = (q[0] - p[0]) / 2;
        const T c = turns_[size_t(2 * k)], s = turns_[size_t(2 * k + 1)];
        y[2 * k] = er + our * c - oi * s;
        y[2 * k + 1] = ei + our * s + oi * c;
      }
    });
  }
  void join(Device& d, T* z, const T* x) const {
    d.pool.ranges(size_, 4, 64, [&](int64_t begin, int64_t end) {
      for (int64_t k = begin; k < end; ++k) {
        const T *p = x + 2 * k, *q = x + 2 * (size_ - k);
        const T pi = k ? p[1] : 0, qi = k ? q[1] : 0;  // of a real line the ends are real
        const T c = turns_[size_t(2 * k)], s = -turns_[size_t(2 * k + 1)];
        const T dr = p[0] - q[0], di = pi + qi;
        z[2 * k] = p[0] + q[0] - (dr * s + di * c);
        z[2 * k + 1] = pi - qi + (dr * c - di * s);
      }
    });
  }

  FftKind kind_;
  int64_t lines_, n_, size_, a_, b_;  // size_: of the complex transform
  FftPlan<T> columns_, rows_;
  std::vector<T> twiddles_, turns_;  // of element (k1, j2); of the halves
};

}  // namespace

std::unique_ptr<Kernel> long_lines(FftKind kind, bool wide, int64_t lines, int64_t n, int sign) {
  if (n < kLeast || n > kLongest || lines > 3 || (kind != FftKind::Complex && n % 2))
    return nullptr;
  const int64_t size = kind == FftKind::Complex ? n : n / 2, a = split_of(size);
  if (a < 16) return nullptr;
  if (wide) return std::make_unique<LongLines<double>>(kind, lines, n, a, sign);
  return std::make_unique<LongLines<float>>(kind, lines, n, a, sign);
}

}  // namespace vob
