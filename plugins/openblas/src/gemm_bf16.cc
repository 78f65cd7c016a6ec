#include "gemm_bf16.h"

#include <algorithm>

#include "bf16/kernels.h"
#include "lines.h"

namespace vob {
namespace {

// What a thread works on at a time: kDepth of B's rows and a strip of A stay packed in its second
// cache, kInner of a panel of B in the first.
constexpr int64_t kStrip = 8 * kBf16Rows;
constexpr int64_t kDepth = 1024;
constexpr int64_t kInner = 256;
// A part of the result: as large as pays for packing, by every thread for itself.
constexpr int64_t kRows = 1024;
constexpr int64_t kColumns = 512;

int64_t up(int64_t n, int64_t to) { return (n + to - 1) / to; }

/* Rows [m0, m0 + mm) by columns [n0, n0 + nn) of one product. */
struct Part {
  const uint16_t *a, *b, *bias;
  uint16_t* c;
  int64_t m0, mm, n0, nn;
};

struct Work {
  const Bf16Kernels* kernels;
  const Simd* simd;
  GemmShape s;
  int64_t a0, a1, b0, b1;

  int64_t depth() const { return std::min(kDepth, s.k + (s.k & 1)); }
  /* Rows of sums that wait for the next slab of k. */
  int64_t kept(int64_t rows) const { return s.k > kDepth ? rows : kStrip; }

  size_t bytes(int64_t rows, int64_t columns) const {
    return size_t(kept(rows) * columns + (kStrip + columns) * depth() / 2) * 4;
  }

  void part(const Part& t, char* mem) const {
    const int64_t width = up(t.nn, kBf16Cols) * kBf16Cols;
    float* sums = reinterpret_cast<float*>(mem);
    uint32_t* rows = reinterpret_cast<uint32_t*>(sums + kept(t.mm) * width);
    uint32_t* panels = rows + kStrip * depth() / 2;
    const int64_t strip = up(t.mm, up(t.mm, kStrip));
    for (int64_t k0 = 0; k0 < s.k; k0 += kDepth) {
      const int64_t kk = std::min(kDepth, s.k - k0), pairs = up(kk, 2);
      for (int64_t j = 0; j < t.nn; j += kBf16Cols)
        kernels->pack_b(panels + j * pairs, t.b + k0 * b0 + (t.n0 + j) * b1, b0, b1, kk,
                        std::min(kBf16Cols, t.nn - j));
      for (int64_t r = 0; r < t.mm; r += strip) {
        const int64_t n = std::min(strip, t.mm - r), each = up(n, up(n, kBf16Rows));
        float* c = sums + (s.k > kDepth ? r * width : 0);
        kernels->pack_a(rows, t.a + (t.m0 + r) * a0 + k0 * a1, a0, a1, n, each, kk);
        for (int64_t j = 0; j < width; j += kBf16Cols)
          for (int64_t p = 0; p < pairs; p += kInner / 2) {
            const int64_t inner = std::min(kInner / 2, pairs - p);
            for (int64_t i = 0; i < n; i += each) {
              const int64_t m = std::min(each, n - i);
              kernels->tile(c + i * width + j, width, rows + i * pairs + p * m,
                            panels + j * pairs + p * kBf16Cols, m, inner, k0 + p > 0);
            }
          }
        if (k0 + kk == s.k) round(t, c, width, r, n);
      }
    }
  }

 private:
  void round(const Part& t, float* sums, int64_t width, int64_t r0, int64_t rows) const {
    float bias[kColumns];
    if (t.bias) simd->bf16_to_f32(bias, t.bias + t.n0, t.nn);
    for (int64_t r = 0; r < rows; ++r, sums += width) {
      if (t.bias)
        for (int64_t j = 0; j < t.nn; ++j) sums[j] += bias[j];
      kernels->round(t.c + (t.m0 + r0 + r) * s.n + t.n0, sums, t.nn);
    }
  }
};

}  // namespace

bool gemm_bf16(Device& d, const GemmShape& s, uint16_t* c, const uint16_t* a, const Matrices& am,
               const uint16_t* b, const Matrices& bm, const uint16_t* bias) {
  const Work w{d.bf16, d.simd, s, am.s0, am.s1, bm.s0, bm.s1};
  const double work = double(s.m) * double(s.n) * double(s.k) * double(s.batch);
  // parts of equal size, and enough of them; the longer side is cut, for the sake of packing
  int64_t high = up(s.m, kRows), wide = up(s.n, kColumns);
  const int64_t want = work > 1e6 ? d.pool.threads() * 2 : 1;
  while (s.batch * high * wide < want) {
    const int64_t rows = s.m / (high + 1), columns = s.n / (wide + 1);
    if (rows >= kBf16Rows && (rows >= columns || columns < kBf16Cols))
      ++high;
    else if (columns >= kBf16Cols)
      ++wide;
    else
      break;
  }
  const int64_t rows = up(up(s.m, high), kBf16Rows) * kBf16Rows;
  const int64_t columns = up(up(s.n, wide), kBf16Cols) * kBf16Cols;
  high = up(s.m, rows);
  wide = up(s.n, columns);
  std::atomic<bool> no_memory{false};
  const int64_t parts = s.batch * high * wide;
  d.pool.ranges(parts, work / double(parts) / 16, 1, [&](int64_t x, int64_t y) {
    char* mem = static_cast<char*>(thread_scratch(1, w.bytes(rows, columns)));
    if (!mem) {
      no_memory = true;
      return;
    }
    for (int64_t u = x; u < y; ++u) {
      const int64_t i = u / (high * wide), m0 = u / wide % high * rows, n0 = u % wide * columns;
      w.part({a + am.batch.at(i), b + bm.batch.at(i), bias, c + i * s.m * s.n, m0,
              std::min(rows, s.m - m0), n0, std::min(columns, s.n - n0)},
             mem);
    }
  });
  return !no_memory;
}

}  // namespace vob
