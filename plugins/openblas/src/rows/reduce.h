// The walk of a reduction over memory.
#ifndef VIDYA_OPENBLAS_REDUCE_H
#define VIDYA_OPENBLAS_REDUCE_H

#include "base/common.h"
#include "base/layout.h"

namespace vob {

struct ReduceShape {
  Layout kept, reduced;  // element offsets: kept.at(k) + reduced.at(r)
  int64_t k, r;
};

/* Rows: the innermost memory run is reduced, each run in one call.  Columns: the run is kept, and
 * whole runs are combined into a row of accumulators.  Anything else is gathered into rows block by
 * block. */
class Reduce final : public Kernel {
 public:
  using Row = void (*)(void* acc, const void* x, int64_t n);

  /* half_row takes 16-bit floats as they are; else they are converted first. */
  Reduce(const ReduceShape& s, DType type, const ReduceLoops& loops, Row half_row);
  vd_status run(Device& d, const vd_call& call, vd_err* err) override;

 private:
  static constexpr int64_t kRun = 1024;     // elements gathered or converted at a time
  static constexpr int64_t kColumns = 512;  // accumulators of a block of columns
  static constexpr int64_t kRows = 64;      // results written at a time
  static constexpr int kAccBytes = 16;      // of one accumulator, at most

  int64_t lanes() const { return s_.kept.size[s_.kept.nd - 1]; }
  int64_t blocks() const { return (lanes() + kColumns - 1) / kColumns; }

  void rows(const Simd* s, const char* x, char* out, int64_t begin, int64_t end) const;
  void row(const Simd* s, const char* x, int64_t k, int64_t r0, int64_t r1, void* acc) const;
  void column_blocks(const Simd* s, const char* x, char* out, int64_t begin, int64_t end) const;
  void columns(const Simd* s, const char* x, int64_t first, int64_t n, int64_t r0, int64_t r1,
               void* acc) const;
  /* Elements [begin, begin + n) of the walk through the reduced dims, as the loops want them. */
  const void* elements(const Simd* s, const char* x, int64_t begin, int64_t n, void* buf) const;
  const void* widened(const Simd* s, const void* halves, int64_t n, void* buf) const;
  void write(const Simd* s, char* out, int64_t first, const void* acc, int64_t n) const;

  ReduceShape s_;
  DType type_;
  ReduceLoops f_;
  Row row_;
  int bytes_;
  bool half_;     // elements are converted to float32
  bool columns_;  // a run of memory is kept
  bool runs_;     // runs of memory are reduced
  int64_t pieces_ = 1;
};

}  // namespace vob

#endif
