// What attention's forward and backward share: shapes, strided operands, masks.
#ifndef VIDYA_OPENBLAS_ATTENTION_H
#define VIDYA_OPENBLAS_ATTENTION_H

#include <algorithm>
#include <cmath>

#include "attention/attention_loops.h"
#include "base/common.h"
#include "base/layout.h"
#include "base/lines.h"

namespace vob {

constexpr float kLog2e = 1.4426950408889634f, kLn2 = 0.6931471805599453f;

inline int64_t round_up(int64_t n, int64_t to) { return (n + to - 1) / to * to; }

/* A tensor [..., H, rows, columns] (or [..., H, rows]) in any layout. */
struct HeadRows {
  DType type = DType::F32;
  int bytes = 4;
  Layout batch;
  int64_t head = 0, row = 0, column = 1, n = 1;

  /* As [..., H, rows] if `flat`, else [..., H, rows, columns]. */
  static HeadRows of(const vd_tensor& t, bool flat = false);
  const char* at(const void* base, int64_t b, int64_t h, int64_t i) const {
    return static_cast<const char*>(base) + (batch.at(b) + h * head + i * row) * bytes;
  }
  /* The n elements of a row as float32. */
  void get(const Simd* s, const char* from, float* to) const;
};

/* The keys that a query sees: none outside [first, last), and all of those, as they are, if
 * `whole`. */
struct KeySpan {
  int64_t first, last;
  bool whole;
};

class Attention {
 public:
  /* False: not a call for these kernels. `q` is the index of the query among the inputs, `mask`
   * that of the mask. */
  bool set(const vd_call& call, int q, int mask);

  int64_t batches = 1, heads = 1, key_heads = 1, group = 1, queries = 0, keys = 0, depth = 0,
          width = 0;
  HeadRows q, k, v, out;  // out: the first output
  bool causal = false;
  int64_t window = 0;
  float scale = 1;

  /* The keys that query i may see as far as causality and the window go: [low, high). */
  int64_t low(int64_t i) const { return window ? std::clamp<int64_t>(i - window + 1, 0, keys) : 0; }
  int64_t high(int64_t i) const {
    return causal ? std::min(i + 1, keys) : window ? std::min(i + window, keys) : keys;
  }
  /* The loops for this dtype. */
  const AttentionLoops& loops(const Device& d) const {
    return q.type == DType::BF16 && d.attention_bf16 ? *d.attention_bf16 : *d.simd->attention;
  }
  /* What packed queries are multiplied by, and what is left for the scores: 2 to their power is
   * the exponential of q k^T scale. */
  float query_scale(const AttentionLoops& loops) const {
    if (!loops.scores_scaled) return scale * kLog2e;
    return scale > 0 ? 1.f : scale < 0 ? -1.f : 0.f;
  }
  float tile_scale(const AttentionLoops& loops) const {
    return !loops.scores_scaled || scale == 0 ? 1.f : std::abs(scale) * kLog2e;
  }
  /* Pairs of query and key that are looked at, per head. */
  double pairs() const;

  bool masked = false;
  /* What the mask adds for queries [i, i + rows) and keys [j, j + n), in powers of two; rows of
   * `to` are kAttentionLd apart; queries that do not exist get 0. */
  void mask_tile(const void* mask, int64_t b, int64_t h, int64_t i, int64_t rows, int64_t j,
                 int64_t n, float* to) const;

  /* One span for every query that has another row of the mask, and which of them is whose. */
  int64_t spans() const { return batches * span_heads() * queries; }
  int64_t span_of(int64_t b, int64_t h, int64_t i) const {
    return (b * span_heads() + (span_heads() > 1 ? h : 0)) * queries + i;
  }
  KeySpan span(const void* mask, int64_t which) const;

  /* A tile's limits in a block of keys [k0, k0 + n): sets t.first and t.last, and t.low and t.high
   * to `edges` where not all of those keys may be seen. False: none may. */
  bool limits(AttentionTile& t, int64_t rows, int64_t columns, int64_t i0, int64_t k0, int64_t n,
              int64_t* edges) const;

 private:
  int64_t span_heads() const { return masked && mask_head_ ? heads : 1; }

  DType mask_type_ = DType::Bool;
  Layout mask_batch_;
  int64_t mask_head_ = 0, mask_row_ = 0, mask_column_ = 0;
};

/* Too few queries to pay for packing the keys, which lie as they are needed. */
bool few_queries(const Attention& a);
/* The forward pass of those: every key and value is read once, where it lies. False: no memory. */
bool attend_few(Device& d, const Attention& a, const vd_call& call);

/* The outputs of one query: its sums of values divided by the total, and the logarithm of that. */
void finish_row(Device& d, const Attention& a, const vd_call& call, int64_t b, int64_t h, int64_t i,
                float* sums, float top, float total);

}  // namespace vob

#endif
