// Strided memory: dims merged where they can be, and gathered into contiguous blocks.
#ifndef VIDYA_OPENBLAS_LAYOUT_H
#define VIDYA_OPENBLAS_LAYOUT_H

#include <cstdint>

#include "vidya/backend.h"

namespace vob {

/* Sizes and strides (in elements), outermost first, without dims of size 1. */
struct Layout {
  int nd = 0;
  int64_t size[VD_MAX_NDIM];
  int64_t stride[VD_MAX_NDIM];

  void push(int64_t n, int64_t s) {
    size[nd] = n;
    stride[nd++] = s;
  }
  int64_t numel() const {
    int64_t n = 1;
    for (int i = 0; i < nd; ++i) n *= size[i];
    return n;
  }
  /* One run of stride 1, or a single element. */
  bool dense() const { return nd == 0 || (nd == 1 && stride[0] == 1); }
  /* The same element everywhere. */
  bool constant() const { return nd == 0 || (nd == 1 && stride[0] == 0); }
  /* Element offset of the linear (row-major) index i. */
  int64_t at(int64_t i) const {
    if (nd == 0) return 0;
    int64_t offset = 0;
    for (int d = nd - 1; d > 0; --d) {
      offset += i % size[d] * stride[d];
      i /= size[d];
    }
    return offset + i * stride[0];
  }
};

Layout layout_of(const vd_tensor& t);
/* Merges neighbouring dims that form one. */
Layout merged(const Layout& l);

/* Copies elements [begin, begin + n) of the row-major walk through `l` into dst, one after the
 * other.  `bytes` is the size of an element: 1, 2, 4, 8 or 16. */
void gather(const Layout& l, int bytes, const void* base, int64_t begin, int64_t n, void* dst);
/* The reverse: writes n consecutive elements of src to the places of `l`. */
void spread(const Layout& l, int bytes, void* base, int64_t begin, int64_t n, const void* src);

struct Wide {
  uint64_t word[2];
};

/* Calls f with a value of an unsigned type of that size. */
template <class F>
void with_size(int bytes, F&& f) {
  switch (bytes) {
    case 1:
      f(uint8_t{});
      break;
    case 2:
      f(uint16_t{});
      break;
    case 4:
      f(uint32_t{});
      break;
    case 8:
      f(uint64_t{});
      break;
    default:
      f(Wide{});
      break;
  }
}

}  // namespace vob

#endif
