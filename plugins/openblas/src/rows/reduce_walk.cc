#include <algorithm>

#include "base/lines.h"
#include "rows/reduce.h"

namespace vob {

Reduce::Reduce(const ReduceShape& s, DType type, const ReduceLoops& loops, Row half_row)
    : Kernel(kStrided | kPreferred),
      s_(s),
      type_(type),
      f_(loops),
      row_(loops.row),
      bytes_(sdk::size_of(type)),
      half_(sdk::is_half(type)) {
  const Layout &k = s.kept, &r = s.reduced;
  const bool run_kept = k.nd && k.stride[k.nd - 1] == 1 && k.size[k.nd - 1] >= 4;
  const bool run_reduced = r.nd && r.stride[r.nd - 1] == 1;
  columns_ = run_kept && !run_reduced;
  runs_ = run_reduced && r.size[r.nd - 1] >= 16;
  if (half_row && runs_ && !columns_) {
    row_ = half_row;
    half_ = false;
  }
  // Long reductions to few results are cut into pieces of a fixed size, joined in order: the
  // result does not depend on the number of threads.
  const int64_t units = columns_ ? s.k / lanes() * blocks() : s.k;
  if (units < 16 && s.k * s.r >= 65536) {
    const int64_t per = std::max<int64_t>(1, 32768 / std::max<int64_t>(1, columns_ ? s.k : 1));
    pieces_ = std::clamp<int64_t>((s.r + per - 1) / per, 1, 64);
  }
}

vd_status Reduce::run(Device& d, const vd_call& call, vd_err* err) {
  char* out = out_ptr<char>(call);
  const char* x = in_ptr<char>(call, 0);
  const Simd* simd = d.simd;
  if (pieces_ == 1) {
    const double cost = double(s_.r) + 2;
    if (!columns_) {
      d.pool.ranges(s_.k, cost, 1, [&](int64_t b, int64_t e) { rows(simd, x, out, b, e); });
    } else {
      d.pool.ranges(s_.k / lanes() * blocks(), cost * double(std::min(lanes(), kColumns)), 1,
                    [&](int64_t b, int64_t e) { column_blocks(simd, x, out, b, e); });
    }
    return VD_OK;
  }
  const int64_t size = f_.acc_bytes;
  char* partial = static_cast<char*>(d.scratch.get(size_t(pieces_ * s_.k * size)));
  if (!partial) return fail(err, VD_OOM, "%s: no memory for partial results", call.op);
  const int64_t step = (s_.r + pieces_ - 1) / pieces_;
  d.pool.each(pieces_, [&](int64_t p) {
    const int64_t r0 = std::min(p * step, s_.r), r1 = std::min(r0 + step, s_.r);
    char* acc = partial + p * s_.k * size;
    f_.start(acc, s_.k);
    if (columns_) {
      for (int64_t i = 0; i < s_.k; i += lanes())
        for (int64_t c = 0; c < lanes(); c += kColumns)
          columns(simd, x, i + c, std::min(kColumns, lanes() - c), r0, r1, acc + (i + c) * size);
    } else {
      for (int64_t i = 0; i < s_.k; ++i) row(simd, x, i, r0, r1, acc + i * size);
    }
  });
  for (int64_t p = 1; p < pieces_; ++p) f_.join(partial, partial + p * s_.k * size, s_.k);
  write(simd, out, 0, partial, s_.k);
  return VD_OK;
}

void Reduce::rows(const Simd* s, const char* x, char* out, int64_t begin, int64_t end) const {
  alignas(64) char acc[kRows * kAccBytes];
  for (int64_t k = begin; k < end; k += kRows) {
    const int64_t n = std::min(kRows, end - k);
    f_.start(acc, n);
    for (int64_t i = 0; i < n; ++i) row(s, x, k + i, 0, s_.r, acc + i * f_.acc_bytes);
    write(s, out, k, acc, n);
  }
}

/* Result k, of elements [r0, r1) of what is reduced. */
void Reduce::row(const Simd* s, const char* x, int64_t k, int64_t r0, int64_t r1, void* acc) const {
  const Layout& l = s_.reduced;
  x += s_.kept.at(k) * bytes_;
  if (l.nd == 0) {
    alignas(16) char one[kAccBytes];
    if (r1 > r0) f_.row(acc, half_ ? widened(s, x, 1, one) : x, 1);
    return;
  }
  alignas(64) char buf[kRun * 16];
  for (int64_t at = r0; at < r1;) {
    int64_t n = r1 - at;
    if (runs_) n = std::min(n, l.size[l.nd - 1] - at % l.size[l.nd - 1]);
    if (!runs_ || half_) n = std::min(n, kRun);
    row_(acc, elements(s, x, at, n, buf), n);
    at += n;
  }
}

const void* Reduce::elements(const Simd* s, const char* x, int64_t begin, int64_t n,
                             void* buf) const {
  const Layout& l = s_.reduced;
  const void* from = x + l.at(begin) * bytes_;
  alignas(64) uint16_t halves[kRun];
  if (!runs_) {
    from = half_ ? static_cast<void*>(halves) : buf;
    gather(l, bytes_, x, begin, n, const_cast<void*>(from));
  }
  return half_ ? widened(s, from, n, buf) : from;
}

const void* Reduce::widened(const Simd* s, const void* halves, int64_t n, void* buf) const {
  to_float(s, type_, static_cast<float*>(buf), halves, n);
  return buf;
}

void Reduce::column_blocks(const Simd* s, const char* x, char* out, int64_t begin,
                           int64_t end) const {
  alignas(64) char acc[kColumns * kAccBytes];
  for (int64_t u = begin; u < end; ++u) {
    const int64_t c = u % blocks() * kColumns, first = u / blocks() * lanes() + c;
    const int64_t n = std::min(kColumns, lanes() - c);
    f_.start(acc, n);
    columns(s, x, first, n, 0, s_.r, acc);
    write(s, out, first, acc, n);
  }
}

/* n neighbouring results from `first` on, which are neighbours in memory too. */
void Reduce::columns(const Simd* s, const char* x, int64_t first, int64_t n, int64_t r0, int64_t r1,
                     void* acc) const {
  const Layout& l = s_.reduced;
  x += s_.kept.at(first) * bytes_;
  const int64_t inner = l.nd ? l.size[l.nd - 1] : 1, stride = l.nd ? l.stride[l.nd - 1] : 0;
  for (int64_t r = r0; r < r1;) {
    if (half_) {
      alignas(64) float buf[kColumns];
      f_.columns(acc, widened(s, x + l.at(r) * bytes_, n, buf), n, 1, 0);
      ++r;
      continue;
    }
    const int64_t rows = std::min(r1 - r, inner - r % inner);
    f_.columns(acc, x + l.at(r) * bytes_, n, rows, stride);
    r += rows;
  }
}

void Reduce::write(const Simd* s, char* out, int64_t first, const void* acc, int64_t n) const {
  if (!sdk::is_half(type_)) return f_.finish(out + first * bytes_, acc, n);
  alignas(64) float wide[kColumns];
  for (int64_t i = 0; i < n; i += kColumns) {
    const int64_t m = std::min(kColumns, n - i);
    f_.finish(wide, static_cast<const char*>(acc) + i * f_.acc_bytes, m);
    from_float(s, type_, out + (first + i) * bytes_, wide, m);
  }
}

}  // namespace vob
