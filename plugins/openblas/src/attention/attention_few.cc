// Attention of a few queries, as a step of decoding has them: bound by reading keys and values.
#include <cmath>
#include <vector>

#include "attention/attention.h"
#include "bf16/kernels.h"

namespace vob {
namespace {

constexpr int64_t kFewQueries = 4;
constexpr int64_t kFewRows = 8;  // queries of all heads that share a key
constexpr int64_t kPart =
    1024;                      // keys of a task: for any number of threads, so that sums are alike
constexpr int64_t kStep = 32;  // rows of keys, or of values, asked for ahead
constexpr int64_t kLd = kAttentionLd;

/* What the queries of one pair of batch and key head have gathered from some of the keys. */
struct Gathered {
  float *out, *top, *total;  // [n][width]; the largest score, in powers of two; the weights' sum

  static int64_t size(int64_t n, int64_t width) { return n * (width + 2); }
  Gathered(float* mem, int64_t n, int64_t width) : out(mem), top(mem + n * width), total(top + n) {}
};

/* One pair. */
class Few {
 public:
  Few(Device& d, const Attention& a, const vd_call& call, const KeySpan* spans, int64_t pair)
      : d_(d),
        a_(a),
        call_(call),
        spans_(spans),
        n_(a.group * a.queries),
        batch_(pair / a.key_heads),
        head_(pair % a.key_heads),
        pairs_(d.bf16 && a.k.type == DType::BF16 && a.v.type == DType::BF16 && a.q.column == 1 &&
               a.depth % 32 == 0 && a.width % 16 == 0) {}

  static size_t bytes(const Attention& a) {
    const int64_t n = a.group * a.queries;
    return size_t(n * a.depth + 2 * kFewRows * kLd + kStep * a.width) * 4;
  }

  /* Gathers from the keys [begin, end). */
  void run(float* mem, const Gathered& to, int64_t begin, int64_t end) {
    q_ = mem, scores_ = q_ + n_ * a_.depth, bias_ = scores_ + kFewRows * kLd;
    wide_ = bias_ + kFewRows * kLd;
    out_ = to.out, top_ = to.top, total_ = to.total;
    std::fill_n(out_, n_ * a_.width, 0.f);
    std::fill_n(top_, n_, -INFINITY);
    std::fill_n(total_, n_, 0.f);
    for (int64_t x = 0; x < n_; ++x) load(x);
    for (int64_t k0 = begin; k0 < end; k0 += kAttentionKeys)
      block(k0, std::min(kAttentionKeys, end - k0));
  }

  void finish(const Gathered& from) {
    for (int64_t x = 0; x < n_; ++x)
      finish_row(d_, a_, call_, batch_, head(x), x % a_.queries, from.out + x * a_.width,
                 from.top[x], from.total[x]);
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
  void limits(int64_t x, int64_t k0, int64_t n, int64_t& first, int64_t& last) {
    const KeySpan& span = spans_[a_.span_of(batch_, head(x), x % a_.queries)];
    first = std::clamp<int64_t>(span.first - k0, 0, n);
    last = std::clamp<int64_t>(span.last - k0, first, n);
    added_[x] = a_.masked && !span.whole && first < last;
    if (!added_[x]) return;
    float* bias = bias_ + x * kLd;
    a_.mask_tile(sdk::data(call_.inputs[3]), batch_, head(x), x % a_.queries, 1, k0, n, bias);
    // what a cache has not been given yet is not read
    while (first < last && bias[first] == -INFINITY) ++first;
    while (first < last && bias[last - 1] == -INFINITY) --last;
  }

  void block(int64_t k0, int64_t n) {
    int64_t first[kFewRows], last[kFewRows], least = n, most = 0;
    for (int64_t x = 0; x < n_; ++x) {
      limits(x, k0, n, first[x], last[x]);
      if (first[x] == last[x]) continue;
      least = std::min(least, first[x]);
      most = std::max(most, last[x]);
    }
    if (least >= most) return;
    const int64_t at = k0 + least, count = most - least;
    // what is not foreseen: the first rows; the loops ask for those that follow
    fetch(a_.k, 1, at, count, a_.depth);
    fetch(a_.v, 2, at, count, a_.width);
    score(at, count);
    float keep[kFewRows];
    for (int64_t x = 0; x < n_; ++x)
      keep[x] = soften(x, first[x] - least, last[x] - least, count, least);
    weigh(at, count, keep);
  }

  void fetch(const HeadRows& rows, int input, int64_t k0, int64_t count, int64_t length) const {
    const char* p = rows.at(sdk::data(call_.inputs[input]), batch_, head_, k0);
    const int64_t n = std::min(count, kStep);
    for (int64_t i = 0; i < n; ++i, p += rows.row * rows.bytes)
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
      if (added_[x]) p[j] += bias_[x * kLd + bias_at + j];
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
    for (int64_t j = 0; j < n; j += kStep) {
      const int64_t m = std::min(kStep, n - j);
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
  const KeySpan* spans_;
  int64_t n_, batch_, head_;
  bool pairs_;              // multiplied as bfloat16
  bool added_[kFewRows]{};  // to the scores: something that is not 0
  float *q_ = nullptr, *out_ = nullptr, *top_ = nullptr, *total_ = nullptr, *scores_ = nullptr,
        *bias_ = nullptr, *wide_ = nullptr;
};

}  // namespace

bool few_queries(const Attention& a) {
  return a.group * a.queries <= kFewRows && a.queries <= kFewQueries && a.k.column == 1 &&
         a.v.column == 1;
}

/* What each pair has gathered from all of its parts, one after the other in `mem`, in the first. */
void join(float* mem, int64_t parts, int64_t n, int64_t width) {
  const Gathered to(mem, n, width);
  for (int64_t x = 0; x < n; ++x) {
    float best = -INFINITY, total = 0;
    auto part = [&](int64_t p) { return Gathered(mem + p * Gathered::size(n, width), n, width); };
    for (int64_t p = 0; p < parts; ++p) best = std::max(best, part(p).top[x]);
    if (best == -INFINITY) continue;
    for (int64_t p = 0; p < parts; ++p) {
      const Gathered from = part(p);
      const float worth = std::exp2(from.top[x] - best);
      total += from.total[x] * worth;
      for (int64_t j = 0; j < width; ++j)
        to.out[x * width + j] = (p ? to.out[x * width + j] : 0.f) + worth * from.out[x * width + j];
    }
    to.top[x] = best, to.total[x] = total;
  }
}

bool attend_few(Device& d, const Attention& a, const vd_call& call) {
  const int64_t pairs = a.batches * a.key_heads, n = a.group * a.queries;
  const int64_t size = Gathered::size(n, a.width);
  std::vector<KeySpan> spans(size_t(a.spans()));
  int64_t least = a.keys, most = 0;
  for (int64_t i = 0; i < a.spans(); ++i) {
    spans[i] = a.span(sdk::data(call.inputs[3]), i);
    if (spans[i].first < spans[i].last)
      least = std::min(least, spans[i].first), most = std::max(most, spans[i].last);
  }
  const int64_t begin = least / kPart, end = std::max((most + kPart - 1) / kPart, begin + 1);
  const int64_t parts = end - begin;
  float* mem = static_cast<float*>(d.scratch.get(size_t(pairs * parts * size) * 4));
  if (!mem) return false;
  std::atomic<bool> no_memory{false};
  auto one = [&](int64_t u) {
    float* own = static_cast<float*>(thread_scratch(1, Few::bytes(a)));
    if (!own) {
      no_memory = true;
      return;
    }
    const int64_t k0 = (begin + u % parts) * kPart;
    Few few(d, a, call, spans.data(), u / parts);
    const Gathered to(mem + u * size, n, a.width);
    few.run(own, to, std::max(k0, least), std::min(k0 + kPart, most));
    if (parts == 1) few.finish(to);
  };
  auto whole = [&](int64_t pair) {
    float* first = mem + pair * parts * size;
    join(first, parts, n, a.width);
    Few(d, a, call, spans.data(), pair).finish(Gathered(first, n, a.width));
  };
  if (double(most - least) * double(pairs * n * (a.depth + a.width)) < 1e5) {
    for (int64_t u = 0; u < pairs * parts; ++u) one(u);
  } else {
    d.pool.each(pairs * parts, one);
  }
  if (parts > 1 && !no_memory)
    d.pool.ranges(pairs, double(parts * size), 1, [&](int64_t b, int64_t e) {
      for (int64_t pair = b; pair < e; ++pair) whole(pair);
    });
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
