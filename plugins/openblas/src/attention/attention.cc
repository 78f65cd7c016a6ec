// scaled_dot_product_attention: an online softmax over blocks of keys, so that no more of the
// scores exist than one tile per thread. (Milakov and Gimelshein 2018; Dao et al. 2022)
#include "attention/attention.h"

namespace vob {
namespace {

constexpr int64_t kQueries = 96;              // of a task: they share every block of keys
constexpr int64_t kPackedBytes = 24ll << 20;  // keys and values packed at one time

class Forward final : public Kernel {
 public:
  Forward(const Attention& a, uint32_t caps) : Kernel(caps), a_(a), pairs_(a.pairs()) {}

  vd_status run(Device& d, const vd_call& call, vd_err* err) override {
    const bool done = few_queries(a_) ? attend_few(d, a_, call) : many(d, call);
    return done ? VD_OK : fail(err, VD_OOM, "%s: no memory for a block of keys", call.op);
  }

 private:
  /* Runs f(i) for i < n, on one thread if there is little to do. */
  template <class F>
  void tasks(Device& d, int64_t n, double work, F f) const {
    if (work < 1e5)
      for (int64_t i = 0; i < n; ++i) f(i);
    else
      d.pool.each(n, f);
  }

  bool many(Device& d, const vd_call& call) {
    const AttentionLoops& loops = a_.loops(d);
    const int64_t padded = round_up(a_.keys, loops.columns), lanes = loops.columns / 2;
    const int64_t width = round_up(a_.width, lanes);
    const int64_t each = padded * loops.words(a_.depth) + padded / loops.terms * width;
    const int64_t pairs = a_.batches * a_.key_heads;
    const int64_t chunk = std::clamp<int64_t>(kPackedBytes / (each * 4),
                                              std::min<int64_t>(pairs, d.pool.threads()), pairs);
    float* packed = static_cast<float*>(d.scratch.get(size_t(chunk * each) * 4));
    if (!packed) return false;
    const int64_t blocks = (a_.keys + kAttentionKeys - 1) / kAttentionKeys;
    const int64_t parts = (a_.queries + kQueries - 1) / kQueries;
    std::atomic<bool> no_memory{false};
    for (int64_t p0 = 0; p0 < pairs; p0 += chunk) {
      const int64_t n = std::min(chunk, pairs - p0);
      const double work = pairs_ * double(n * a_.group * (a_.depth + a_.width));
      tasks(d, n * blocks, work, [&](int64_t u) {
        if (!pack(d, call, p0 + u / blocks, u % blocks, packed + u / blocks * each))
          no_memory = true;
      });
      if (no_memory) return false;
      tasks(d, n * a_.group * parts, work, [&](int64_t u) {
        // the last queries of a causal product see most: they go first
        const int64_t part = parts - 1 - u / (n * a_.group), pair = u / a_.group % n;
        if (!queries(d, call, p0 + pair, u % a_.group, part, packed + pair * each))
          no_memory = true;
      });
      if (no_memory) return false;
    }
    return true;
  }

  /* Keys in panels, then lines of values, both padded with zeros. */
  bool pack(Device& d, const vd_call& call, int64_t pair, int64_t block, float* to) const {
    const AttentionLoops& loops = a_.loops(d);
    const int64_t b = pair / a_.key_heads, h = pair % a_.key_heads, columns = loops.columns;
    const int64_t padded = round_up(a_.keys, columns), width = round_up(a_.width, columns / 2);
    const int64_t first = block * kAttentionKeys, last = std::min(first + kAttentionKeys, padded);
    const int64_t depth = loops.words(a_.depth);
    float* rows = static_cast<float*>(thread_scratch(1, size_t(columns * (a_.depth + width)) * 4));
    if (!rows) return false;
    for (int64_t j0 = first; j0 < last; j0 += columns) {
      float* packed = to + padded * depth + j0 / loops.terms * width;
      float* lines = loops.pack_lines ? rows + columns * a_.depth : packed;
      for (int64_t j = 0; j < columns; ++j) {
        float *row = rows + j * a_.depth, *v = lines + j * width;
        if (j0 + j < a_.keys) {
          a_.k.get(d.simd, a_.k.at(sdk::data(call.inputs[1]), b, h, j0 + j), row);
          a_.v.get(d.simd, a_.v.at(sdk::data(call.inputs[2]), b, h, j0 + j), v);
          std::fill(v + a_.width, v + width, 0.f);
        } else {
          std::fill_n(row, a_.depth, 0.f);
          std::fill_n(v, width, 0.f);
        }
      }
      loops.pack_panel(to + j0 * depth, rows, a_.depth, a_.depth);
      if (loops.pack_lines) loops.pack_lines(packed, lines, width, columns, width);
    }
    return true;
  }

  bool queries(Device& d, const vd_call& call, int64_t pair, int64_t in_group, int64_t part,
               const float* packed) const {
    const AttentionLoops& loops = a_.loops(d);
    const int64_t R = loops.rows, columns = loops.columns, depth = loops.words(a_.depth);
    const int64_t padded = round_up(a_.keys, columns), width = round_up(a_.width, columns / 2);
    const float* values = packed + padded * depth;
    const int64_t b = pair / a_.key_heads, h = pair % a_.key_heads * a_.group + in_group;
    const int64_t i0 = part * kQueries, rows = std::min(kQueries, a_.queries - i0);
    const int64_t tiles = (rows + R - 1) / R, all = tiles * R;
    float* mem = static_cast<float*>(thread_scratch(
        1, size_t(all * (depth + width + 2) + R * a_.depth + 2 * R * kAttentionLd) * 4));
    if (!mem) return false;
    float *q = mem, *out = q + all * depth, *top = out + all * width, *total = top + all;
    float *scores = total + all, *bias = scores + R * kAttentionLd, *raw = bias + R * kAttentionLd;
    int64_t edges[2 * 16];
    std::fill(out, top, 0.f);
    std::fill(top, total, -INFINITY);
    std::fill_n(total, all, 0.f);
    for (int64_t t = 0; t < tiles; ++t) {
      for (int64_t r = 0; r < R; ++r) {
        const int64_t i = i0 + t * R + r;
        if (i < a_.queries)
          a_.q.get(d.simd, a_.q.at(sdk::data(call.inputs[0]), b, h, i), raw + r * a_.depth);
        else
          std::fill_n(raw + r * a_.depth, a_.depth, 0.f);
      }
      loops.pack_rows(q + t * R * depth, raw, a_.depth, a_.depth, a_.query_scale(loops));
    }
    const int64_t from = a_.low(i0) / kAttentionKeys * kAttentionKeys;
    const int64_t to = a_.high(std::min(i0 + rows, a_.queries) - 1);
    for (int64_t k0 = from; k0 < to; k0 += kAttentionKeys) {
      const int64_t n = std::min(kAttentionKeys, a_.keys - k0);
      for (int64_t t = 0; t < tiles; ++t) {
        AttentionTile tile{q + t * R * depth,
                           packed + k0 * depth,
                           depth,
                           a_.tile_scale(loops),
                           0,
                           0,
                           nullptr,
                           nullptr,
                           nullptr};
        if (!a_.limits(tile, R, columns, i0 + t * R, k0, n, edges)) continue;
        if (a_.masked) {
          std::fill_n(bias, R * kAttentionLd, 0.f);
          a_.mask_tile(sdk::data(call.inputs[3]), b, h, i0 + t * R, R, k0, n, bias);
          tile.bias = bias;
        }
        loops.forward(tile, scores, top + t * R, total + t * R, out + t * R * width, width,
                      values + k0 / loops.terms * width, width);
      }
    }
    for (int64_t r = 0; r < rows; ++r)
      finish_row(d, a_, call, b, h, i0 + r, out + r * width, top[r], total[r]);
    return true;
  }

  Attention a_;
  double pairs_;
};

vd_status make_forward(Device&, const vd_call& call, std::unique_ptr<Kernel>& kernel, vd_err* err) {
  Attention a;
  if (!arity(call, 4, 2) || !a.set(call, 0, 3) || out_type(call) != a.q.type ||
      out_type(call, 1) != DType::F32)
    return unsupported(call, err, "it takes q, k and v of float32 or 16-bit floats, none empty");
  if (a.out.column != 1 && a.width > 1)
    return unsupported(call, err, "the rows of its result are dense");
  kernel = std::make_unique<Forward>(a, kStrided | kStridedOut | kPreferred);
  return VD_OK;
}

}  // namespace

void add_attention(sdk::Table<Make>& table) {
  table.add("scaled_dot_product_attention", make_forward);
  add_attention_backward(table);
}

}  // namespace vob
