// `sort` along a dim, stable, with indices: keys are mapped to unsigned integers in whose order
// NaN comes last, then sorted by radix, or by comparison when the line is short.
#include <algorithm>

#include "rows/order.h"

namespace vob {
namespace {

/* By 8-bit digits from the lowest; digits that are all equal are skipped. */
template <class K>
Pair<K>* radix_sort(Pair<K>* a, Pair<K>* b, int64_t n) {
  constexpr int kDigits = int(sizeof(K));
  static thread_local int64_t count[kDigits][256];
  std::memset(count, 0, sizeof count);
  for (int64_t i = 0; i < n; ++i)
    for (int d = 0; d < kDigits; ++d) ++count[d][(a[i].key >> (8 * d)) & 255];
  for (int d = 0; d < kDigits; ++d) {
    int64_t* c = count[d];
    if (c[(a[0].key >> (8 * d)) & 255] == n) continue;
    int64_t at = 0;
    for (int i = 0; i < 256; ++i) {
      int64_t here = c[i];
      c[i] = at;
      at += here;
    }
    for (int64_t i = 0; i < n; ++i) b[c[(a[i].key >> (8 * d)) & 255]++] = a[i];
    std::swap(a, b);
  }
  return a;
}

template <class T>
void sort_line(const T* x, T* y, int64_t* index, int64_t n, bool descending) {
  using K = Key<T>;
  Pair<K>* a = nullptr;
  if (uint64_t(n) <= ~K(0))
    a = static_cast<Pair<K>*>(thread_scratch(2, size_t(n) * sizeof(Pair<K>) * 2));
  if (!a) {  // no memory for pairs, or a line too long for them: sort the indices alone
    for (int64_t i = 0; i < n; ++i) index[i] = i;
    std::stable_sort(index, index + n, [&](int64_t i, int64_t j) {
      return key_of(x[i], descending) < key_of(x[j], descending);
    });
  } else {
    for (int64_t i = 0; i < n; ++i) a[i] = {key_of(x[i], descending), K(i)};
    if (n < 256) {
      std::sort(a, a + n, [](const Pair<K>& p, const Pair<K>& q) {
        return p.key != q.key ? p.key < q.key : p.index < q.index;
      });
    } else {
      a = radix_sort(a, a + n, n);
    }
    for (int64_t i = 0; i < n; ++i) index[i] = int64_t(a[i].index);
  }
  for (int64_t i = 0; i < n; ++i) y[i] = x[index[i]];
}

vd_status make(Device&, const vd_call& call, std::unique_ptr<Kernel>& kernel, vd_err* err) {
  const DType t = in_type(call, 0);
  if (!arity(call, 1, 2) || out_type(call) != t || out_type(call, 1) != DType::I64)
    return unsupported(call, err, "it takes one tensor and gives values and int64 indices");
  const bool descending = sdk::attr_int(call, "descending", 0) != 0;
  LineSpec spec;
  spec.cost = 16;
  auto set = [&](auto zero) {
    using T = decltype(zero);
    spec.fn = [descending](const Simd*, const void* const* in, void* const* out, int64_t n) {
      sort_line(static_cast<const T*>(in[0]), static_cast<T*>(out[0]),
                static_cast<int64_t*>(out[1]), n, descending);
    };
  };
  if (t == DType::F32 || sdk::is_half(t)) {
    set(float{});
  } else if (t == DType::F64) {
    set(double{});
  } else if (t == DType::Bool) {
    set(uint8_t{});
  } else if (!with_int(t, set)) {
    return unsupported(call, err, "complex numbers have no order");
  }
  int dim = call.inputs[0].ndim ? dim_attr(call, call.inputs[0]) : 0;
  return make_lines(call, dim, std::move(spec), kernel, err);
}

}  // namespace

void add_sort(sdk::Table<Make>& table) {
  table.add("sort", make);
  add_select(table);
}

}  // namespace vob
