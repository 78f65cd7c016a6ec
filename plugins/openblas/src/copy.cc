#include "copy.h"

#include <algorithm>

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
    kind_ = Kind::Runs;
  } else if (inner.dst == 1 && inner.src != 0) {
    for (int i = 0; i < nd_ - 1; ++i) {
      if (dim_[i].src != 1 || dim_[i].size < 4 || inner.size < 4) continue;
      std::rotate(dim_ + i, dim_ + i + 1, dim_ + nd_ - 1);  // next to the innermost
      kind_ = Kind::Transpose;
      break;
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

void CopyPlan::runs(Device& d, char* dst, const char* src) const {
  const int64_t run = dim_[nd_ - 1].size * bytes_, outer = numel_ / dim_[nd_ - 1].size;
  if (outer == 1) {
    const bool stream = run >= kStreamBytes && (reinterpret_cast<uintptr_t>(dst) & 63) == 0;
    d.pool.ranges(run, 0.125, 4096, [&](int64_t b, int64_t e) {
      int64_t whole = stream ? (e - b) / 64 * 64 : 0;
      if (whole) d.simd->stream(dst + b, src + b, whole), d.simd->stream_end();
      move_bytes(dst + b + whole, src + b + whole, e - b - whole);
    });
    return;
  }
  d.pool.ranges(outer, double(run) / 8 + 4, 1, [&](int64_t b, int64_t e) {
    int64_t to, from, index[VD_MAX_NDIM], rest = b;
    offsets(b, nd_ - 1, to, from);
    for (int k = nd_ - 2; k >= 0; --k) {
      index[k] = rest % dim_[k].size;
      rest /= dim_[k].size;
    }
    for (int64_t i = b; i < e; ++i) {
      move_bytes(dst + to * bytes_, src + from * bytes_, run);
      for (int k = nd_ - 2; k >= 0; --k) {  // counted on: divisions cost as much as a short run
        to += dim_[k].dst, from += dim_[k].src;
        if (++index[k] < dim_[k].size) break;
        to -= dim_[k].size * dim_[k].dst, from -= dim_[k].size * dim_[k].src;
        index[k] = 0;
      }
    }
  });
}

constexpr int64_t kShortRow = 16;  // elements: finding the place of a row costs as much

void CopyPlan::strided(Device& d, char* dst, const char* src) const {
  const Dim inner = dim_[nd_ - 1];
  const int64_t outer = numel_ / inner.size;
  with_size(bytes_, [&](auto zero) {
    using T = decltype(zero);
    auto row = [&](T* to, const T* from, int64_t n) {
      if (inner.src == 0) {
        T v = *from;
        for (int64_t i = 0; i < n; ++i) to[i * inner.dst] = v;
      } else if (inner.dst == 1 && inner.src == -1) {
        for (int64_t i = 0; i < n; ++i) to[i] = from[-i];
      } else if (inner.dst == 1) {
        for (int64_t i = 0; i < n; ++i) to[i] = from[i * inner.src];
      } else {
        for (int64_t i = 0; i < n; ++i) to[i * inner.dst] = from[i * inner.src];
      }
    };
    T* to = reinterpret_cast<T*>(dst);
    const T* from = reinterpret_cast<const T*>(src);
    if (outer == 1) {
      d.pool.ranges(inner.size, 1, 256, [&](int64_t b, int64_t e) {
        row(to + b * inner.dst, from + b * inner.src, e - b);
      });
      return;
    }
    if (inner.size < kShortRow && nd_ > 1) {  // two dims at a time
      const Dim mid = dim_[nd_ - 2];
      auto plane = [&](T* p, const T* q) {
        if (inner.size == 2 && inner.dst == 1 && inner.src == 0 && mid.dst == 2 && mid.src == 1) {
          for (int64_t j = 0; j < mid.size; ++j) p[2 * j] = p[2 * j + 1] = q[j];
          return;
        }
        for (int64_t j = 0; j < mid.size; ++j) row(p + j * mid.dst, q + j * mid.src, inner.size);
      };
      d.pool.ranges(outer / mid.size, double(inner.size * mid.size) + 4, 1,
                    [&](int64_t b, int64_t e) {
                      for (int64_t i = b; i < e; ++i) {
                        int64_t x, y;
                        offsets(i, nd_ - 2, x, y);
                        plane(to + x, from + y);
                      }
                    });
      return;
    }
    d.pool.ranges(outer, double(inner.size) + 4, 1, [&](int64_t b, int64_t e) {
      for (int64_t i = b; i < e; ++i) {
        int64_t x, y;
        offsets(i, nd_ - 1, x, y);
        row(to + x, from + y, inner.size);
      }
    });
  });
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
  for (int64_t r = 0; r < rows; ++r)
    for (int64_t c = 0; c < cols; ++c) q[r * ldq + c] = p[r + c * ldp];
}

void CopyPlan::transpose(Device& d, char* dst, const char* src) const {
  const Dim row = dim_[nd_ - 2], col = dim_[nd_ - 1];  // row.src == 1, col.dst == 1
  const int64_t rows = (row.size + kTileRows - 1) / kTileRows;
  const int64_t cols = (col.size + kTileCols - 1) / kTileCols;
  const int64_t units = numel_ / (row.size * col.size) * rows * cols;
  const double cost = double(std::min(row.size, kTileRows) * std::min(col.size, kTileCols));
  bool aligned = (reinterpret_cast<uintptr_t>(dst) & 63) == 0;
  for (int i = 0; i < nd_ - 1; ++i) aligned &= dim_[i].dst * bytes_ % 64 == 0;
  const bool stream = aligned && numel_ * bytes_ >= kStreamBytes;
  with_size(bytes_, [&](auto zero) {
    using T = decltype(zero);
    d.pool.ranges(units, cost, 1, [&](int64_t b, int64_t e) {
      for (int64_t u = b; u < e; ++u) {
        int64_t to, from;
        offsets(u / (rows * cols), nd_ - 2, to, from);
        T* q = reinterpret_cast<T*>(dst) + to;
        const T* p = reinterpret_cast<const T*>(src) + from;
        const int64_t r0 = u / cols % rows * kTileRows, r1 = std::min(r0 + kTileRows, row.size);
        const int64_t c0 = u % cols * kTileCols, c1 = std::min(c0 + kTileCols, col.size);
        for (int64_t c = c0; c < c1; c += 16)
          for (int64_t r = r0; r < r1; r += 16)  // along the rows of p: they are prefetched
            transpose_block(d.simd, q + r * row.dst + c, row.dst, p + r + c * col.src, col.src,
                            std::min<int64_t>(16, r1 - r), std::min<int64_t>(16, c1 - c), stream);
      }
      if (stream) d.simd->stream_end();
    });
  });
}

void CopyPlan::run(Device& d, void* dst, const void* src) const {
  char* to = static_cast<char*>(dst);
  const char* from = static_cast<const char*>(src);
  switch (kind_) {
    case Kind::Empty:
      return;
    case Kind::Runs:
      return runs(d, to, from);
    case Kind::Transpose:
      return transpose(d, to, from);
    case Kind::Strided:
      return strided(d, to, from);
  }
}

namespace {

vd_status make_copy(Device&, const vd_call& call, std::unique_ptr<Kernel>& kernel, vd_err* err) {
  if (!arity(call, 1, 1) || in_type(call, 0) != out_type(call) ||
      !sdk::same_shape(call.inputs[0], call.outputs[0]))
    return fail(err, VD_INVALID, "copy takes a tensor to another of the same shape and dtype");
  const vd_tensor &x = call.inputs[0], &y = call.outputs[0];
  CopyPlan plan(x.ndim, x.shape, y.strides, x.strides, sdk::size_of(in_type(call, 0)));
  return answer(kernel, kStrided, [plan](Device& d, const vd_call& c, vd_err*) {
    plan.run(d, out_ptr<char>(c), in_ptr<char>(c, 0));
    return VD_OK;
  });
}

/* complex [...] <-> real [..., 2]: the same bytes. */
template <bool ToReal>
vd_status make_view(Device&, const vd_call& call, std::unique_ptr<Kernel>& kernel, vd_err* err) {
  if (!arity(call, 1, 1)) return fail(err, VD_INVALID, "%s takes 1 input", call.op);
  const vd_tensor &x = call.inputs[0], &y = call.outputs[0];
  int bytes = sdk::size_of(out_type(call));
  int64_t n = sdk::numel(y);
  if (!sdk::is_complex(ToReal ? in_type(call, 0) : out_type(call)) ||
      sdk::numel(x) * sdk::size_of(in_type(call, 0)) != n * bytes)
    return unsupported(call, err, "it turns complex [...] into real [..., 2] or back");
  const int64_t one = 1;
  CopyPlan plan(1, &n, &one, &one, bytes);
  return answer(kernel, 0, [plan](Device& d, const vd_call& c, vd_err*) {
    plan.run(d, out_ptr<char>(c), in_ptr<char>(c, 0));
    return VD_OK;
  });
}

struct CatPart {
  CopyPlan plan;
  int64_t offset;  // bytes into the output
};

vd_status make_cat(Device&, const vd_call& call, std::unique_ptr<Kernel>& kernel, vd_err* err) {
  if (call.n_inputs < 1 || call.n_outputs != 1)
    return fail(err, VD_INVALID, "cat takes one tensor or more");
  const vd_tensor& y = call.outputs[0];
  int dim = dim_attr(call, y);
  if (dim < 0) return fail(err, VD_INVALID, "cat needs dim in [0, %d)", y.ndim);
  const int bytes = sdk::size_of(out_type(call));
  int64_t stride[VD_MAX_NDIM], s = 1, at = 0;
  for (int i = y.ndim - 1; i >= 0; --i) {
    stride[i] = s;
    s *= y.shape[i];
  }
  std::vector<CatPart> parts;
  for (int i = 0; i < call.n_inputs; ++i) {
    const vd_tensor& x = call.inputs[i];
    if (x.ndim != y.ndim || in_type(call, i) != out_type(call))
      return fail(err, VD_INVALID, "cat: input %d differs in rank or dtype", i);
    parts.push_back(
        {CopyPlan(x.ndim, x.shape, stride, x.strides, bytes), at * stride[dim] * bytes});
    at += x.shape[dim];
  }
  return answer(kernel, kStrided, [parts](Device& d, const vd_call& c, vd_err*) {
    for (size_t i = 0; i < parts.size(); ++i)
      parts[i].plan.run(d, out_ptr<char>(c) + parts[i].offset, in_ptr<char>(c, int(i)));
    return VD_OK;
  });
}

}  // namespace

void add_copy(sdk::Table<Make>& table) {
  table.add("copy", make_copy);
  table.add("cat", make_cat);
  table.add("real_view", make_view<true>);
  table.add("complex_view", make_view<false>);
}

}  // namespace vob
