// Attention of a few queries, as a step of decoding has them: bound by reading keys and values.
#include <cmath>

#include "attention.h"
#include "bf16/kernels.h"

namespace vob {
namespace {

constexpr int64_t kFewQueries = 4;
constexpr int64_t kFewRows = 8;  // queries of all heads that share a key
constexpr int64_t kLd = kAttentionLd;
constexpr int64_t kFetched = 32;  // rows of keys and of values asked for ahead

/* The queries of one pair of batch and key head, and what they have gathered so far. */
class Few {
 public:
  Few(Device& d, const Attention& a, const vd_call& call, int64_t pair)
      : d_(d),
        a_(a),
        call_(call),
        n_(a.group * a.queries),
        batch_(pair / a.key_heads),
        head_(pair % a.key_heads),
        pairs_(d.bf16 && a.k.type == DType::BF16 && a.v.type == DType::BF16 && a.q.column == 1 &&
               a.depth % 32 == 0 && a.width % 16 == 0) {}

  bool run() {
    const int64_t wide = 32 * a_.width;  // values widened at one time
    float* mem = static_cast<float*>(
        thread_scratch(1, size_t(n_ * (a_.depth + a_.width + 2) + 2 * kFewRows * kLd + wide) * 4));
    if (!mem) return false;
    q_ = mem, out_ = q_ + n_ * a_.depth, top_ = out_ + n_ * a_.width, total_ = top_ + n_;
    scores_ = total_ + n_, bias_ = scores_ + kFewRows * kLd, wide_ = bias_ + kFewRows * kLd;
    std::fill(out_, top_, 0.f);
    std::fill(top_, total_, -INFINITY);
    std::fill(total_, scores_, 0.f);
    for (int64_t x = 0; x < n_; ++x) load(x);
    for (int64_t k0 = 0; k0 < a_.keys; k0 += kAttentionKeys) block(k0);
    for (int64_t x = 0; x < n_; ++x)
      finish_row(d_, a_, call_, batch_, head(x), x % a_.queries, out_ + x * a_.width, top_[x],
                 total_[x]);
    return true;
  }

 private:
  int64_t head(int64_t x) const { return head_ * a_.group + x / a_.queries; }

  void load(int64_t x) {
    const char* from = a_.q.at(sdk::data(call_.inputs[0]), batch_, head(x), x % a_.queries);
    float* row = q_ + x * a_.depth;
    if (pairs_) {
      std::memcpy(reinterpret_cast<uint16_t*>(q_) + x * a_.depth, from, size_t(a_.depth) * 2);
      return;
    }
    a_.q.get(d_.simd, from, row);
    for (int64_t j = 0; j < a_.depth; ++j) row[j] *= a_.scale * kLog2e;
  }

  /* The keys of a block that query x may see, [first, last), counted from k0. */
  void limits(int64_t x, int64_t k0, int64_t& first, int64_t& last) {
    const int64_t i = x % a_.queries, n = std::min(kAttentionKeys, a_.keys - k0);
    first = std::clamp<int64_t>(a_.low(i) - k0, 0, n);
    last = std::clamp<int64_t>(a_.high(i) - k0, first, n);
    if (!a_.masked || first == last) return;
    float* bias = bias_ + x * kLd;
    a_.mask_tile(sdk::data(call_.inputs[3]), batch_, head(x), i, 1, k0, n, bias);
    // what a cache has not been given yet is not read
    while (first < last && bias[first] == -INFINITY) ++first;
    while (first < last && bias[last - 1] == -INFINITY) --last;
  }

  void block(int64_t k0) {
    int64_t first[kFewRows], last[kFewRows], least = kAttentionKeys, most = 0;
    for (int64_t x = 0; x < n_; ++x) {
      limits(x, k0, first[x], last[x]);
      if (first[x] == last[x]) continue;
      least = std::min(least, first[x]);
      most = std::max(most, last[x]);
    }
    if (least >= most) return;
    // each row is fetched from memory of its own: all of them at once
    fetch(a_.k, 1, k0 + least, most - least, a_.depth);
    fetch(a_.v, 2, k0 + least, most - least, a_.width);
    score(k0 + least, most - least);
    float keep[kFewRows];
    for (int64_t x = 0; x < n_; ++x)
      keep[x] = soften(x, first[x] - least, last[x] - least, most - least, least);
    weigh(k0 + least, most - least, keep);
  }

  void fetch(const HeadRows& rows, int input, int64_t k0, int64_t n, int64_t length) const {
    const char* p = rows.at(sdk::data(call_.inputs[input]), batch_, head_, k0);
    n = std::min(n, kFetched);
    for (int64_t j = 0; j < n; ++j, p += rows.row * rows.bytes)
      for (int64_t byte = 0; byte < length * rows.bytes; byte += 64) __builtin_prefetch(p + byte);
  }

  void score(int64_t k0, int64_t n) {
    const char* k = a_.k.at(sdk::data(call_.inputs[1]), batch_, head_, k0);
    const uint16_t* half = reinterpret_cast<const uint16_t*>(k);
    if (pairs_) {
      d_.bf16->scores(scores_, kLd, half, a_.k.row, n, reinterpret_cast<const uint16_t*>(q_), n_,
                      a_.depth, a_.scale * kLog2e);
      return;
    }
    for (int64_t x = 0; x < n_; ++x) {
      float *to = scores_ + x * kLd, *q = q_ + x * a_.depth;
      if (a_.k.type == DType::F32)
        d_.simd->dot_rows32(to, 1, reinterpret_cast<const float*>(k), a_.k.row, q, n, a_.depth);
      else
        (a_.k.type == DType::BF16 ? d_.simd->dot_rows_bf16 : d_.simd->dot_rows_f16)(
            to, 1, half, a_.k.row, q, n, a_.depth);
    }
  }

  /* Scores become weights, 0 outside [first, last); what the sums so far are worth now. */
  float soften(int64_t x, int64_t first, int64_t last, int64_t n, int64_t bias_at) {
    float* p = scores_ + x * kLd;
    if (first >= last) return std::fill(p, p + n, 0.f), 1.f;
    std::fill(p, p + first, 0.f);
    std::fill(p + last, p + n, 0.f);
    float best = top_[x];
    for (int64_t j = first; j < last; ++j) {
      if (a_.masked) p[j] += bias_[x * kLd + bias_at + j];
      best = p[j] > best ? p[j] : best;
    }
    const float shift = best == -INFINITY ? 0.f : best;
    const float keep = top_[x] == best ? 1.f : std::exp2(top_[x] - shift);
    for (int64_t j = first; j < last; ++j) p[j] -= shift;
    const void* in[] = {p + first};
    d_.simd->unary[kF32][k_exp2](p + first, in, last - first);
    total_[x] = total_[x] * keep + float(d_.simd->sum32(p + first, last - first));
    top_[x] = best;
    return keep;
  }

  void weigh(int64_t k0, int64_t n, const float* keep) {
    const char* v = a_.v.at(sdk::data(call_.inputs[2]), batch_, head_, k0);
    if (pairs_) {
      d_.bf16->weighted(out_, keep, scores_, kLd, reinterpret_cast<const uint16_t*>(v), a_.v.row, n,
                        n_, a_.width);
      return;
    }
    for (int64_t x = 0; x < n_; ++x)
      if (keep[x] != 1.f)
        for (int64_t j = 0; j < a_.width; ++j) out_[x * a_.width + j] *= keep[x];
    if (a_.v.type == DType::F32) {
      for (int64_t x = 0; x < n_; ++x)
        d_.simd->axpy_rows32(out_ + x * a_.width, reinterpret_cast<const float*>(v), a_.v.row,
                             scores_ + x * kLd, 1, n, a_.width);
      return;
    }
    for (int64_t j = 0; j < n; j += 32) {
      const int64_t m = std::min<int64_t>(32, n - j);
      for (int64_t y = 0; y < m; ++y)
        a_.v.get(d_.simd, v + (j + y) * a_.v.row * a_.v.bytes, wide_ + y * a_.width);
      for (int64_t x = 0; x < n_; ++x)
        d_.simd->axpy_rows32(out_ + x * a_.width, wide_, a_.width, scores_ + x * kLd + j, 1, m,
                             a_.width);
    }
  }

  Device& d_;
  const Attention& a_;
  const vd_call& call_;
  int64_t n_, batch_, head_;
  bool pairs_;  // multiplied as bfloat16
  float *q_ = nullptr, *out_ = nullptr, *top_ = nullptr, *total_ = nullptr, *scores_ = nullptr,
        *bias_ = nullptr, *wide_ = nullptr;
};

}  // namespace

bool few_queries(const Attention& a) {
  return a.group * a.queries <= kFewRows && a.queries <= kFewQueries && a.k.column == 1 &&
         a.v.column == 1;
}

bool attend_few(Device& d, const Attention& a, const vd_call& call) {
  const int64_t pairs = a.batches * a.key_heads;
  std::atomic<bool> no_memory{false};
  auto one = [&](int64_t pair) {
    if (!Few(d, a, call, pair).run()) no_memory = true;
  };
  if (a.pairs() * double(pairs * a.group * (a.depth + a.width)) < 1e5)
    for (int64_t pair = 0; pair < pairs; ++pair) one(pair);
  else
    d.pool.each(pairs, one);
  return !no_memory;
}

void finish_row(Device& d, const Attention& a, const vd_call& call, int64_t b, int64_t h, int64_t i,
                float* sums, float top, float total) {
  const int64_t row = (b * a.heads + h) * a.queries + i;
  char* to = const_cast<char*>(a.out.at(out_ptr<char>(call), b, h, i));
  const float inverse = total == 0.f ? 1.f : 1.f / total;
  for (int64_t j = 0; j < a.width; ++j) sums[j] *= inverse;
  if (a.q.type == DType::F32)
    std::memcpy(to, sums, size_t(a.width) * 4);
  else
    from_float(d.simd, a.q.type, reinterpret_cast<uint16_t*>(to), sums, a.width);
  out_ptr<float>(call, 1)[row] = total == 0.f ? INFINITY : (top + std::log2(total)) * kLn2;
}

}  // namespace vob
