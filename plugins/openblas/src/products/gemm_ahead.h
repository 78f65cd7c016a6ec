// What a product packs next, asked for while its tiles are made: what comes from memory only when
// it is packed holds a thread up for longer than the packing.
#ifndef VIDYA_OPENBLAS_GEMM_AHEAD_H
#define VIDYA_OPENBLAS_GEMM_AHEAD_H

#include <algorithm>

#include "products/gemm_cut.h"
#include "products/gemm_packed.h"

namespace vob {

/* The lines of what is packed next, shared among the tiles that are made before. */
class Coming {
 public:
  /* What `fill` gives, in `tiles` shares, if there is anything. */
  template <class Fill>
  void set(int64_t tiles, bool any, Fill&& fill) {
    Source from[kSources];
    n_ = any ? fill(from) : 0;
    int64_t lines = 0;
    for (int x = 0; x < n_; ++x) {
      const int64_t off = reinterpret_cast<uintptr_t>(from[x].at) % 64;
      wide_[x] = (off + from[x].bytes + 63) / 64;
      row_[x] = static_cast<const char*>(from[x].at) - off;
      step_[x] = from[x].step;
      lines += left_[x] = wide_[x] * from[x].rows;
    }
    each_ = up(lines, tiles);
    at_ = x_ = 0;
  }
  Ahead next() {
    if (x_ >= n_) return {};
    const int64_t n = std::min(each_, left_[x_]), y = at_ / wide_[x_];
    const Ahead share{row_[x_] + y * step_[x_], step_[x_], wide_[x_], at_ % wide_[x_], n};
    at_ += n;
    if ((left_[x_] -= n) == 0) at_ = 0, ++x_;
    return share;
  }

 private:
  int n_ = 0, x_ = 0;
  const char* row_[kSources];
  int64_t step_[kSources], wide_[kSources], left_[kSources], each_ = 0, at_ = 0;
};

}  // namespace vob

#endif
