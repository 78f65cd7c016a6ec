#include "attention/attention.h"

#include <cmath>

namespace vob {

HeadRows HeadRows::of(const vd_tensor& t, bool flat) {
  HeadRows x;
  x.type = sdk::dtype_of(t.dtype);
  x.bytes = sdk::size_of(x.type);
  int d = t.ndim;
  if (!flat) {
    x.n = t.shape[--d];
    x.column = t.strides[d];
  }
  x.row = t.strides[--d];
  if (d > 0) x.head = t.strides[--d];
  for (int i = 0; i < d; ++i)
    if (t.shape[i] != 1) x.batch.push(t.shape[i], t.strides[i]);
  return x;
}

void HeadRows::get(const Simd* s, const char* from, float* to) const {
  const bool half = sdk::is_half(type);
  if (column == 1 || n == 1) {
    if (half)
      to_float(s, type, to, from, n);
    else
      std::memcpy(to, from, size_t(n) * 4);
    return;
  }
  for (int64_t j = 0; j < n; ++j, from += column * bytes)
    half ? to_float(s, type, to + j, from, 1) : void(std::memcpy(to + j, from, 4));
}

bool Attention::set(const vd_call& call, int q_at, int mask_at) {
  const vd_tensor &tq = call.inputs[q_at], &tk = call.inputs[q_at + 1], &tv = call.inputs[q_at + 2];
  const DType type = sdk::dtype_of(tq.dtype);
  if ((type != DType::F32 && !sdk::is_half(type)) || sdk::dtype_of(tk.dtype) != type ||
      sdk::dtype_of(tv.dtype) != type)
    return false;
  const int nd = tq.ndim;
  if (nd < 2 || tk.ndim != nd || tv.ndim != nd) return false;
  if (nd > 2) heads = tq.shape[nd - 3], key_heads = tk.shape[nd - 3];
  for (int i = 0; i < nd - 3; ++i) {
    if (tk.shape[i] != tq.shape[i] || tv.shape[i] != tq.shape[i]) return false;
    batches *= tq.shape[i];
  }
  queries = tq.shape[nd - 2], keys = tk.shape[nd - 2];
  depth = tq.shape[nd - 1], width = tv.shape[nd - 1];
  if (!batches || !heads || !key_heads || !queries || !keys || !depth || !width) return false;
  if (heads % key_heads || tk.shape[nd - 1] != depth || tv.shape[nd - 2] != keys ||
      (nd > 2 && tv.shape[nd - 3] != key_heads))
    return false;
  group = heads / key_heads;
  q = HeadRows::of(tq), k = HeadRows::of(tk), v = HeadRows::of(tv);
  out = HeadRows::of(call.outputs[0]);
  causal = sdk::attr_int(call, "causal", 0) != 0;
  window = sdk::attr_int(call, "window", 0);
  scale = float(sdk::attr_float(call, "scale", 1.0));
  const vd_tensor& m = call.inputs[mask_at];
  masked = !sdk::absent(m);
  if (!masked) return true;
  mask_type_ = sdk::dtype_of(m.dtype);
  if ((mask_type_ != DType::Bool && !sdk::is_float(mask_type_)) || m.ndim > nd) return false;
  auto stride = [&](int i) {  // of dim i, counted as in q
    const int d = i - (nd - m.ndim);
    return d < 0 || m.shape[d] == 1 ? 0 : m.strides[d];
  };
  mask_column_ = stride(nd - 1), mask_row_ = stride(nd - 2);
  if (nd > 2) mask_head_ = stride(nd - 3);
  for (int i = 0; i < nd - 3; ++i)
    if (tq.shape[i] != 1) mask_batch_.push(tq.shape[i], stride(i));
  return true;
}

double Attention::pairs() const {
  if (!causal && !window) return double(queries) * double(keys);
  double sum = 0;
  for (int64_t i = 0; i < queries; ++i) sum += double(std::max<int64_t>(0, high(i) - low(i)));
  return sum;
}

void Attention::mask_tile(const void* mask, int64_t b, int64_t h, int64_t i, int64_t rows,
                          int64_t j, int64_t n, float* to) const {
  const int bytes = sdk::size_of(mask_type_);
  const int64_t start = mask_batch_.at(b) + h * mask_head_ + j * mask_column_;
  auto fill = [&](auto value) {
    for (int64_t r = 0; r < rows; ++r, to += kAttentionLd) {
      if (i + r >= queries) {
        std::fill_n(to, n, 0.f);
        continue;
      }
      const char* p = static_cast<const char*>(mask) + (start + (i + r) * mask_row_) * bytes;
      for (int64_t x = 0; x < n; ++x) to[x] = value(p + x * mask_column_ * bytes);
    }
  };
  auto half = [](const char* p) {
    uint16_t bits;
    std::memcpy(&bits, p, 2);
    return bits;
  };
  switch (mask_type_) {
    case DType::Bool:
      fill([](const char* p) { return *p ? 0.f : -INFINITY; });
      break;
    case DType::F16:
      fill([&](const char* p) { return sdk::f16_to_float(half(p)) * kLog2e; });
      break;
    case DType::BF16:
      fill([&](const char* p) { return sdk::bf16_to_float(half(p)) * kLog2e; });
      break;
    case DType::F64:
      fill([](const char* p) { return float(*reinterpret_cast<const double*>(p)) * kLog2e; });
      break;
    default:
      fill([](const char* p) { return *reinterpret_cast<const float*>(p) * kLog2e; });
      break;
  }
}

KeySpan Attention::span(const void* mask, int64_t which) const {
  const int64_t i = which % queries, h = which / queries % span_heads();
  const int64_t b = which / queries / span_heads();
  KeySpan s{low(i), std::max(high(i), low(i)), true};
  if (!masked) return s;
  s.whole = false;
  if (mask_type_ != DType::Bool || mask_column_ != 1) return s;
  const char* p =
      static_cast<const char*>(mask) + mask_batch_.at(b) + h * mask_head_ + i * mask_row_;
  auto word = [&](int64_t at) {
    uint64_t eight;
    std::memcpy(&eight, p + at, 8);
    return eight;
  };
  while (s.first + 8 <= s.last && !word(s.first)) s.first += 8;
  while (s.first < s.last && !p[s.first]) ++s.first;
  while (s.first + 8 <= s.last && !word(s.last - 8)) s.last -= 8;
  while (s.first < s.last && !p[s.last - 1]) --s.last;
  s.whole = !std::memchr(p + s.first, 0, size_t(s.last - s.first));
  return s;
}

bool Attention::limits(AttentionTile& t, int64_t rows, int64_t columns, int64_t i0, int64_t k0,
                       int64_t n, int64_t* edges) const {
  int64_t least = n, most = 0;
  bool cut = false;
  for (int64_t r = 0; r < rows; ++r) {
    const int64_t i = std::min(i0 + r, queries - 1);
    int64_t a = std::clamp<int64_t>(low(i) - k0, 0, n), b = std::clamp<int64_t>(high(i) - k0, a, n);
    edges[r] = a, edges[rows + r] = b;
    if (a < b) least = std::min(least, a), most = std::max(most, b);
  }
  if (least >= most) return false;
  t.first = least / columns * columns;
  t.last = round_up(most, columns);
  for (int64_t r = 0; r < rows; ++r) cut |= edges[r] > t.first || edges[rows + r] < t.last;
  t.low = cut ? edges : nullptr;
  t.high = cut ? edges + rows : nullptr;
  return true;
}

}  // namespace vob
