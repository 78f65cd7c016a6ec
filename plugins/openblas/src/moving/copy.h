// Copies between any two layouts of one shape: contiguous runs, transposes in tiles, and the rest.
#ifndef VIDYA_OPENBLAS_COPY_H
#define VIDYA_OPENBLAS_COPY_H

#include "base/common.h"
#include "base/layout.h"

namespace vob {

/* memcpy, which takes ten times as long for a kilobyte or more that begins at an odd place: it
 * leaves that to an instruction of the CPU that some are slow at. */
inline void move_bytes(char* to, const char* from, int64_t n) {
  int64_t i = 0;
  for (; i + 64 <= n; i += 64) __builtin_memcpy(to + i, from + i, 64);
  std::memcpy(to + i, from + i, size_t(n - i));
}

class CopyPlan {
 public:
  CopyPlan() = default;
  /* dims of `shape`; strides in elements of `bytes` bytes. */
  CopyPlan(int ndim, const int64_t* shape, const int64_t* dst_stride, const int64_t* src_stride,
           int bytes);
  /* The two may overlap. */
  void run(Device& d, void* dst, const void* src) const;
  /* The work in parts that threads may share: units [begin, end) of `units()`, each of `cost()`
   * element-operations; a share is best a multiple of `align()`. */
  int64_t units() const { return units_; }
  double cost() const { return cost_; }
  int64_t align() const { return align_; }
  void part(const Simd* s, void* dst, const void* src, int64_t begin, int64_t end) const;

 private:
  struct Dim {
    int64_t size, dst, src;
  };
  enum class Kind { Empty, Whole, Runs, Transpose, Strided };
  void share_out();
  template <class Step>
  void extent(Step&& step, int64_t& low, int64_t& high) const;
  bool overlaps(const char* dst, const char* src) const;
  void offsets(int64_t unit, int dims, int64_t& dst, int64_t& src) const;
  void whole(const Simd* s, char* dst, const char* src, int64_t begin, int64_t end) const;
  void runs(const Simd* s, char* dst, const char* src, int64_t begin, int64_t end) const;
  void transpose(const Simd* s, char* dst, const char* src, int64_t begin, int64_t end) const;
  void strided(const Simd* s, char* dst, const char* src, int64_t begin, int64_t end) const;

  int nd_ = 0;
  Dim dim_[VD_MAX_NDIM + 1];  // the innermost last; for a transpose the last two
  int bytes_ = 1;
  int64_t numel_ = 0, units_ = 0, align_ = 1;
  double cost_ = 1;
  Kind kind_ = Kind::Empty;
};

}  // namespace vob

#endif
