// The gradients of attention: the probabilities are computed again, block by block.
// (Dao et al., FlashAttention, 2022, algorithm 4)
#include <cmath>

#include "attention/attention.h"

namespace vob {
namespace {

constexpr int64_t kQueries = 96;              // rows of a block of scores
constexpr int64_t kSharedBytes = 32ll << 20;  // keys, values and their gradients at one time

enum Input { kG, kQ, kK, kV, kOut, kLse, kMask, kGLse };

/* Where things lie in the memory of one pair of batch and key head, in words. */
struct Plan {
  int64_t columns, padded, depth, width;  // depth and width in whole vectors of lines
  int64_t q_words, g_words;               // of a packed query and its gradient
  int64_t k_panels, k_rows, v_panels, gradients, sum, total;

  Plan(const Attention& a, const AttentionLoops& loops, int64_t splits) : columns(loops.columns) {
    padded = round_up(a.keys, kAttentionKeys);
    depth = round_up(a.depth, columns / 2);
    width = round_up(a.width, columns / 2);
    q_words = loops.words(a.depth);
    g_words = loops.words(a.width);
    k_panels = 0;
    k_rows = k_panels + padded * q_words;
    v_panels = k_rows + padded / loops.terms * depth;
    gradients = v_panels + padded * g_words;
    sum = padded * (depth + width);  // one split's dk, then dv
    total = gradients + splits * sum;
  }
};

/* The memory of a task, in floats. */
struct Work {
  float *q, *q_rows, *g, *g_rows, *dq, *lse, *delta, *p, *ds, *ds_rows, *bias, *raw;

  Work(float* at, const Plan& s, int64_t rows, int64_t tile) {
    int64_t used = 0;
    auto take = [&](int64_t n) {
      float* here = at ? at + used : nullptr;
      used += round_up(n, 16);
      return here;
    };
    q = take(rows * s.q_words), q_rows = take(rows * s.depth);
    g = take(rows * s.g_words), g_rows = take(rows * s.width);
    dq = take(rows * s.depth), lse = take(rows), delta = take(rows);
    p = take(rows * kAttentionLd), ds = take(rows * kAttentionLd);
    ds_rows = take(tile * kAttentionLd), bias = take(tile * kAttentionLd);
    raw = take(std::max(s.depth, s.width));
    bytes = size_t(used) * 4;
  }
  size_t bytes;
};

class Backward final : public Kernel {
 public:
  Backward(const Attention& a, const vd_call& call, uint32_t caps)
      : Kernel(caps),
        a_(a),
        pairs_(a.pairs()),
        g_(HeadRows::of(call.inputs[kG])),
        out_(HeadRows::of(call.inputs[kOut])),
        lse_(HeadRows::of(call.inputs[kLse], true)),
        results_{a.out, HeadRows::of(call.outputs[1]), HeadRows::of(call.outputs[2])} {
    if (!sdk::absent(call.inputs[kGLse])) g_lse_ = HeadRows::of(call.inputs[kGLse], true);
  }

  vd_status run(Device& d, const vd_call& call, vd_err* err) override {
    const AttentionLoops& loops = a_.loops(d);
    const int64_t pairs = a_.batches * a_.key_heads;
    const int64_t parts = a_.group * ((a_.queries + kQueries - 1) / kQueries);
    const bool alone = pairs_ * double(pairs * a_.group * (a_.depth + a_.width)) < 1e5;
    const int64_t wanted = alone ? 1 : (4 * d.pool.threads() + pairs - 1) / pairs;
    const int64_t splits = d.pool.threads() == 1 ? 1 : std::min(wanted, parts);
    const Plan plan(a_, loops, splits);
    const int64_t chunk = std::clamp<int64_t>(kSharedBytes / (plan.total * 4),
                                              std::min<int64_t>(pairs, d.pool.threads()), pairs);
    float* shared = static_cast<float*>(d.scratch.get(size_t(chunk * plan.total) * 4));
    std::atomic<bool> no_memory{!shared};
    auto tasks = [&](int64_t n, auto f) {
      auto guarded = [&](int64_t i) {
        if (!no_memory && !f(i)) no_memory = true;
      };
      if (alone)
        for (int64_t i = 0; i < n; ++i) guarded(i);
      else
        d.pool.each(n, guarded);
    };
    const int64_t blocks = plan.padded / kAttentionKeys;
    for (int64_t p0 = 0; p0 < pairs && !no_memory; p0 += chunk) {
      const int64_t n = std::min(chunk, pairs - p0);
      tasks(n * blocks, [&](int64_t u) {
        return pack(d, call, plan, p0 + u / blocks, u % blocks, shared + u / blocks * plan.total);
      });
      tasks(n * splits, [&](int64_t u) {
        float* mine = shared + u / splits * plan.total;
        return queries(d, call, plan, p0 + u / splits, u % splits, splits, mine);
      });
      tasks(n * blocks, [&](int64_t u) {
        finish(d, call, plan, p0 + u / blocks, u % blocks, splits,
               shared + u / blocks * plan.total);
        return true;
      });
    }
    return no_memory ? fail(err, VD_OOM, "%s: no memory for a block of keys", call.op) : VD_OK;
  }

 private:
  bool pack(Device& d, const vd_call& call, const Plan& s, int64_t pair, int64_t block,
            float* to) const {
    const AttentionLoops& loops = a_.loops(d);
    const int64_t b = pair / a_.key_heads, h = pair % a_.key_heads;
    float* rows =
        static_cast<float*>(thread_scratch(1, size_t(s.columns * (s.depth + s.width)) * 4));
    if (!rows) return false;
    const int64_t first = block * kAttentionKeys;
    for (int64_t j0 = first; j0 < first + kAttentionKeys; j0 += s.columns) {
      float* packed = to + s.k_rows + j0 / loops.terms * s.depth;
      float* lines = loops.pack_lines ? rows + s.columns * s.width : packed;
      for (int64_t j = 0; j < s.columns; ++j) {
        float *k = lines + j * s.depth, *v = rows + j * s.width;
        std::fill_n(k, s.depth, 0.f);
        std::fill_n(v, s.width, 0.f);
        if (j0 + j >= a_.keys) continue;
        a_.k.get(d.simd, a_.k.at(sdk::data(call.inputs[kK]), b, h, j0 + j), k);
        a_.v.get(d.simd, a_.v.at(sdk::data(call.inputs[kV]), b, h, j0 + j), v);
      }
      loops.pack_panel(to + s.k_panels + j0 * s.q_words, lines, s.depth, a_.depth);
      loops.pack_panel(to + s.v_panels + j0 * s.g_words, rows, s.width, a_.width);
      if (loops.pack_lines) loops.pack_lines(packed, lines, s.depth, s.columns, s.depth);
    }
    return true;
  }

  /* Every splits-th block of queries of one pair: their dq, and what they add to dk and dv. */
  bool queries(Device& d, const vd_call& call, const Plan& s, int64_t pair, int64_t split,
               int64_t splits, float* shared) const {
    const int64_t R = a_.loops(d).rows, most = round_up(std::min(kQueries, a_.queries), R);
    const size_t need = Work(nullptr, s, most, R).bytes;
    float* mem = static_cast<float*>(thread_scratch(1, need));
    if (!mem) return false;
    const Work w(mem, s, most, R);
    float* sums = shared + s.gradients + split * s.sum;
    std::fill_n(sums, s.sum, 0.f);
    const int64_t parts = (a_.queries + kQueries - 1) / kQueries;
    for (int64_t u = split; u < parts * a_.group; u += splits) {
      const int64_t h = pair % a_.key_heads * a_.group + u / parts, b = pair / a_.key_heads;
      const int64_t i0 = u % parts * kQueries, rows = std::min(kQueries, a_.queries - i0);
      load(d, call, s, w, b, h, i0, rows);
      const int64_t from = a_.low(i0) / kAttentionKeys * kAttentionKeys;
      const int64_t to = a_.high(i0 + rows - 1);
      for (int64_t k0 = from; k0 < to; k0 += kAttentionKeys)
        block(d, call, s, w, b, h, i0, rows, k0, shared, sums);
      for (int64_t r = 0; r < rows; ++r)
        put(d, call, 0, b, h, i0 + r, w.dq + r * s.depth, a_.scale);
    }
    return true;
  }

  /* Queries and their gradients, packed and in rows; padded with zeros. */
  void load(Device& d, const vd_call& call, const Plan& s, const Work& w, int64_t b, int64_t h,
            int64_t i0, int64_t rows) const {
    const AttentionLoops& loops = a_.loops(d);
    const int64_t R = loops.rows, all = round_up(rows, R);
    std::fill_n(w.q_rows, all * s.depth, 0.f);
    std::fill_n(w.g_rows, all * s.width, 0.f);
    std::fill_n(w.dq, all * s.depth, 0.f);
    for (int64_t r = 0; r < all; ++r) {
      w.lse[r] = INFINITY;
      w.delta[r] = 0;
      if (r >= rows) continue;
      float* g = w.g_rows + r * s.width;
      a_.q.get(d.simd, a_.q.at(sdk::data(call.inputs[kQ]), b, h, i0 + r), w.q_rows + r * s.depth);
      g_.get(d.simd, g_.at(sdk::data(call.inputs[kG]), b, h, i0 + r), g);
      out_.get(d.simd, out_.at(sdk::data(call.inputs[kOut]), b, h, i0 + r), w.raw);
      float lse, sum;
      std::memcpy(&lse, lse_.at(sdk::data(call.inputs[kLse]), b, h, i0 + r), 4);
      d.simd->dot_rows32(&sum, 1, g, s.width, w.raw, 1, a_.width);
      w.lse[r] = lse * kLog2e;
      w.delta[r] = sum;
      if (sdk::absent(call.inputs[kGLse])) continue;
      std::memcpy(&lse, g_lse_.at(sdk::data(call.inputs[kGLse]), b, h, i0 + r), 4);
      w.delta[r] = sum - lse;
    }
    for (int64_t r = 0; r < all; r += R) {
      loops.pack_rows(w.q + r * s.q_words, w.q_rows + r * s.depth, s.depth, a_.depth,
                      a_.query_scale(loops));
      loops.pack_rows(w.g + r * s.g_words, w.g_rows + r * s.width, s.width, a_.width, 1.f);
    }
    if (!loops.pack_lines) return;
    loops.pack_lines(w.q_rows, w.q_rows, s.depth, all, s.depth);
    loops.pack_lines(w.g_rows, w.g_rows, s.width, all, s.width);
  }

  /* One block of queries against one block of keys. */
  void block(Device& d, const vd_call& call, const Plan& s, const Work& w, int64_t b, int64_t h,
             int64_t i0, int64_t rows, int64_t k0, const float* shared, float* sums) const {
    const AttentionLoops& loops = a_.loops(d);
    const int64_t R = loops.rows, n = std::min(kAttentionKeys, a_.keys - k0);
    const int64_t all = round_up(rows, R), wide = std::max(round_up(n, s.columns), round_up(n, R));
    int64_t edges[2 * 16];
    // rows [top, bottom) see anything of this block, and keys [least, most) are seen
    int64_t top = all, bottom = 0, least = wide, most = 0;
    for (int64_t r = 0; r < all; r += R) {
      float *p = w.p + r * kAttentionLd, *ds = w.ds + r * kAttentionLd;
      AttentionTile t{w.q + r * s.q_words,
                      shared + s.k_panels + k0 * s.q_words,
                      s.q_words,
                      a_.tile_scale(loops),
                      0,
                      0,
                      nullptr,
                      nullptr,
                      nullptr};
      if (!a_.limits(t, R, s.columns, i0 + r, k0, n, edges)) {
        t.first = t.last = 0;
      } else {
        top = std::min(top, r), bottom = r + R;
        least = std::min(least, t.first), most = std::max(most, t.last);
        if (a_.masked) {
          std::fill_n(w.bias, R * kAttentionLd, 0.f);
          a_.mask_tile(sdk::data(call.inputs[kMask]), b, h, i0 + r, R, k0, n, w.bias);
          t.bias = w.bias;
        }
        loops.gradients(t, w.lse + r, w.g + r * s.g_words, shared + s.v_panels + k0 * s.g_words,
                        s.g_words, w.delta + r, p, ds, w.ds_rows);
      }
      for (int64_t x = 0; x < R; x += loops.terms)
        for (float* row : {p + x * kAttentionLd, ds + x * kAttentionLd}) {
          std::fill(row, row + t.first, 0.f);
          std::fill(row + t.last, row + wide, 0.f);
        }
      const float* ds_rows = loops.terms > 1 ? w.ds_rows : ds;
      if (t.first < t.last)
        loops.add_rows(w.dq + r * s.depth, s.depth, ds_rows + t.first / loops.terms,
                       shared + s.k_rows + (k0 + t.first) / loops.terms * s.depth, s.depth, s.depth,
                       (t.last - t.first) / loops.terms);
    }
    float *dk = sums + k0 * s.depth, *dv = sums + s.padded * s.depth + k0 * s.width;
    for (int64_t j = least / R * R; j < std::min(most, n); j += R) {
      // with causality only, the rows above the key do not see it
      int64_t r0 = top;
      if (a_.causal) r0 = std::max(r0, (k0 + j - i0) / R * R);
      if (r0 >= bottom) continue;
      loops.add_columns(dv + j * s.width, s.width, w.p + r0 * kAttentionLd + j,
                        w.g_rows + r0 / loops.terms * s.width, s.width, s.width,
                        (bottom - r0) / loops.terms);
      loops.add_columns(dk + j * s.depth, s.depth, w.ds + r0 * kAttentionLd + j,
                        w.q_rows + r0 / loops.terms * s.depth, s.depth, s.depth,
                        (bottom - r0) / loops.terms);
    }
  }

  /* One block of dk and dv: the splits added up, in the outputs' dtype. */
  void finish(Device& d, const vd_call& call, const Plan& s, int64_t pair, int64_t block,
              int64_t splits, float* shared) const {
    float* sums = shared + s.gradients;
    const int64_t first = block * kAttentionKeys, last = std::min(first + kAttentionKeys, a_.keys);
    auto add = [&](float* to, int64_t n) {
      for (int64_t x = 1; x < splits; ++x)
        for (int64_t j = 0; j < n; ++j) to[j] += to[x * s.sum + j];
    };
    for (int64_t j = first; j < last; ++j) {
      float *dk = sums + j * s.depth, *dv = sums + s.padded * s.depth + j * s.width;
      add(dk, s.depth);
      add(dv, s.width);
      put(d, call, 1, pair / a_.key_heads, pair % a_.key_heads, j, dk, a_.scale);
      put(d, call, 2, pair / a_.key_heads, pair % a_.key_heads, j, dv, 1.f);
    }
  }

  void put(Device& d, const vd_call& call, int output, int64_t b, int64_t h, int64_t i, float* x,
           float scale) const {
    const HeadRows& rows = results_[output];
    char* to = const_cast<char*>(rows.at(out_ptr<char>(call, output), b, h, i));
    for (int64_t j = 0; j < rows.n; ++j) x[j] *= scale;
    if (a_.q.type == DType::F32)
      std::memcpy(to, x, size_t(rows.n) * 4);
    else
      from_float(d.simd, a_.q.type, reinterpret_cast<uint16_t*>(to), x, rows.n);
  }

  Attention a_;
  double pairs_;
  HeadRows g_, out_, lse_, g_lse_, results_[3];  // results_: dq, dk, dv
};

vd_status make_backward(Device&, const vd_call& call, std::unique_ptr<Kernel>& kernel,
                        vd_err* err) {
  Attention a;
  if (!arity(call, 8, 3) || !a.set(call, kQ, kMask) || in_type(call, kG) != a.q.type ||
      in_type(call, kOut) != a.q.type || in_type(call, kLse) != DType::F32 ||
      (!sdk::absent(call.inputs[kGLse]) && in_type(call, kGLse) != DType::F32) ||
      out_type(call) != a.q.type || !sdk::same_shape(call.inputs[kG], call.inputs[kOut]))
    return unsupported(call, err, "it takes tensors of float32 or 16-bit floats, none empty");
  for (int i = 0; i < 3; ++i) {
    const vd_tensor& t = call.outputs[i];
    if (t.strides[t.ndim - 1] != 1 && t.shape[t.ndim - 1] > 1)
      return unsupported(call, err, "the rows of its results are dense");
  }
  kernel = std::make_unique<Backward>(a, call, kStrided | kStridedOut | kPreferred);
  return VD_OK;
}

}  // namespace

void add_attention_backward(sdk::Table<Make>& table) {
  table.add("scaled_dot_product_attention_backward", make_backward);
}

}  // namespace vob
