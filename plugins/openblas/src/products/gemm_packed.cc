#include "products/gemm_packed.h"

#include <algorithm>

#include "base/lines.h"
#include "base/work_queue.h"

namespace vob {
namespace {

constexpr int64_t kWhole = 2048;     // words of k up to which they are multiplied in one go
constexpr int64_t kDepth = 1024;     // else so many at a time,
constexpr int64_t kStep = 32;        // in multiples of this
constexpr int64_t kColumns = 512;    // of B that stay packed,
constexpr int64_t kBlock = 1 << 19;  // and the words of those
constexpr int64_t kRows = 1024;      // whose sums are kept while k goes on

int64_t up(int64_t n, int64_t to) { return (n + to - 1) / to; }

/* How a product is cut: into blocks of columns, whose part of B is packed once by each thread that
 * works on them, times ranges of rows. The unit is one of each, with all of k. */
struct Cut {
  int64_t words, depth;   // of k, and of a slab of it
  int64_t columns, wide;  // of a block; blocks
  int64_t rows, high;     // of a range; ranges
  int64_t strip;          // rows packed at a time; a range is one strip where k is one slab
  int64_t workers, units;

  Cut(const GemmShape& s, int64_t words, bool by_rows, int64_t threads) : words(words) {
    const double work = double(s.m) * double(s.n) * double(s.k) * double(s.batch);
    workers = work > 1e6 ? threads : 1;
    depth = words <= kWhole ? words : up(up(words, up(words, kDepth)), kStep) * kStep;
    const int64_t most = std::clamp(kBlock / depth / kTileCols * kTileCols, kTileCols, kColumns);
    wide = up(s.n, most);
    const int64_t shortest = up(s.m, kTileRows);
    while (s.batch * wide * shortest < workers && s.n / (wide + 1) >= kTileCols) ++wide;
    // every block packs A, every worker on a block packs B; rows that lie along k are only copied
    const auto packed = [&](int64_t w) {
      const double sharing = std::max(1., double(workers) / double(s.batch * w));
      return double(s.m) * double(w) * (by_rows ? .2 : 1.) + double(s.n) * sharing;
    };
    const int64_t even = up(wide, workers) * workers;
    if (s.batch == 1 && s.n / even >= kTileCols && packed(even) < packed(wide)) wide = even;
    columns = up(up(s.n, wide), kTileCols) * kTileCols;
    wide = up(s.n, columns);

    strip = depth > kDepth ? kStripRows / 2 : kStripRows;
    high = up(s.m, depth == words ? strip : kRows);
    // as many units for every worker
    const int64_t blocks = s.batch * wide;
    while (blocks * high < 16 * workers && blocks * high % workers && high < shortest) ++high;
    rows = up(s.m, high);
    high = up(s.m, rows);
    strip = up(rows, up(rows, strip));
    units = blocks * high;
  }
};

/* A matrix as it lies in memory. */
template <class E>
class Plain final : public Panels<E> {
 public:
  Plain(const PackedKernels<E>& kernels, const E* b, const Matrices& m)
      : kernels_(kernels), b_(b), m_(m) {}
  void pack(uint32_t* to, int64_t i, int64_t p, int64_t k, int64_t j, int64_t n) const override {
    kernels_.pack_b(to, b_ + m_.batch.at(i) + p * m_.s0 + j * m_.s1, m_.s0, m_.s1, k, n);
  }

 private:
  const PackedKernels<E>& kernels_;
  const E* b_;
  const Matrices& m_;
};

template <class E>
class PlainRows final : public Strips<E> {
 public:
  PlainRows(const PackedKernels<E>& kernels, const E* a, const Matrices& m)
      : kernels_(kernels), a_(a), m_(m) {}
  bool by_rows() const override { return m_.s1 == 1; }
  void pack(uint32_t* to, int64_t step, int64_t i, int64_t r, int64_t n, int64_t each, int64_t p,
            int64_t k) const override {
    const E* from = a_ + m_.batch.at(i) + r * m_.s0 + p * m_.s1;
    if (by_rows())
      kernels_.copy_rows(to, step, from, m_.s0, n, k);
    else
      kernels_.pack_a(to, from, m_.s0, m_.s1, n, each, k);
  }

 private:
  const PackedKernels<E>& kernels_;
  const E* a_;
  const Matrices& m_;
};

template <class E>
class Product {
 public:
  static constexpr int64_t kTerms = PackedKernels<E>::kTerms;
  static constexpr bool kFloat = sizeof(E) == 4;

  Product(const PackedKernels<E>& kernels, const Simd* simd, const GemmShape& s,
          const PackedResult& c, const Strips<E>& a, const Panels<E>& b, int64_t threads)
      : kernels_(kernels),
        simd_(simd),
        s_(s),
        c_(c),
        a_(a),
        b_(b),
        by_rows_(a.by_rows()),
        cut_(s, up(s.k, kTerms), by_rows_, threads) {}

  const Cut& cut() const { return cut_; }
  size_t bytes() const {
    return size_t(strip_words() + cut_.columns * cut_.depth + kept() * cut_.columns) * 4;
  }

  /* One unit; `packed` is the block whose B lies in `mem`, if k is one slab. */
  void unit(int64_t u, char* mem, int64_t& packed) const {
    const int64_t block = u / cut_.high, i = block / cut_.wide;
    const int64_t m0 = u % cut_.high * cut_.rows, mm = std::min(cut_.rows, s_.m - m0);
    const int64_t n0 = block % cut_.wide * cut_.columns, nn = std::min(cut_.columns, s_.n - n0);
    uint32_t* rows = reinterpret_cast<uint32_t*>(mem);
    uint32_t* panels = rows + strip_words();
    const int64_t at = i * s_.m * s_.n + m0 * s_.n + n0, size = c_.wide ? 4 : sizeof(E);
    char* out = static_cast<char*>(c_.c) + at * size;
    const char* plus = c_.plus ? static_cast<const char*>(c_.plus) + at * size : nullptr;
    // sums of float32 are made in the result, from what is added to them
    float* sums = kFloat ? reinterpret_cast<float*>(out)
                         : reinterpret_cast<float*>(panels + cut_.columns * cut_.depth);
    const bool whole = cut_.depth == cut_.words, early = kFloat && !whole;
    Tile<E> t{};
    t.sums_step = kFloat ? s_.n : cut_.columns;
    t.out_step = t.plus_step = s_.n;
    t.wide = c_.wide;
    float bias[kColumns + 32];
    if (c_.bias) widen(bias, static_cast<const E*>(c_.bias) + n0, nn);
    for (int64_t w0 = 0; w0 < cut_.words; w0 += cut_.depth) {
      const int64_t k0 = w0 * kTerms, kk = std::min(cut_.depth * kTerms, s_.k - k0);
      t.words = up(kk, kTerms);
      const bool first = w0 == 0, last = w0 + cut_.depth >= cut_.words;
      const uint32_t* kept = b_.ready(n0);  // panels with all of k, one after the other
      if (!kept && (!whole || packed != block)) {
        for (int64_t j = 0; j < nn; j += kTileCols)
          b_.pack(panels + j * t.words, i, k0, kk, n0 + j, std::min(kTileCols, nn - j));
        packed = block;
      }
      for (int64_t r = 0; r < mm; r += cut_.strip) {
        const int64_t n = std::min(cut_.strip, mm - r), each = up(n, up(n, kTileRows));
        t.a_row = by_rows_ ? a_step(t.words) : 1;
        t.a_word = by_rows_ ? 1 : each;
        a_.pack(rows, t.a_row, i, m0 + r, n, each, k0, kk);
        for (int64_t j = 0; j < nn; j += kTileCols) {
          t.b = kept ? kept + j * cut_.words + w0 * kTileCols : panels + j * t.words;
          t.columns = std::min(kTileCols, nn - j);
          for (int64_t y = 0; y < n; y += each) {
            t.a = rows + y * a_step(t.words);
            t.rows = std::min(each, n - y);
            const int64_t to = (r + y) * s_.n + j;
            t.sums = sums + (r + y) * t.sums_step + j;
            t.out = last ? out + to * size : nullptr;
            t.plus = last && plus && !early ? plus + to * size : nullptr;
            t.from = t.sums;
            t.from_step = t.sums_step;
            if (first) {
              t.from = c_.bias ? bias + j : nullptr;
              if (early && plus) t.from = reinterpret_cast<const float*>(plus) + to;
              t.from_step = c_.bias ? 0 : s_.n;
            }
            kernels_.tile(t);
          }
        }
      }
    }
  }

 private:
  /* Rows an odd number of cache lines apart fall into different sets. */
  int64_t a_step(int64_t words) const { return by_rows_ ? (up(words, 16) | 1) * 16 : words; }
  /* The last tile is as long as the others. */
  int64_t strip_words() const { return (cut_.strip + kStripRows / kTileRows) * a_step(cut_.depth); }
  int64_t kept() const { return kFloat || cut_.depth == cut_.words ? 0 : cut_.rows; }
  void widen(float* to, const E* bias, int64_t n) const {
    if constexpr (kFloat)
      std::memcpy(to, bias, size_t(n) * 4);
    else
      simd_->bf16_to_f32(to, bias, n);
  }

  const PackedKernels<E>& kernels_;
  const Simd* simd_;
  const GemmShape& s_;
  const PackedResult& c_;
  const Strips<E>& a_;
  const Panels<E>& b_;
  bool by_rows_;
  Cut cut_;
};

}  // namespace

template <class E>
bool gemm_packed(Device& d, const PackedKernels<E>& kernels, const GemmShape& s,
                 const PackedResult& c, const Strips<E>& a, const Panels<E>& b) {
  const Product<E> product(kernels, d.simd, s, c, a, b,
                           std::min<int64_t>(d.pool.threads(), WorkQueues::kMost));
  const Cut& cut = product.cut();
  WorkQueues queues(cut.units, cut.workers);
  std::atomic<bool> no_memory{false};
  d.pool.each(cut.workers, [&](int64_t worker) {
    char* mem = static_cast<char*>(thread_scratch(1, product.bytes()));
    if (!mem) {
      no_memory = true;
      return;
    }
    int64_t packed = -1;
    queues.work(worker, [&](int64_t u) { product.unit(u, mem, packed); });
  });
  return !no_memory;
}

template <class E>
bool gemm_packed(Device& d, const PackedKernels<E>& kernels, const GemmShape& s,
                 const PackedResult& c, const E* a, const Matrices& am, const E* b,
                 const Matrices& bm) {
  return gemm_packed(d, kernels, s, c, PlainRows<E>(kernels, a, am), Plain<E>(kernels, b, bm));
}

template <class E>
bool gemm_packed(Device& d, const PackedKernels<E>& kernels, const GemmShape& s,
                 const PackedResult& c, const E* a, const Matrices& am, const Panels<E>& b) {
  return gemm_packed(d, kernels, s, c, PlainRows<E>(kernels, a, am), b);
}

template bool gemm_packed(Device&, const PackedKernels<float>&, const GemmShape&,
                          const PackedResult&, const float*, const Matrices&, const float*,
                          const Matrices&);
template bool gemm_packed(Device&, const PackedKernels<uint16_t>&, const GemmShape&,
                          const PackedResult&, const uint16_t*, const Matrices&, const uint16_t*,
                          const Matrices&);
template bool gemm_packed(Device&, const PackedKernels<uint16_t>&, const GemmShape&,
                          const PackedResult&, const uint16_t*, const Matrices&,
                          const Panels<uint16_t>&);
template bool gemm_packed(Device&, const PackedKernels<float>&, const GemmShape&,
                          const PackedResult&, const float*, const Matrices&, const Panels<float>&);
template bool gemm_packed(Device&, const PackedKernels<float>&, const GemmShape&,
                          const PackedResult&, const Strips<float>&, const Panels<float>&);
template bool gemm_packed(Device&, const PackedKernels<uint16_t>&, const GemmShape&,
                          const PackedResult&, const Strips<uint16_t>&, const Panels<uint16_t>&);

}  // namespace vob
