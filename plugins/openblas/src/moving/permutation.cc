// random_permutation: the numbers below n in the order of random 63-bit keys.
//
// The keys' leading words are spread over buckets by their highest bits, and a bucket is sorted by
// as many bits as it has elements for; the second words are looked up where that leaves a tie.
#include <algorithm>

#include "base/common.h"
#include "base/lines.h"

namespace vob {
namespace {

constexpr int64_t kBucket = 2048;                 // elements: 16 KiB, sorted within the first cache
constexpr int kBucketBits = 14, kDigitBits = 12;  // at most
constexpr int64_t kWords = 1024;                  // made at a time

int bits_for(int64_t n) {
  int bits = 0;
  while ((int64_t(1) << bits) < n) ++bits;
  return bits;
}

struct Stream {
  const Simd* simd;
  int64_t key, offset, n;

  /* Calls f(i, word i) for i in [begin, end); begin is a multiple of 4. */
  template <class F>
  void words(int64_t begin, int64_t end, F&& f) const {
    uint32_t block[kWords];
    for (int64_t at = begin; at < end; at += kWords) {
      const int64_t count = std::min(kWords, end - at);
      simd->philox(block, uint64_t(key), uint64_t(offset) + uint64_t(at / 4), (count + 3) / 4);
      for (int64_t i = 0; i < count; ++i) f(at + i, block[i]);
    }
  }
  /* The key of an element, which is its first word and its number: (word << 32 | number). */
  uint64_t whole(uint64_t x) const {
    return (x >> 32 << 31) ^ sdk::random_word(key, offset, n + int64_t(uint32_t(x)));
  }
  bool before(uint64_t x, uint64_t y) const {
    if (x >> 33 != y >> 33) return x < y;
    const uint64_t a = whole(x), b = whole(y);
    return a != b ? a < b : uint32_t(x) < uint32_t(y);
  }
};

/* The m elements of x, which have their `known` highest bits in common, in order to y. */
void sort_bucket(const Stream& stream, const uint64_t* x, uint64_t* y, int64_t m, int known) {
  const int digit = std::min(bits_for(m) + 1, kDigitBits), shift = 64 - known - digit;
  const uint64_t mask = (uint64_t(1) << digit) - 1;
  uint32_t place[1 << kDigitBits];
  std::fill_n(place, mask + 1, 0u);
  for (int64_t i = 0; i < m; ++i) ++place[x[i] >> shift & mask];
  uint32_t at = 0;
  for (uint64_t d = 0; d <= mask; ++d) {
    const uint32_t here = place[d];
    place[d] = at;
    at += here;
  }
  for (int64_t i = 0; i < m; ++i) y[place[x[i] >> shift & mask]++] = x[i];
  for (int64_t i = 1; i < m; ++i) {
    const uint64_t one = y[i];
    int64_t j = i;
    for (; j > 0 && stream.before(one, y[j - 1]); --j) y[j] = y[j - 1];
    y[j] = one;
  }
}

vd_status permutation(Device& d, const Stream& stream, uint64_t* out, vd_err* err) {
  const int64_t n = stream.n;
  const int known = std::min(bits_for((n + kBucket - 1) / kBucket), kBucketBits);
  const int64_t buckets = int64_t(1) << known;
  auto bucket = [known](uint32_t word) { return uint64_t(word) << known >> 32; };
  // how many of each bucket every part has, then where it puts its first one
  const int64_t parts = n < 4 * kBucket ? 1 : std::min<int64_t>(d.pool.threads(), 16);
  const int64_t step = ((n + parts - 1) / parts + 3) / 4 * 4;
  std::vector<uint32_t> places(size_t(parts * buckets), 0);
  std::vector<uint32_t> begins(size_t(buckets) + 1);
  d.pool.each(parts, [&](int64_t p) {
    uint32_t* count = places.data() + p * buckets;
    stream.words(p * step, std::min(n, (p + 1) * step),
                 [&](int64_t, uint32_t word) { ++count[bucket(word)]; });
  });
  uint32_t at = 0, longest = 0;
  for (int64_t b = 0; b < buckets; ++b) {
    begins[size_t(b)] = at;
    for (int64_t p = 0; p < parts; ++p) {
      const uint32_t here = places[size_t(p * buckets + b)];
      places[size_t(p * buckets + b)] = at;
      at += here;
    }
    longest = std::max(longest, at - begins[size_t(b)]);
  }
  begins[size_t(buckets)] = at;
  d.pool.each(parts, [&](int64_t p) {
    uint32_t* place = places.data() + p * buckets;
    stream.words(p * step, std::min(n, (p + 1) * step), [&](int64_t i, uint32_t word) {
      out[place[bucket(word)]++] = uint64_t(word) << 32 | uint64_t(i);
    });
  });
  std::atomic<bool> no_memory{false};
  d.pool.ranges(buckets, double(n) / double(buckets) * 16, 1, [&](int64_t b, int64_t e) {
    uint64_t* sorted = static_cast<uint64_t*>(thread_scratch(0, size_t(longest) * 8));
    if (!sorted) no_memory = true;
    for (; sorted && b < e; ++b) {
      uint64_t* x = out + begins[size_t(b)];
      const int64_t m = int64_t(begins[size_t(b) + 1]) - int64_t(begins[size_t(b)]);
      sort_bucket(stream, x, sorted, m, known);
      for (int64_t i = 0; i < m; ++i) x[i] = uint32_t(sorted[i]);
    }
  });
  return no_memory ? fail(err, VD_OOM, "random_permutation: no memory to sort in") : VD_OK;
}

vd_status make(Device&, const vd_call& call, std::unique_ptr<Kernel>& kernel, vd_err* err) {
  const int64_t n = call.n_outputs == 1 ? sdk::numel(call.outputs[0]) : 0;
  if (!arity(call, 2, 1) || out_type(call) != DType::I64 || in_type(call, 0) != DType::I64 ||
      in_type(call, 1) != DType::I64 || n >= int64_t(1) << 32)
    return unsupported(call, err, "it takes int64 key and offset and gives fewer than 2^32 int64");
  return answer(
      kernel, kScalars | kPreferred, [n](Device& d, const vd_call& c, vd_err* e) -> vd_status {
        if (n == 0) return VD_OK;
        auto whole = [&](int i) {
          const vd_tensor& t = c.inputs[i];
          return sdk::scalar(t) ? t.value.i64 : *in_ptr<int64_t>(c, i);
        };
        return permutation(d, Stream{d.simd, whole(0), whole(1), n}, out_ptr<uint64_t>(c), e);
      });
}

}  // namespace

void add_permutation(sdk::Table<Make>& table) { table.add("random_permutation", make); }

}  // namespace vob
