// Tensors as rows: the last dim dense, the others in any layout.
#ifndef VIDYA_OPENBLAS_ROWS_H
#define VIDYA_OPENBLAS_ROWS_H

#include "base/common.h"
#include "base/layout.h"
#include "base/lines.h"

namespace vob {

class Rows {
 public:
  Rows() = default;
  /* As it is if its last dim is dense, else as it will be when it arrives contiguous. */
  Rows(const vd_tensor& t, bool strided) : type_(sdk::dtype_of(t.dtype)) {
    bytes_ = sdk::size_of(type_);
    if (t.ndim == 0) return;
    n_ = t.shape[t.ndim - 1];
    int64_t s = n_;
    Layout lead;
    int64_t packed[VD_MAX_NDIM];
    for (int i = t.ndim - 2; i >= 0; --i) {
      packed[i] = s;
      s *= t.shape[i];
    }
    for (int i = 0; i < t.ndim - 1; ++i) {
      rows_ *= t.shape[i];
      if (t.shape[i] != 1) lead.push(t.shape[i], strided ? t.strides[i] : packed[i]);
    }
    lead_ = merged(lead);
  }
  static bool dense(const vd_tensor& t) {
    return t.ndim == 0 || t.shape[t.ndim - 1] <= 1 || t.strides[t.ndim - 1] == 1;
  }

  int64_t rows() const { return rows_; }
  int64_t n() const { return n_; }
  bool half() const { return sdk::is_half(type_); }
  const char* row(const void* base, int64_t r) const {
    return static_cast<const char*>(base) + lead_.at(r) * bytes_;
  }
  /* Row r as T: itself, or converted into buf. */
  template <class T>
  const T* get(const Simd* s, const void* base, int64_t r, T* buf) const {
    const char* p = row(base, r);
    if constexpr (sizeof(T) == 4) {
      if (half()) {
        to_float(s, type_, buf, p, n_);
        return buf;
      }
    }
    return reinterpret_cast<const T*>(p);
  }

 private:
  DType type_ = DType::F32;
  int bytes_ = 4;
  int64_t rows_ = 1, n_ = 1;
  Layout lead_;
};

}  // namespace vob

#endif
