#include "moving/copy.h"

#include <algorithm>
#include <memory>

namespace vob {
namespace {

constexpr int64_t kTileRows = 256, kTileCols = 64;  // of a transpose: 64 KiB of float32
constexpr int64_t kStreamBytes = 24 << 20;

}  // namespace

CopyPlan::CopyPlan(int ndim, const int64_t* shape, const int64_t* dst_stride,
                   const int64_t* src_stride, int bytes)
    : bytes_(bytes) {
  numel_ = 1;
  for (int i = 0; i < ndim; ++i) {
    numel_ *= shape[i];
    if (shape[i] != 1) dim_[nd_++] = {shape[i], dst_stride[i], src_stride[i]};
  }
  if (numel_ == 0) return;
  // In the order of the result's memory, then neighbours merged where both sides allow it.
  std::stable_sort(dim_, dim_ + nd_,
                   [](const Dim& a, const Dim& b) { return std::abs(a.dst) > std::abs(b.dst); });
  int m = 0;
  for (int i = 0; i < nd_; ++i) {
    Dim& d = dim_[i];
    if (m && dim_[m - 1].dst == d.dst * d.size && dim_[m - 1].src == d.src * d.size) {
      dim_[m - 1] = {dim_[m - 1].size * d.size, d.dst, d.src};
    } else {
      dim_[m++] = d;
    }
  }
  nd_ = m;
  if (nd_ == 0) dim_[nd_++] = {1, 1, 1};
  const Dim inner = dim_[nd_ - 1];
  kind_ = Kind::Strided;
  if (inner.dst == 1 && inner.src == 1) {
    kind_ = nd_ == 1 ? Kind::Whole : Kind::Runs;
  } else if (inner.dst == 1 && inner.src != 0) {
    for (int i = 0; i < nd_ - 1; ++i) {
      if (dim_[i].src != 1 || dim_[i].size < 4 || inner.size < 4) continue;
      std::rotate(dim_ + i, dim_ + i + 1, dim_ + nd_ - 1);  // next to the innermost
      kind_ = Kind::Transpose;
      break;
    }
  }
  share_out();
}

constexpr int64_t kShortRow = 16;  // elements: finding the place of a row costs as much

void CopyPlan::share_out() {
  const Dim inner = dim_[nd_ - 1];
  const int64_t outer = numel_ / inner.size;
  switch (kind_) {
    case Kind::Empty:
      return;
    case Kind::Whole:
      units_ = numel_ * bytes_, cost_ = 0.125, align_ = 4096;
      return;
    case Kind::Runs:
      units_ = outer, cost_ = double(inner.size * bytes_) / 8 + 4;
      return;
    case Kind::Transpose: {
      const Dim row = dim_[nd_ - 2];
      const int64_t tiles =
          ((row.size + kTileRows - 1) / kTileRows) * ((inner.size + kTileCols - 1) / kTileCols);
      units_ = numel_ / (row.size * inner.size) * tiles;
      cost_ = double(std::min(row.size, kTileRows) * std::min(inner.size, kTileCols));
      return;
    }
    case Kind::Strided:
      if (nd_ == 1) {
        units_ = inner.size, align_ = 256;
      } else if (inner.size < kShortRow) {  // two dims at a time
        units_ = outer / dim_[nd_ - 2].size;
        cost_ = double(inner.size * dim_[nd_ - 2].size) + 4;
      } else {
        units_ = outer, cost_ = double(inner.size) + 4;
      }
  }
}

/* Element offsets of the unit-th place in the walk through the first `dims` dims. */
void CopyPlan::offsets(int64_t unit, int dims, int64_t& dst, int64_t& src) const {
  dst = src = 0;
  for (int d = dims - 1; d >= 0; --d) {
    int64_t i = unit % dim_[d].size;
    unit /= dim_[d].size;
    dst += i * dim_[d].dst;
    src += i * dim_[d].src;
  }
}

/* Bytes [begin, end) of one run. */
void CopyPlan::whole(const Simd* s, char* dst, const char* src, int64_t begin, int64_t end) const {
  const bool stream =
      numel_ * bytes_ >= kStreamBytes && (reinterpret_cast<uintptr_t>(dst + begin) & 63) == 0;
  const int64_t past = stream ? (end - begin) / 64 * 64 : 0;
  if (past) s->stream(dst + begin, src + begin, past), s->stream_end();
  s->move.rows(dst + begin + past, 0, src + begin + past, 0, end - begin - past, 1);
}

void CopyPlan::runs(const Simd* s, char* dst, const char* src, int64_t begin, int64_t end) const {
  const int64_t run = dim_[nd_ - 1].size * bytes_;
  const Dim line = dim_[nd_ - 2];  // so many runs at equal steps
  for (int64_t i = begin; i < end;) {
    int64_t to, from;
    offsets(i, nd_ - 1, to, from);
    const int64_t count = std::min(end - i, line.size - i % line.size);
    s->move.rows(dst + to * bytes_, line.dst * bytes_, src + from * bytes_, line.src * bytes_, run,
                 count);
    i += count;
  }
}

void CopyPlan::strided(const Simd* s, char* dst, const char* src, int64_t begin,
                       int64_t end) const {
  const Dim inner = dim_[nd_ - 1];
  with_size(bytes_, [&](auto zero) {
    using T = decltype(zero);
    auto row = [&](T* to, const T* from, int64_t n) {
      if (inner.src == 0) {
        T v = *from;
        for (int64_t i = 0; i < n; ++i) to[i * inner.dst] = v;
      } else if (inner.dst == 1 && inner.src == -1 && sizeof(T) <= 8) {
        s->move.reversed[sizeof(T) == 8 ? 3 : sizeof(T) / 2](to, from - (n - 1), n);
      } else if (inner.dst == 1) {
        for (int64_t i = 0; i < n; ++i) to[i] = from[i * inner.src];
      } else {
        for (int64_t i = 0; i < n; ++i) to[i * inner.dst] = from[i * inner.src];
      }
    };
    T* to = reinterpret_cast<T*>(dst);
    const T* from = reinterpret_cast<const T*>(src);
    if (nd_ == 1) return row(to + begin * inner.dst, from + begin * inner.src, end - begin);
    int64_t x, y;
    if (inner.size >= kShortRow) {
      for (int64_t i = begin; i < end; ++i) {
        offsets(i, nd_ - 1, x, y);
        row(to + x, from + y, inner.size);
      }
      return;
    }
    const Dim mid = dim_[nd_ - 2];
    for (int64_t i = begin; i < end; ++i) {
      offsets(i, nd_ - 2, x, y);
      T* p = to + x;
      const T* q = from + y;
      if (inner.size == 2 && inner.dst == 1 && inner.src == 0 && mid.dst == 2 && mid.src == 1) {
        for (int64_t j = 0; j < mid.size; ++j) p[2 * j] = p[2 * j + 1] = q[j];
      } else {
        for (int64_t j = 0; j < mid.size; ++j) row(p + j * mid.dst, q + j * mid.src, inner.size);
      }
    }
  });
}

typedef uint16_t Eight __attribute__((vector_size(16)));
typedef uint16_t EightLoose __attribute__((vector_size(16), aligned(2), may_alias));

/* Eight rows of eight 16-bit words: rounds of interleaving words, pairs and fours. */
inline void transpose8(uint16_t* q, int64_t ldq, const uint16_t* p, int64_t ldp) {
  Eight r[8], t[8];
  for (int i = 0; i < 8; ++i) r[i] = *reinterpret_cast<const EightLoose*>(p + i * ldp);
  const Eight low{0, 8, 1, 9, 2, 10, 3, 11}, high{4, 12, 5, 13, 6, 14, 7, 15};
  auto round = [&](Eight* to, const Eight* from) {  // row i meets row i + 4
    for (int i = 0; i < 4; ++i) {
      to[2 * i] = __builtin_shuffle(from[i], from[i + 4], low);
      to[2 * i + 1] = __builtin_shuffle(from[i], from[i + 4], high);
    }
  };
  round(t, r), round(r, t), round(t, r);
  for (int i = 0; i < 8; ++i) *reinterpret_cast<EightLoose*>(q + i * ldq) = t[i];
}

/* A block of at most 16 x 16: q's rows lie along c, p's along r. */
template <class T>
void transpose_block(const Simd* s, T* q, int64_t ldq, const T* p, int64_t ldp, int64_t rows,
                     int64_t cols, bool stream) {
  if constexpr (sizeof(T) == 4) {
    if (rows == 16 && cols == 16) {
      s->transpose16(reinterpret_cast<uint32_t*>(q), ldq, reinterpret_cast<const uint32_t*>(p), ldp,
                     stream);
      return;
    }
  }
  if constexpr (sizeof(T) == 2) {
    if (rows == 16 && cols == 16) {
      for (int r = 0; r < 16; r += 8)
        for (int c = 0; c < 16; c += 8) transpose8(q + r * ldq + c, ldq, p + r + c * ldp, ldp);
      return;
    }
  }
  for (int64_t r = 0; r < rows; ++r)
    for (int64_t c = 0; c < cols; ++c) q[r * ldq + c] = p[r + c * ldp];
}

void CopyPlan::transpose(const Simd* s, char* dst, const char* src, int64_t begin,
                         int64_t end) const {
  const Dim row = dim_[nd_ - 2], col = dim_[nd_ - 1];  // row.src == 1, col.dst == 1
  const int64_t rows = (row.size + kTileRows - 1) / kTileRows;
  const int64_t cols = (col.size + kTileCols - 1) / kTileCols;
  bool aligned = (reinterpret_cast<uintptr_t>(dst) & 63) == 0;
  for (int i = 0; i < nd_ - 1; ++i) aligned &= dim_[i].dst * bytes_ % 64 == 0;
  const bool stream = aligned && numel_ * bytes_ >= kStreamBytes;
  with_size(bytes_, [&](auto zero) {
    using T = decltype(zero);
    for (int64_t u = begin; u < end; ++u) {
      int64_t to, from;
      offsets(u / (rows * cols), nd_ - 2, to, from);
      T* q = reinterpret_cast<T*>(dst) + to;
      const T* p = reinterpret_cast<const T*>(src) + from;
      const int64_t r0 = u / cols % rows * kTileRows, r1 = std::min(r0 + kTileRows, row.size);
      const int64_t c0 = u % cols * kTileCols, c1 = std::min(c0 + kTileCols, col.size);
      for (int64_t c = c0; c < c1; c += 16)
        for (int64_t r = r0; r < r1; r += 16)  // along the rows of p: they are prefetched
          transpose_block(s, q + r * row.dst + c, row.dst, p + r + c * col.src, col.src,
                          std::min<int64_t>(16, r1 - r), std::min<int64_t>(16, c1 - c), stream);
    }
    if (stream) s->stream_end();
  });
}

void CopyPlan::part(const Simd* s, void* dst, const void* src, int64_t begin, int64_t end) const {
  char* to = static_cast<char*>(dst);
  const char* from = static_cast<const char*>(src);
  switch (kind_) {
    case Kind::Empty:
      return;
    case Kind::Whole:
      return whole(s, to, from, begin, end);
    case Kind::Runs:
      return runs(s, to, from, begin, end);
    case Kind::Transpose:
      return transpose(s, to, from, begin, end);
    case Kind::Strided:
      return strided(s, to, from, begin, end);
  }
}

/* Of one side's bytes: the first, and one past the last, from where its first element lies. */
template <class Step>
void CopyPlan::extent(Step&& step, int64_t& low, int64_t& high) const {
  low = 0, high = bytes_;
  for (int i = 0; i < nd_; ++i) {
    const int64_t reach = (dim_[i].size - 1) * step(dim_[i]) * bytes_;
    (reach < 0 ? low : high) += reach;
  }
}

/* Do they share memory otherwise than element by element? */
bool CopyPlan::overlaps(const char* dst, const char* src) const {
  int64_t to, to_end, from, from_end;
  extent([](const Dim& d) { return d.dst; }, to, to_end);
  extent([](const Dim& d) { return d.src; }, from, from_end);
  if (numel_ == 0 || dst + to >= src + from_end || src + from >= dst + to_end) return false;
  bool same = dst == src;
  for (int i = 0; i < nd_; ++i) same = same && dim_[i].dst == dim_[i].src;
  return !same;
}

void CopyPlan::run(Device& d, void* dst, const void* src) const {
  if (overlaps(static_cast<const char*>(dst), static_cast<const char*>(src))) {
    int64_t size[VD_MAX_NDIM + 1], to[VD_MAX_NDIM + 1], from[VD_MAX_NDIM + 1],
        dense[VD_MAX_NDIM + 1];
    for (int64_t i = nd_ - 1, step = 1; i >= 0; step *= size[i--]) {
      size[i] = dim_[i].size, to[i] = dim_[i].dst, from[i] = dim_[i].src;
      dense[i] = step;
    }
    // of the source as it is now
    const std::unique_ptr<char[]> kept(new char[size_t(numel_ * bytes_)]);
    CopyPlan(nd_, size, dense, from, bytes_).run(d, kept.get(), src);
    CopyPlan(nd_, size, to, dense, bytes_).run(d, dst, kept.get());
    return;
  }
  d.pool.ranges(units_, cost_, align_, [&](int64_t b, int64_t e) { part(d.simd, dst, src, b, e); });
}

}  // namespace vob
