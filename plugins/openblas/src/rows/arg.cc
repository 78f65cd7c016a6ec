#include "rows/arg.h"

#include <algorithm>
#include <cmath>

#include "base/lines.h"

namespace vob {
namespace {

constexpr int64_t kLong = 4096;   // elements: a row is cut into pieces of these
constexpr int64_t kBlock = 1024;  // elements compared, and widened, at one time

struct Best {
  float value = 0;
  int64_t block = -1;  // where the elements among which it is begin
  /* Does v, which comes later, take its place?  The first NaN stays. */
  bool yields(float v, bool max) const {
    return block < 0 || (v != v ? value == value : max ? v > value : v < value);
  }
};

/* The first place of `best`, which is there. */
int64_t find(const float* x, int64_t n, float best) {
  if (std::isnan(best)) {
    for (int64_t i = 0; i < n; ++i)
      if (std::isnan(x[i])) return i;
  }
  int64_t i = 0;
  for (; i + 16 <= n; i += 16) {
    int hit = 0;
    for (int k = 0; k < 16; ++k) hit |= x[i + k] == best;
    if (hit) break;
  }
  for (; i < n; ++i)
    if (x[i] == best) return i;
  return 0;
}

class LongArg final : public Kernel {
 public:
  LongArg(DType type, int64_t rows, int64_t n, bool max)
      : Kernel(kPreferred), type_(type), rows_(rows), n_(n), max_(max) {}

  vd_status run(Device& d, const vd_call& call, vd_err* err) override {
    const int64_t pieces = (n_ + kLong - 1) / kLong;
    Best* found = static_cast<Best*>(d.scratch.get(size_t(rows_ * pieces) * sizeof(Best)));
    if (!found) return fail(err, VD_OOM, "%s: no memory for the pieces of a row", call.op);
    const char* x = in_ptr<char>(call, 0);
    d.pool.ranges(rows_ * pieces, double(kLong) / 2, 1, [&](int64_t b, int64_t e) {
      alignas(64) float wide[kBlock];
      for (int64_t u = b; u < e; ++u) {
        const int64_t first = u / pieces * n_ + u % pieces * kLong;
        const int64_t end = std::min(first + kLong, (u / pieces + 1) * n_);
        found[u] = {};
        for (int64_t i = first; i < end; i += kBlock) {
          const int64_t m = std::min(kBlock, end - i);
          const float v = (max_ ? d.simd->max32 : d.simd->min32)(get(d.simd, x, i, m, wide), m);
          if (found[u].yields(v, max_)) found[u] = {v, i};
        }
      }
    });
    for (int64_t r = 0; r < rows_; ++r) {
      Best best;
      for (int64_t p = 0; p < pieces; ++p)
        if (best.yields(found[r * pieces + p].value, max_)) best = found[r * pieces + p];
      alignas(64) float wide[kBlock];
      const int64_t m = std::min(kBlock, (r + 1) * n_ - best.block);
      out_ptr<int64_t>(call)[r] =
          best.block - r * n_ + find(get(d.simd, x, best.block, m, wide), m, best.value);
    }
    return VD_OK;
  }

 private:
  const float* get(const Simd* s, const char* x, int64_t at, int64_t n, float* wide) const {
    if (type_ == DType::F32) return reinterpret_cast<const float*>(x) + at;
    to_float(s, type_, wide, x + at * 2, n);
    return wide;
  }

  DType type_;
  int64_t rows_, n_;
  bool max_;
};

}  // namespace

int64_t arg_extreme(const Simd* s, const float* x, int64_t n, bool max) {
  // the extremum by vectors, then its first place: the search stops half-way on average
  return find(x, n, max ? s->max32(x, n) : s->min32(x, n));
}

std::unique_ptr<Kernel> long_arg(const vd_call& call, int dim, bool max) {
  const vd_tensor& x = call.inputs[0];
  const DType type = in_type(call, 0);
  if ((type != DType::F32 && !sdk::is_half(type)) || x.ndim == 0 || dim != x.ndim - 1 ||
      x.shape[dim] < kLong)
    return nullptr;
  const int64_t n = x.shape[dim], rows = sdk::numel(x) / n;
  if (rows != sdk::numel(call.outputs[0])) return nullptr;
  return std::make_unique<LongArg>(type, rows, n, max);
}

}  // namespace vob
