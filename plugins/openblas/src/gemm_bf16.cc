#include "gemm_bf16.h"

#include <algorithm>

#include "bf16/kernels.h"
#include "lines.h"

namespace vob {
namespace {

// What a thread works on at a time: A packed for kDepth of k stays in the second cache, a panel of
// B for kInner in the first, and the sums of a block between them.
constexpr int64_t kRows = 8 * kBf16Rows;
constexpr int64_t kColumns = 512;
constexpr int64_t kDepth = 1024;
constexpr int64_t kInner = 256;

int64_t up(int64_t n, int64_t to) { return (n + to - 1) / to; }

struct Work {
  const Bf16Kernels* kernels;
  const Simd* simd;
  GemmShape s;
  int64_t panels, pairs;  // of B: panels of kBf16Cols columns, each `pairs` pairs deep
  const uint32_t* packed;

  const uint32_t* panel(int64_t matrix, int64_t j) const {
    return packed + (matrix * panels + j) * pairs * kBf16Cols;
  }

  /* Rows [m0, m0 + mm) by the panels [j0, j1) of one product. */
  void block(const uint16_t* a, int64_t s0, int64_t s1, int64_t matrix, uint16_t* c,
             const uint16_t* bias, int64_t mm, int64_t j0, int64_t j1, char* mem) const {
    const int64_t width = (j1 - j0) * kBf16Cols;
    float* sums = reinterpret_cast<float*>(mem);
    uint32_t* rows = reinterpret_cast<uint32_t*>(sums + kRows * width);
    const int64_t tiles = up(mm, kBf16Rows), each = up(mm, tiles);
    for (int64_t k0 = 0; k0 < s.k; k0 += kDepth) {
      const int64_t kk = std::min(kDepth, s.k - k0), depth = up(kk, 2);
      for (int64_t r = 0; r < mm; r += each)
        kernels->pack_a(rows + r * depth, a + r * s0 + k0 * s1, s0, s1, std::min(each, mm - r), kk);
      for (int64_t j = j0; j < j1; ++j)
        for (int64_t p = 0; p < depth; p += kInner / 2) {
          const uint32_t* b = panel(matrix, j) + (k0 / 2 + p) * kBf16Cols;
          for (int64_t r = 0; r < mm; r += each) {
            const int64_t n = std::min(each, mm - r);
            kernels->tile(sums + r * width + (j - j0) * kBf16Cols, width, rows + r * depth + p * n,
                          b, n, std::min(kInner / 2, depth - p), k0 + p > 0);
          }
        }
    }
    const int64_t n0 = j0 * kBf16Cols, n = std::min(s.n, j1 * kBf16Cols) - n0;
    float wide[kColumns];
    if (bias) simd->bf16_to_f32(wide, bias + n0, n);
    for (int64_t r = 0; r < mm; ++r) {
      float* row = sums + r * width;
      if (bias)
        for (int64_t j = 0; j < n; ++j) row[j] += wide[j];
      simd->f32_to_bf16(c + r * s.n + n0, row, n);
    }
  }
};

}  // namespace

bool gemm_bf16(Device& d, const GemmShape& s, uint16_t* c, const uint16_t* a, const Matrices& am,
               const uint16_t* b, const Matrices& bm, const uint16_t* bias) {
  Work w{d.bf16, d.simd, s, up(s.n, kBf16Cols), up(s.k, 2), nullptr};
  // a B that repeats is packed once
  Layout distinct = bm.batch;
  for (int i = 0; i < distinct.nd; ++i)
    if (distinct.stride[i] == 0) distinct.size[i] = 1;
  const int64_t matrices = distinct.numel();
  const size_t bytes = size_t(matrices * w.panels * w.pairs * kBf16Cols) * 4;
  uint32_t* packed = static_cast<uint32_t*>(d.scratch.get(bytes));
  if (!packed) return false;
  w.packed = packed;
  d.pool.ranges(matrices * w.panels, double(s.k * kBf16Cols), 1, [&](int64_t x, int64_t y) {
    for (int64_t u = x; u < y; ++u) {
      const int64_t n0 = u % w.panels * kBf16Cols;
      w.kernels->pack_b(packed + u * w.pairs * kBf16Cols,
                        b + distinct.at(u / w.panels) + n0 * bm.s1, bm.s0, bm.s1, s.k,
                        std::min(kBf16Cols, s.n - n0));
    }
  });
  // blocks of equal height, and enough of them
  const double work = double(s.m) * double(s.n) * double(s.k) * double(s.batch);
  int64_t high = up(s.m, kRows), wide = up(w.panels * kBf16Cols, kColumns);
  const int64_t want = work > 1e6 ? d.pool.threads() * 2 : 1;
  while (s.batch * high * wide < want && s.m / (high + 1) >= kBf16Rows) ++high;
  while (s.batch * high * wide < want && w.panels / (wide + 1) >= 2) ++wide;
  const int64_t rows = std::min(up(up(s.m, high), kBf16Rows) * kBf16Rows, kRows);
  const int64_t panels = up(w.panels, wide);
  high = up(s.m, rows);
  wide = up(w.panels, panels);
  std::atomic<bool> no_memory{false};
  d.pool.ranges(
      s.batch * high * wide, work / double(s.batch * high * wide) / 16, 1,
      [&](int64_t x, int64_t y) {
        const size_t need = size_t(kRows) * size_t(panels * kBf16Cols + kDepth / 2) * 4;
        char* mem = static_cast<char*>(thread_scratch(1, need));
        if (!mem) {
          no_memory = true;
          return;
        }
        for (int64_t u = x; u < y; ++u) {
          const int64_t i = u / (high * wide), m0 = u / wide % high * rows, j0 = u % wide * panels;
          // which of the distinct matrices this one is
          int64_t matrix = 0, rest = i, scale = 1;
          for (int k = distinct.nd - 1; k >= 0; --k) {
            if (distinct.size[k] != 1) matrix += rest % bm.batch.size[k] * scale;
            rest /= bm.batch.size[k];
            scale *= distinct.size[k];
          }
          w.block(a + am.batch.at(i) + m0 * am.s0, am.s0, am.s1, matrix, c + (i * s.m + m0) * s.n,
                  bias, std::min(rows, s.m - m0), j0, std::min(j0 + panels, w.panels), mem);
        }
      });
  return !no_memory;
}

}  // namespace vob
