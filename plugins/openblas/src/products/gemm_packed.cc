#include "products/gemm_packed.h"

#include <algorithm>

#include "base/lines.h"
#include "base/work_queue.h"
#include "products/gemm_ahead.h"
#include "products/gemm_cut.h"

namespace vob {
namespace {

/* A matrix as it lies in memory. */
template <class E>
class Plain final : public Panels<E> {
 public:
  Plain(const PackedKernels<E>& kernels, const E* b, const Matrices& m)
      : kernels_(kernels), b_(b), m_(m) {}
  void pack(uint32_t* to, int64_t i, int64_t p, int64_t k, int64_t j, int64_t n) const override {
    kernels_.pack_b(to, at(i, p, j), m_.s0, m_.s1, k, n);
  }
  int source(Source* to, int64_t i, int64_t p, int64_t k, int64_t j, int64_t n) const override {
    *to = source_of(at(i, p, j), m_, k, n);
    return 1;
  }

 private:
  const E* at(int64_t i, int64_t p, int64_t j) const {
    return b_ + m_.batch.at(i) + p * m_.s0 + j * m_.s1;
  }

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
  void pack(uint32_t* to, int64_t step, int64_t i, int64_t r, int64_t n, int64_t p,
            int64_t k) const override {
    if (by_rows())
      kernels_.copy_rows(to, step, at(i, r, p), m_.s0, n, k);
    else
      kernels_.copy_columns(to, step, at(i, r, p), m_.s1, n, k);
  }
  int source(Source* to, int64_t i, int64_t r, int64_t n, int64_t p, int64_t k) const override {
    *to = source_of(at(i, r, p), m_, n, k);
    return 1;
  }

 private:
  const E* at(int64_t i, int64_t r, int64_t p) const {
    return a_ + m_.batch.at(i) + r * m_.s0 + p * m_.s1;
  }

  const PackedKernels<E>& kernels_;
  const E* a_;
  const Matrices& m_;
};

template <class E>
class Product {
 public:
  static constexpr int64_t kTerms = PackedKernels<E>::kTerms;
  static constexpr bool kFloat = sizeof(E) == 4;
  // sums of float32 go on in the result, those of bfloat16 in memory of their own
  static constexpr Slabs kSlabs = kFloat ? Slabs{768, 512} : Slabs{2048, 1024};

  Product(const PackedKernels<E>& kernels, const Simd* simd, const GemmShape& s,
          const PackedResult& c, const Strips<E>& a, const Panels<E>& b, int64_t threads)
      : kernels_(kernels),
        simd_(simd),
        s_(s),
        c_(c),
        a_(a),
        b_(b),
        by_rows_(a.by_rows()),
        cut_(s, up(s.k, kTerms), kSlabs, threads) {}

  const Cut& cut() const { return cut_; }
  size_t bytes() const {
    return size_t(strip_words() + cut_.columns * cut_.depth + kept() * cut_.columns) * 4;
  }

  /* One unit; `packed` is the block whose B lies in `mem`, if k is one slab. */
  void unit(int64_t u, char* mem, int64_t& packed) const {
    Step at = first(u), then;
    uint32_t* rows = reinterpret_cast<uint32_t*>(mem);
    uint32_t* panels = rows + strip_words();
    Target to(*this, at, reinterpret_cast<float*>(panels + cut_.columns * cut_.depth));
    Tile<E> t{};
    Coming strip, panel;
    for (; at.u == u; at = then) {
      then = after(at);
      t.words = up(at.kk, kTerms);
      const uint32_t* kept = b_.ready(at.n0);  // panels with all of k, one after the other
      const bool packs = !kept && at.r == 0 && (sliced() || packed != at.block);
      const bool packs_then = !kept && then.r == 0 && (sliced() || then.block != at.block);
      packed = at.block;
      const int64_t each = up(at.n, up(at.n, kTileRows)), high = up(at.n, each);
      t.a_row = by_rows_ ? row_step(t.words) : 1;
      t.a_word = by_rows_ ? 1 : column_step();
      a_.pack(rows, by_rows_ ? t.a_row : t.a_word, at.i, at.m0 + at.r, at.n, at.k0, at.kk);
      strip.set(high * up(at.nn, kTileCols), then.u < cut_.units, [&](Source* s) {
        return a_.source(s, then.i, then.m0 + then.r, then.n, then.k0, then.kk);
      });
      for (int64_t j = 0; j < at.nn; j += kTileCols) {
        t.columns = std::min(kTileCols, at.nn - j);
        if (packs) b_.pack(panels + j * t.words, at.i, at.k0, at.kk, at.n0 + j, t.columns);
        const bool last = j + kTileCols >= at.nn;
        const Step& x = last ? then : at;  // where the next panel belongs
        panel.set(high, last ? packs_then && then.u < cut_.units : packs, [&](Source* s) {
          const int64_t n = last ? 0 : j + kTileCols;
          return b_.source(s, x.i, x.k0, x.kk, x.n0 + n, std::min(kTileCols, x.nn - n));
        });
        t.b = kept ? kept + j * cut_.words + at.w0 * kTileCols : panels + j * t.words;
        for (int64_t y = 0; y < at.n; y += each) {
          t.a = rows + (by_rows_ ? y * t.a_row : y);
          t.rows = std::min(each, at.n - y);
          to.place(t, at, at.r + y, j);
          t.ahead[0] = strip.next();
          t.ahead[1] = panel.next();
          kernels_.tile(t);
        }
      }
    }
  }

 private:
  /* A strip of a unit and a slab of k. */
  struct Step {
    int64_t u, block, i, m0, mm, n0, nn;  // the unit: its block, its matrix, its part of the result
    int64_t w0, k0, kk;                   // the slab
    int64_t r, n;                         // the strip, from m0 on
  };
  bool sliced() const { return cut_.depth < cut_.words; }
  bool ends(const Step& x) const { return x.w0 + cut_.depth >= cut_.words; }
  Step first(int64_t u) const {
    Step x{};
    x.u = u;
    if (u >= cut_.units) return x;
    x.block = u / cut_.high;
    x.i = x.block / cut_.wide;
    x.m0 = u % cut_.high * cut_.rows;
    x.mm = std::min(cut_.rows, s_.m - x.m0);
    x.n0 = x.block % cut_.wide * cut_.columns;
    x.nn = std::min(cut_.columns, s_.n - x.n0);
    return slab(x, 0);
  }
  Step slab(Step x, int64_t w0) const {
    x.w0 = w0;
    x.k0 = w0 * kTerms;
    x.kk = std::min(cut_.depth * kTerms, s_.k - x.k0);
    x.r = 0;
    x.n = std::min(cut_.strip, x.mm);
    return x;
  }
  Step after(Step x) const {
    x.r += x.n;
    x.n = std::min(cut_.strip, x.mm - x.r);
    if (x.n > 0) return x;
    return ends(x) ? first(x.u + 1) : slab(x, x.w0 + cut_.depth);
  }

  /* Where a unit's sums start and go. */
  class Target {
   public:
    Target(const Product& p, const Step& at, float* sums) : p_(p), sums_(sums) {
      const int64_t to = at.i * p.s_.m * p.s_.n + at.m0 * p.s_.n + at.n0;
      size_ = p.c_.wide ? 4 : int64_t(sizeof(E));
      out_ = static_cast<char*>(p.c_.c) + to * size_;
      plus_ = p.c_.plus ? static_cast<const char*>(p.c_.plus) + to * size_ : nullptr;
      if (p.c_.bias) p.widen(bias_, static_cast<const E*>(p.c_.bias) + at.n0, at.nn);
    }

    /* Of the tile at row i and column j of the unit. */
    void place(Tile<E>& t, const Step& at, int64_t i, int64_t j) const {
      const int64_t at_byte = (i * p_.s_.n + j) * size_;
      const bool begin = at.w0 == 0;
      t.out_step = t.plus_step = p_.s_.n;
      t.wide = p_.c_.wide;
      t.from = begin && p_.c_.bias ? bias_ + j : nullptr;
      t.from_step = 0;
      t.out = out_ + at_byte;
      t.plus = plus_ ? plus_ + at_byte : nullptr;
      if (kFloat) {  // in the result from slab to slab
        if (!begin) t.plus = t.out;
        return;
      }
      t.sums = sums_ + i * p_.cut_.columns + j;
      t.sums_step = p_.cut_.columns;
      if (!begin) t.from = t.sums, t.from_step = t.sums_step;
      if (!p_.ends(at)) t.out = nullptr, t.plus = nullptr;
    }

   private:
    const Product& p_;
    float* sums_;
    int64_t size_;
    char* out_;
    const char* plus_;
    float bias_[Cut::kColumns + kTileCols];
  };

  /* Rows an odd number of cache lines apart fall into different sets. */
  int64_t row_step(int64_t words) const { return (up(words, 16) | 1) * 16; }
  int64_t column_step() const { return up(cut_.strip, 16) * 16; }
  int64_t strip_words() const {
    return by_rows_ ? cut_.strip * row_step(cut_.depth) : cut_.depth * column_step();
  }
  int64_t kept() const { return !kFloat && sliced() ? cut_.rows : 0; }
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
