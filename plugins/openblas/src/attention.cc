// scaled_dot_product_attention: an online softmax over blocks of keys, so that no more of the
// scores exist than one tile per thread. (Milakov and Gimelshein 2018; Dao et al. 2022)
#include "attention.h"

#include <cmath>

namespace vob {
namespace {

constexpr int64_t kQueries = 96;              // of a task: they share every block of keys
constexpr int64_t kFewQueries = 4;            // too few to pay for packing the keys
constexpr int64_t kPackedBytes = 24ll << 20;  // keys and values packed at one time

class Forward final : public Kernel {
 public:
  Forward(const Attention& a, uint32_t caps) : Kernel(caps), a_(a), pairs_(a.pairs()) {}

  vd_status run(Device& d, const vd_call& call, vd_err* err) override {
    const bool direct = a_.group * a_.queries <= kFewQueries * 2 && a_.queries <= kFewQueries &&
                        a_.k.column == 1 && a_.v.column == 1;
    const bool done = direct ? few(d, call) : many(d, call);
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
    const float scale = a_.scale * kLog2e;
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
      loops.pack_rows(q + t * R * depth, raw, a_.depth, a_.depth,
                      loops.scores_scaled ? 1.f : scale);
    }
    const int64_t from = a_.low(i0) / kAttentionKeys * kAttentionKeys;
    const int64_t to = a_.high(std::min(i0 + rows, a_.queries) - 1);
    for (int64_t k0 = from; k0 < to; k0 += kAttentionKeys) {
      const int64_t n = std::min(kAttentionKeys, a_.keys - k0);
      for (int64_t t = 0; t < tiles; ++t) {
        AttentionTile tile{
            q + t * R * depth, packed + k0 * depth, depth, scale, 0, 0, nullptr, nullptr, nullptr};
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
      finish(d, call, b, h, i0 + r, out + r * width, top[r], total[r]);
    return true;
  }

  /* A few queries: every key and value is read once, as it lies. */
  bool few(Device& d, const vd_call& call) {
    const int64_t pairs = a_.batches * a_.key_heads, n = a_.group * a_.queries;
    std::atomic<bool> no_memory{false};
    tasks(d, pairs, pairs_ * double(pairs * a_.group * (a_.depth + a_.width)), [&](int64_t pair) {
      const size_t need = size_t(n * (a_.depth + a_.width + 2) + kAttentionLd + 32 * a_.width) * 4;
      float* mem = static_cast<float*>(thread_scratch(1, need));
      if (!mem) {
        no_memory = true;
        return;
      }
      float *q = mem, *out = q + n * a_.depth, *top = out + n * a_.width, *total = top + n;
      float *scores = total + n, *values = scores + kAttentionLd;
      const int64_t b = pair / a_.key_heads, kh = pair % a_.key_heads;
      std::fill(out, top, 0.f);
      std::fill(top, total, -INFINITY);
      std::fill(total, scores, 0.f);
      for (int64_t x = 0; x < n; ++x) {
        const int64_t h = kh * a_.group + x / a_.queries;
        float* row = q + x * a_.depth;
        a_.q.get(d.simd, a_.q.at(sdk::data(call.inputs[0]), b, h, x % a_.queries), row);
        for (int64_t j = 0; j < a_.depth; ++j) row[j] *= a_.scale * kLog2e;
      }
      for (int64_t k0 = 0; k0 < a_.keys; k0 += kAttentionKeys)
        for (int64_t x = 0; x < n; ++x) {
          const int64_t h = kh * a_.group + x / a_.queries, i = x % a_.queries;
          const int64_t first = std::max(a_.low(i), k0);
          const int64_t last = std::min(a_.high(i), k0 + kAttentionKeys);
          if (first >= last) continue;
          score(d, a_.k.at(sdk::data(call.inputs[1]), b, kh, first), q + x * a_.depth, last - first,
                scores);
          if (a_.masked) {
            float add[kAttentionLd];
            a_.mask_tile(sdk::data(call.inputs[3]), b, h, i, 1, first, last - first, add);
            for (int64_t j = 0; j < last - first; ++j) scores[j] += add[j];
          }
          weigh(d, scores, last - first, top[x], total[x], out + x * a_.width,
                a_.v.at(sdk::data(call.inputs[2]), b, kh, first), values);
        }
      for (int64_t x = 0; x < n; ++x)
        finish(d, call, b, kh * a_.group + x / a_.queries, x % a_.queries, out + x * a_.width,
               top[x], total[x]);
    });
    return !no_memory;
  }

  void score(Device& d, const char* k, const float* q, int64_t n, float* to) const {
    if (a_.k.type == DType::F32)
      d.simd->dot_rows32(to, 1, reinterpret_cast<const float*>(k), a_.k.row, q, n, a_.depth);
    else
      (a_.k.type == DType::BF16 ? d.simd->dot_rows_bf16 : d.simd->dot_rows_f16)(
          to, 1, reinterpret_cast<const uint16_t*>(k), a_.k.row, q, n, a_.depth);
  }

  void weigh(Device& d, float* p, int64_t n, float& top, float& total, float* out, const char* v,
             float* wide) const {
    float best = top;
    for (int64_t j = 0; j < n; ++j) best = p[j] > best ? p[j] : best;
    const float shift = best == -INFINITY ? 0.f : best,
                keep = top == best ? 1.f : std::exp2(top - shift);
    for (int64_t j = 0; j < n; ++j) p[j] -= shift;
    const void* in[] = {p};
    d.simd->unary[kF32][k_exp2](p, in, n);
    total = total * keep + float(d.simd->sum32(p, n));
    top = best;
    if (keep != 1.f)
      for (int64_t j = 0; j < a_.width; ++j) out[j] *= keep;
    if (a_.v.type == DType::F32) {
      d.simd->axpy_rows32(out, reinterpret_cast<const float*>(v), a_.v.row, p, 1, n, a_.width);
      return;
    }
    for (int64_t j = 0; j < n; j += 32) {
      const int64_t m = std::min<int64_t>(32, n - j);
      for (int64_t x = 0; x < m; ++x)
        a_.v.get(d.simd, v + (j + x) * a_.v.row * a_.v.bytes, wide + x * a_.width);
      d.simd->axpy_rows32(out, wide, a_.width, p + j, 1, m, a_.width);
    }
  }

  void finish(Device& d, const vd_call& call, int64_t b, int64_t h, int64_t i, float* sums,
              float top, float total) const {
    const int64_t row = (b * a_.heads + h) * a_.queries + i;
    const float inverse = total == 0.f ? 1.f : 1.f / total;
    for (int64_t j = 0; j < a_.width; ++j) sums[j] *= inverse;
    if (a_.q.type == DType::F32)
      std::memcpy(out_ptr<float>(call) + row * a_.width, sums, size_t(a_.width) * 4);
    else
      from_float(d.simd, a_.q.type, out_ptr<uint16_t>(call) + row * a_.width, sums, a_.width);
    out_ptr<float>(call, 1)[row] = total == 0.f ? INFINITY : (top + std::log2(total)) * kLn2;
  }

  Attention a_;
  double pairs_;
};

vd_status make_forward(Device&, const vd_call& call, std::unique_ptr<Kernel>& kernel, vd_err* err) {
  Attention a;
  if (!arity(call, 4, 2) || !a.set(call, 0, 3) || out_type(call) != a.q.type ||
      out_type(call, 1) != DType::F32)
    return unsupported(call, err, "it takes q, k and v of float32 or 16-bit floats, none empty");
  kernel = std::make_unique<Forward>(a, kStrided | kPreferred);
  return VD_OK;
}

}  // namespace

void add_attention(sdk::Table<Make>& table) {
  table.add("scaled_dot_product_attention", make_forward);
  add_attention_backward(table);
}

}  // namespace vob
