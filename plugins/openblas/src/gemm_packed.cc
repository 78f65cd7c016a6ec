#include "gemm_packed.h"

#include <algorithm>

#include "lines.h"

namespace vob {
namespace {

// What a thread works on at a time: kDepth words of B's rows and a strip of A stay packed in its
// second cache, kInner words of a panel of B in the first.
constexpr int64_t kStrip = 8 * kTileRows;
constexpr int64_t kDepth = 512;
constexpr int64_t kInner = 256;
// A part of the result: as large as pays for packing, by every thread for itself.
constexpr int64_t kRows = 1024;
constexpr int64_t kColumns = 512;

int64_t up(int64_t n, int64_t to) { return (n + to - 1) / to; }

/* Rows [m0, m0 + mm) by columns [n0, n0 + nn) of one product. */
template <class E>
struct Part {
  const E *a, *b, *bias;
  E* c;
  int64_t m0, mm, n0, nn;
};

template <class E>
struct Work {
  static constexpr int64_t kTerms = PackedKernels<E>::kTerms;
  const PackedKernels<E>& kernels;
  const Simd* simd;
  GemmShape s;
  int64_t a0, a1, b0, b1;

  int64_t words() const { return up(s.k, kTerms); }
  int64_t depth() const { return std::min(kDepth, words()); }
  /* Sums are made in the result where that is possible, else beside it: rows of them that wait for
   * the next slab of k. */
  bool in_place(int64_t columns) const { return sizeof(E) == 4 && columns % kTileCols == 0; }
  int64_t kept(int64_t rows) const { return words() > kDepth ? rows : kStrip; }

  size_t bytes(int64_t rows, int64_t columns) const {
    return size_t(kept(rows) * columns + (kStrip + columns) * depth()) * 4;
  }

  void part(const Part<E>& t, char* mem) const {
    const int64_t width = up(t.nn, kTileCols) * kTileCols;
    float* sums = reinterpret_cast<float*>(mem);
    uint32_t* rows = reinterpret_cast<uint32_t*>(sums + kept(t.mm) * width);
    uint32_t* panels = rows + kStrip * depth();
    const int64_t strip = up(t.mm, up(t.mm, kStrip));
    const bool in_place = this->in_place(t.nn);
    for (int64_t k0 = 0; k0 < s.k; k0 += kDepth * kTerms) {
      const int64_t kk = std::min(kDepth * kTerms, s.k - k0), words = up(kk, kTerms);
      const bool last = k0 + kk == s.k;
      for (int64_t j = 0; j < t.nn; j += kTileCols)
        kernels.pack_b(panels + j * words, t.b + k0 * b0 + (t.n0 + j) * b1, b0, b1, kk,
                       std::min(kTileCols, t.nn - j));
      for (int64_t r = 0; r < t.mm; r += strip) {
        const int64_t n = std::min(strip, t.mm - r), each = up(n, up(n, kTileRows));
        E* out = t.c + (t.m0 + r) * s.n + t.n0;
        float* c = in_place ? reinterpret_cast<float*>(out)
                            : sums + (this->words() > kDepth ? r * width : 0);
        const int64_t ldc = in_place ? s.n : width;
        kernels.pack_a(rows, t.a + (t.m0 + r) * a0 + k0 * a1, a0, a1, n, each, kk);
        for (int64_t j = 0; j < width; j += kTileCols)
          for (int64_t p = 0; p < words; p += kInner) {
            const int64_t inner = std::min(kInner, words - p);
            for (int64_t i = 0; i < n; i += each) {
              const int64_t m = std::min(each, n - i);
              kernels.tile(c + i * ldc + j, ldc, rows + i * words + p * m,
                           panels + j * words + p * kTileCols, m, inner, k0 + p > 0);
            }
          }
        if (last) finish(t, out, c, ldc, n);
      }
    }
  }

 private:
  void finish(const Part<E>& t, E* out, float* sums, int64_t ld, int64_t rows) const {
    const bool elsewhere = reinterpret_cast<float*>(out) != sums;
    const float* bias = nullptr;
    float wide[kColumns];
    if (t.bias) {
      if constexpr (sizeof(E) == 4)
        bias = t.bias + t.n0;
      else
        simd->bf16_to_f32(wide, t.bias + t.n0, t.nn), bias = wide;
    }
    for (int64_t r = 0; r < rows; ++r, sums += ld, out += s.n) {
      if (bias)
        for (int64_t j = 0; j < t.nn; ++j) sums[j] += bias[j];
      if (elsewhere) kernels.round(out, sums, t.nn);
    }
  }
};

}  // namespace

template <class E>
bool gemm_packed(Device& d, const PackedKernels<E>& kernels, const GemmShape& s, E* c, const E* a,
                 const Matrices& am, const E* b, const Matrices& bm, const E* bias) {
  const Work<E> w{kernels, d.simd, s, am.s0, am.s1, bm.s0, bm.s1};
  const double work = double(s.m) * double(s.n) * double(s.k) * double(s.batch);
  // parts of equal size, and enough of them; the longer side is cut, for the sake of packing
  int64_t high = up(s.m, kRows), wide = up(s.n, kColumns);
  const int64_t want = work > 1e6 ? d.pool.threads() * 2 : 1;
  while (s.batch * high * wide < want) {
    const int64_t rows = s.m / (high + 1), columns = s.n / (wide + 1);
    if (rows >= kTileRows && (rows >= columns || columns < kTileCols))
      ++high;
    else if (columns >= kTileCols)
      ++wide;
    else
      break;
  }
  const int64_t rows = up(up(s.m, high), kTileRows) * kTileRows;
  const int64_t columns = up(up(s.n, wide), kTileCols) * kTileCols;
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

template bool gemm_packed(Device&, const PackedKernels<float>&, const GemmShape&, float*,
                          const float*, const Matrices&, const float*, const Matrices&,
                          const float*);
template bool gemm_packed(Device&, const PackedKernels<uint16_t>&, const GemmShape&, uint16_t*,
                          const uint16_t*, const Matrices&, const uint16_t*, const Matrices&,
                          const uint16_t*);

}  // namespace vob
