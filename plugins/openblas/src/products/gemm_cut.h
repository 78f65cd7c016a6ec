// How a product is cut into pieces that fit the caches, for the threads to take.
#ifndef VIDYA_OPENBLAS_GEMM_CUT_H
#define VIDYA_OPENBLAS_GEMM_CUT_H

#include <algorithm>

#include "products/gemm.h"
#include "products/packed_kernels.h"

namespace vob {

inline int64_t up(int64_t n, int64_t to) { return (n + to - 1) / to; }

/* The words of k that are multiplied in one go; where there are more, about `depth` at a time. */
struct Slabs {
  int64_t whole, depth;
};

/* Into blocks of columns, whose part of B is packed once by each thread that works on them, times
 * ranges of rows. The unit is one of each, with all of k. */
struct Cut {
  static constexpr int64_t kStep = 32;        // words of k in a slab are a multiple of it
  static constexpr int64_t kColumns = 512;    // of B that stay packed,
  static constexpr int64_t kBlock = 1 << 19;  // and the words of those
  static constexpr int64_t kRows = 1024;      // whose sums are kept while k goes on

  int64_t words, depth;   // of k, and of a slab of it
  int64_t columns, wide;  // of a block; blocks
  int64_t rows, high;     // of a range; ranges
  int64_t strip;          // rows packed at a time; a range is one strip where k is one slab
  int64_t workers, units;

  Cut(const GemmShape& s, int64_t words, const Slabs& slabs, int64_t threads) : words(words) {
    const double work = double(s.m) * double(s.n) * double(s.k) * double(s.batch);
    workers = work > 1e6 ? threads : 1;
    depth = words;
    if (words > slabs.whole) depth = up(up(words, up(words, slabs.depth)), kStep) * kStep;
    const int64_t most = std::clamp(kBlock / depth / kTileCols * kTileCols, kTileCols, kColumns);
    wide = up(s.n, most);
    const int64_t shortest = up(s.m, kTileRows);
    while (s.batch * wide * shortest < workers && s.n / (wide + 1) >= kTileCols) ++wide;
    // every block packs A, every worker on a block packs B
    const auto packed = [&](int64_t w) {
      const double sharing = std::max(1., double(workers) / double(s.batch * w));
      return double(s.m) * double(w) + double(s.n) * sharing;
    };
    const int64_t even = up(wide, workers) * workers;
    if (s.batch == 1 && s.n / even >= kTileCols && packed(even) < packed(wide)) wide = even;
    columns = up(up(s.n, wide), kTileCols) * kTileCols;
    wide = up(s.n, columns);

    high = up(s.m, depth == words ? kStripRows : kRows);
    // as many units for every worker
    const int64_t blocks = s.batch * wide;
    while (blocks * high < 16 * workers && blocks * high % workers && high < shortest) ++high;
    rows = up(s.m, high);
    high = up(s.m, rows);
    strip = up(rows, up(rows, kStripRows));
    units = blocks * high;
  }
};

}  // namespace vob

#endif
