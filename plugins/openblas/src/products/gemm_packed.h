// Products that pack both operands and multiply them in tiles of our own.
#ifndef VIDYA_OPENBLAS_GEMM_PACKED_H
#define VIDYA_OPENBLAS_GEMM_PACKED_H

#include "products/gemm.h"
#include "products/packed_kernels.h"

namespace vob {

/* Where a product goes, m x n and dense, one after the other: rounded once to E, or to float32
 * where it is `wide`. */
struct PackedResult {
  void* c;
  const void* bias = nullptr;  // of E, [n]
  const void* plus = nullptr;  // is added: of c's type and shape, and may be c
  bool wide = false;
};

/* Memory that will be packed: rows of `bytes`, `step` bytes apart. */
struct Source {
  const void* at;
  int64_t step, bytes, rows;
};
constexpr int kSources = 4;  // of what is packed in one go, at most

/* rows x cols of a matrix, from their first element on. */
template <class E>
Source source_of(const E* at, const Matrices& m, int64_t rows, int64_t cols) {
  const bool turned = m.s1 != 1;
  constexpr int64_t size = sizeof(E);
  if (turned) std::swap(rows, cols);
  return {at, (turned ? m.s1 : m.s0) * size, cols * size, rows};
}

/* Where the right side of a product comes from. */
template <class E>
class Panels {
 public:
  virtual ~Panels() = default;
  /* Packs rows [p, p + k) of columns [j, j + n) of matrix i as PackedKernels::pack_b does; n is at
   * most kTileCols. */
  virtual void pack(uint32_t* to, int64_t i, int64_t p, int64_t k, int64_t j, int64_t n) const = 0;
  /* Gives what pack reads, and in how many pieces. */
  virtual int source(Source*, int64_t, int64_t, int64_t, int64_t, int64_t) const { return 0; }
  /* Where columns from j on, a multiple of kTileCols, lie packed already: kTileCols of them with
   * all of k, then the next. Else null. */
  virtual const uint32_t* ready(int64_t) const { return nullptr; }
};

/* Where the left side comes from. */
template <class E>
class Strips {
 public:
  virtual ~Strips() = default;
  /* Do rows lie along k? Then they are packed as by PackedKernels::copy_rows, else as by
   * copy_columns. */
  virtual bool by_rows() const = 0;
  /* Packs columns [p, p + k) of rows [r, r + n) of matrix i. */
  virtual void pack(uint32_t* to, int64_t step, int64_t i, int64_t r, int64_t n, int64_t p,
                    int64_t k) const = 0;
  virtual int source(Source*, int64_t, int64_t, int64_t, int64_t, int64_t) const { return 0; }
};

/* c[b] = a[b] @ b[b], accumulated in float32. E is float, or uint16_t for bfloat16; one of each
 * operand's strides is 1. False: no memory. */
template <class E>
bool gemm_packed(Device& d, const PackedKernels<E>& kernels, const GemmShape& s,
                 const PackedResult& c, const E* a, const Matrices& am, const E* b,
                 const Matrices& bm);

/* The same with whatever packs b. */
template <class E>
bool gemm_packed(Device& d, const PackedKernels<E>& kernels, const GemmShape& s,
                 const PackedResult& c, const E* a, const Matrices& am, const Panels<E>& b);
template <class E>
bool gemm_packed(Device& d, const PackedKernels<E>& kernels, const GemmShape& s,
                 const PackedResult& c, const Strips<E>& a, const Panels<E>& b);

}  // namespace vob

#endif
