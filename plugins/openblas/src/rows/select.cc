// median, nanmedian and kthvalue along a dim: one element by its rank, without sorting the others.
//
// By the keys' highest digit it is known which elements may be it; among those the next digit
// decides, until few are left.
#include <algorithm>

#include "rows/order.h"

namespace vob {
namespace {

constexpr int kDigit = 11;    // bits
constexpr int64_t kFew = 48;  // elements: sorted

enum class Rank { Median, NanMedian, Kth };

/* The rank that is asked for among n elements, `numbers` of which are no NaN. */
int64_t rank_of(Rank which, int64_t k, int64_t n, int64_t numbers) {
  if (which == Rank::Kth) return k;
  if (which == Rank::Median && numbers < n) return numbers;  // the first NaN
  return numbers ? (numbers - 1) / 2 : 0;
}

/* Of `counts`, which element `rank` falls to; `rank` becomes that among them. */
uint32_t digit_of(const uint32_t* counts, int64_t& rank) {
  uint32_t digit = 0;
  while (rank >= int64_t(counts[digit])) rank -= counts[digit++];
  return digit;
}

/* The place of that rank, digit by digit of all elements: what needs no memory. */
template <class T>
int64_t place_by_passes(const T* x, int64_t n, int64_t rank) {
  using K = Key<T>;
  K prefix = 0;
  for (int left = int(sizeof(K)) * 8; left > 0;) {
    const int bits = std::min(left, kDigit);
    const bool first = left == int(sizeof(K)) * 8;
    const K mask = (K(1) << bits) - 1;
    uint32_t counts[1 << kDigit] = {};
    for (int64_t i = 0; i < n; ++i) {
      const K key = key_of(x[i], false);
      if (first || key >> left == prefix) ++counts[(key >> (left - bits)) & mask];
    }
    prefix = (first ? 0 : prefix << bits) | digit_of(counts, rank);
    left -= bits;
  }
  for (int64_t i = 0;; ++i)
    if (key_of(x[i], false) == prefix && rank-- == 0) return i;
}

/* The place of that rank in stable order. */
template <class T>
int64_t place_of(const T* x, int64_t n, Rank which, int64_t k) {
  using K = Key<T>;
  constexpr int kBits = int(sizeof(K)) * 8;
  uint32_t counts[1 << kDigit] = {};
  int64_t nans = 0;
  for (int64_t i = 0; i < n; ++i) {
    ++counts[key_of(x[i], false) >> (kBits - kDigit)];
    if constexpr (std::is_floating_point_v<T>) nans += x[i] != x[i];
  }
  int64_t rank = rank_of(which, k, n, n - nans);
  uint32_t digit = digit_of(counts, rank);
  int64_t m = counts[digit];
  Pair<K>* held = static_cast<Pair<K>*>(thread_scratch(2, size_t(m) * sizeof(Pair<K>)));
  if (!held) return place_by_passes(x, n, rank_of(which, k, n, n - nans));
  for (int64_t i = 0, at = 0; at < m; ++i) {
    const K key = key_of(x[i], false);
    if (key >> (kBits - kDigit) == digit) held[at++] = {key, K(i)};
  }
  for (int left = kBits - kDigit; left > 0 && m > kFew;) {
    const int bits = std::min(left, kDigit);
    left -= bits;
    const K mask = (K(1) << bits) - 1;
    std::fill_n(counts, mask + 1, 0u);
    for (int64_t i = 0; i < m; ++i) ++counts[(held[i].key >> left) & mask];
    digit = digit_of(counts, rank);
    int64_t at = 0;
    for (int64_t i = 0; i < m; ++i)
      if (((held[i].key >> left) & mask) == digit) held[at++] = held[i];
    m = at;
  }
  if (m <= kFew)
    std::nth_element(held, held + rank, held + m, [](const Pair<K>& p, const Pair<K>& q) {
      return p.key != q.key ? p.key < q.key : p.index < q.index;
    });
  return int64_t(held[rank].index);  // of more than a few all keys are equal
}

template <Rank R>
vd_status make(Device&, const vd_call& call, std::unique_ptr<Kernel>& kernel, vd_err* err) {
  const DType t = call.n_inputs ? in_type(call, 0) : DType::Unknown;
  if (!arity(call, 1, 2) || out_type(call) != t || out_type(call, 1) != DType::I64)
    return unsupported(call, err, "it takes one tensor and gives values and int64 indices");
  const vd_tensor& x = call.inputs[0];
  const int dim = x.ndim ? dim_attr(call, x) : 0;
  const int64_t n = x.ndim && dim >= 0 ? x.shape[dim] : 1;
  const int64_t k = R == Rank::Kth ? sdk::attr_int(call, "k", 0) - 1 : 0;
  if (n < 1 || n > int64_t(UINT32_MAX) || k < 0 || k >= n)
    return unsupported(call, err, "it takes one to 2^32 - 1 elements, and a rank among them");
  LineSpec spec;
  spec.cost = 4;
  spec.single = true;
  auto set = [&](auto zero) {
    using T = decltype(zero);
    spec.fn = [k](const Simd*, const void* const* in, void* const* out, int64_t length) {
      const T* from = static_cast<const T*>(in[0]);
      const int64_t at = place_of(from, length, R, k);
      *static_cast<T*>(out[0]) = from[at];
      *static_cast<int64_t*>(out[1]) = at;
    };
  };
  if (t == DType::F32 || sdk::is_half(t)) {
    set(float{});
  } else if (t == DType::F64) {
    set(double{});
  } else if (!with_int(t, set)) {
    return unsupported(call, err, "it takes real numbers");
  }
  return make_lines(call, dim, std::move(spec), kernel, err);
}

}  // namespace

void add_select(sdk::Table<Make>& table) {
  table.add("median", make<Rank::Median>);
  table.add("nanmedian", make<Rank::NanMedian>);
  table.add("kthvalue", make<Rank::Kth>);
}

}  // namespace vob
