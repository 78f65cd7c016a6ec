// Indices: checked once, as a contiguous array of int64, before anything is read or written.
#ifndef VIDYA_OPENBLAS_INDEX_H
#define VIDYA_OPENBLAS_INDEX_H

#include "base/common.h"
#include "base/layout.h"

namespace vob {

class IndexReader {
 public:
  IndexReader() = default;
  explicit IndexReader(const vd_tensor& t)
      : layout_(layout_of(t)), n_(sdk::numel(t)), type_(sdk::dtype_of(t.dtype)) {}
  static bool knows(DType t) { return t == DType::I64 || t == DType::I32; }
  int64_t size() const { return n_; }

  /* The indices, all within [0, limit) or equal to *allow; else VD_INVALID with the culprit.
   * The array is the tensor itself or lies in d.scratch, behind its first `reserve` bytes. */
  vd_status read(Device& d, const vd_call& call, int input, int64_t limit, const int64_t** index,
                 vd_err* err, const int64_t* allow = nullptr, size_t reserve = 0) const;

 private:
  Layout layout_;
  int64_t n_ = 0;
  DType type_ = DType::I64;
};

}  // namespace vob

#endif
