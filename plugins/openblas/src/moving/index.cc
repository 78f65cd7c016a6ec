// gather, index_select, embedding.
#include "moving/index.h"

#include <algorithm>

#include "moving/copy.h"

namespace vob {

vd_status IndexReader::read(Device& d, const vd_call& call, int input, int64_t limit,
                            const int64_t** index, vd_err* err, const int64_t* allow,
                            size_t reserve) const {
  const void* base = sdk::data(call.inputs[input]);
  const int64_t* in = static_cast<const int64_t*>(base);
  int64_t* own = nullptr;
  if (type_ != DType::I64 || !layout_.dense()) {
    char* mem = static_cast<char*>(d.scratch.get(reserve + size_t(n_) * 8 + 64));
    if (!mem) return fail(err, VD_OOM, "%s: no memory for %lld indices", call.op, (long long)n_);
    own = reinterpret_cast<int64_t*>(mem + (reserve + 63) / 64 * 64);
    in = own;
  }
  std::atomic<bool> bad{false};
  d.pool.ranges(n_, 1, 512, [&](int64_t b, int64_t e) {
    if (own && type_ == DType::I64) gather(layout_, 8, base, b, e - b, own + b);
    if (own && type_ == DType::I32) {
      int32_t narrow[512];
      for (int64_t at = b; at < e; at += 512) {
        int64_t count = std::min<int64_t>(512, e - at);
        gather(layout_, 4, base, at, count, narrow);
        for (int64_t i = 0; i < count; ++i) own[at + i] = narrow[i];
      }
    }
    if (d.simd->move.outside(in + b, e - b, limit) >= 0) return;
    for (int64_t i = b; i < e; ++i)
      if (uint64_t(in[i]) >= uint64_t(limit) && (!allow || in[i] != *allow))
        bad.store(true, std::memory_order_relaxed);
  });
  if (bad) {
    for (int64_t i = 0; i < n_; ++i)
      if (uint64_t(in[i]) >= uint64_t(limit) && (!allow || in[i] != *allow))
        return fail(err, VD_INVALID, "%s: index %lld is out of range for size %lld", call.op,
                    (long long)in[i], (long long)limit);
  }
  *index = in;
  return VD_OK;
}

namespace {

/* to[j] = from[at[j]], eight loads under way before the first is stored: as fast as the CPU loads,
 * which a loop of one at a time is not. */
template <class T>
void pick(T* to, const T* from, const int64_t* at, int64_t n) {
  int64_t j = 0;
  for (; j + 8 <= n; j += 8) {
    T v[8];
#pragma GCC unroll 8
    for (int k = 0; k < 8; ++k) v[k] = from[at[j + k]];
#pragma GCC unroll 8
    for (int k = 0; k < 8; ++k) to[j + k] = v[k];
  }
  for (; j < n; ++j) to[j] = from[at[j]];
}

// ---- gather ------------------------------------------------------------------------------------

class Gather final : public Kernel {
 public:
  Gather(const vd_call& call, int dim) : Kernel(kStrided), index_(call.inputs[1]) {
    const vd_tensor &x = call.inputs[0], &y = call.outputs[0];
    bytes_ = sdk::size_of(in_type(call, 0));
    limit_ = x.shape[dim];
    along_ = x.strides[dim];
    last_ = y.ndim - 1;
    row_ = y.shape[last_];
    step_ = dim == last_ ? 0 : x.strides[last_];
    // the rows of the output: where each starts in x, `dim` left out
    for (int i = 0; i < last_; ++i) rows_.push(y.shape[i], i == dim ? 0 : x.strides[i]);
    n_ = sdk::numel(y);
  }
  vd_status run(Device& d, const vd_call& call, vd_err* err) override {
    const int64_t* index;
    if (vd_status s = index_.read(d, call, 1, limit_, &index, err)) return s;
    if (n_ == 0) return VD_OK;
    with_size(bytes_, [&](auto zero) {
      using T = decltype(zero);
      const T* x = in_ptr<T>(call, 0);
      T* y = out_ptr<T>(call);
      d.pool.ranges(n_ / row_, double(row_) * 2 + 8, 1, [&](int64_t b, int64_t e) {
        for (int64_t r = b; r < e; ++r) {
          const T* from = x + rows_.at(r);
          const int64_t* at = index + r * row_;
          T* to = y + r * row_;
          if (step_ == 0 && along_ == 1) {
            pick(to, from, at, row_);
          } else {
            for (int64_t j = 0; j < row_; ++j) to[j] = from[j * step_ + at[j] * along_];
          }
        }
      });
    });
    return VD_OK;
  }

 private:
  IndexReader index_;
  Layout rows_;
  int bytes_, last_;
  int64_t limit_, along_, row_, step_, n_;
};

vd_status make_gather(Device&, const vd_call& call, std::unique_ptr<Kernel>& kernel, vd_err* err) {
  if (!arity(call, 2, 1) || !IndexReader::knows(in_type(call, 1)))
    return unsupported(call, err, "gather takes a tensor and int64 or int32 indices");
  const vd_tensor &x = call.inputs[0], &index = call.inputs[1];
  int dim = dim_attr(call, x);
  if (dim < 0 || index.ndim != x.ndim || !sdk::same_shape(index, call.outputs[0]))
    return fail(err, VD_INVALID, "gather: x, index and output must have one rank, dim in [0, %d)",
                x.ndim);
  for (int i = 0; i < x.ndim; ++i)
    if (i != dim && index.shape[i] > x.shape[i])
      return fail(err, VD_INVALID, "gather: index is larger than x in dim %d", i);
  kernel = std::make_unique<Gather>(call, dim);
  return VD_OK;
}

// ---- index_select and embedding ----------------------------------------------------------------

/* out[o, i, :] = x[o, index[i], :], where x's inner dims are one dense run. */
class Select final : public Kernel {
 public:
  Select(const vd_call& call, int dim, int64_t n_index)
      : Kernel(kStrided | kPreferred), index_(call.inputs[1]) {
    const vd_tensor& x = call.inputs[0];
    limit_ = x.shape[dim];
    along_ = x.strides[dim];
    bytes_ = sdk::size_of(in_type(call, 0));
    for (int i = 0; i < dim; ++i) {
      outer_.push(x.shape[i], x.strides[i]);
      n_outer_ *= x.shape[i];
    }
    for (int i = dim + 1; i < x.ndim; ++i) {
      inner_.push(x.shape[i], x.strides[i]);
      run_ *= x.shape[i];
    }
    Layout squeezed;
    for (int i = 0; i < inner_.nd; ++i)
      if (inner_.size[i] != 1) squeezed.push(inner_.size[i], inner_.stride[i]);
    inner_ = merged(squeezed);
    n_ = n_index;
  }
  vd_status run(Device& d, const vd_call& call, vd_err* err) override {
    const int64_t* index;
    if (vd_status s = index_.read(d, call, 1, limit_, &index, err)) return s;
    if (n_outer_ * n_ * run_ == 0) return VD_OK;
    const char* x = in_ptr<char>(call, 0);
    char* y = out_ptr<char>(call);
    const int64_t bytes = run_ * bytes_;
    d.pool.ranges(n_outer_ * n_, double(bytes) / 8 + 8, 1, [&](int64_t b, int64_t e) {
      if (run_ == 1) {
        with_size(bytes_, [&](auto zero) {
          using T = decltype(zero);
          for (int64_t u = b; u < e;) {
            int64_t o = u / n_, i = u % n_, stop = std::min(e - u, n_ - i);
            const T* from = reinterpret_cast<const T*>(x) + outer_.at(o);
            T* to = reinterpret_cast<T*>(y) + u;
            if (along_ == 1) {
              pick(to, from, index + i, stop);
            } else {
              for (int64_t k = 0; k < stop; ++k) to[k] = from[index[i + k] * along_];
            }
            u += stop;
          }
        });
        return;
      }
      for (int64_t u = b; u < e; ++u) {
        const char* from = x + (outer_.at(u / n_) + index[u % n_] * along_) * bytes_;
        if (inner_.dense()) {
          move_bytes(y + u * bytes, from, bytes);
        } else {
          gather(inner_, bytes_, from, 0, run_, y + u * bytes);
        }
      }
    });
    return VD_OK;
  }

 private:
  IndexReader index_;
  int bytes_;
  Layout outer_, inner_;
  int64_t limit_, along_, n_outer_ = 1, run_ = 1, n_;
};

vd_status make_select(Device&, const vd_call& call, std::unique_ptr<Kernel>& kernel, vd_err* err) {
  if (!arity(call, 2, 1) || !IndexReader::knows(in_type(call, 1)))
    return unsupported(call, err, "it takes a tensor and int64 or int32 indices");
  const vd_tensor& x = call.inputs[0];
  bool embedding = std::strcmp(call.op, "embedding") == 0;
  int dim = embedding ? (x.ndim == 2 ? 0 : -1) : dim_attr(call, x);
  int64_t n = sdk::numel(call.inputs[1]), want = n;
  if (dim < 0) return fail(err, VD_INVALID, "%s: dim is outside the tensor", call.op);
  for (int i = 0; i < x.ndim; ++i)
    if (i != dim) want *= x.shape[i];
  if (want != sdk::numel(call.outputs[0]) || in_type(call, 0) != out_type(call))
    return fail(err, VD_INVALID, "%s: the output has the wrong size or dtype", call.op);
  kernel = std::make_unique<Select>(call, dim, n);
  return VD_OK;
}

}  // namespace

void add_index(sdk::Table<Make>& table) {
  table.add("gather", make_gather);
  table.add("index_select", make_select);
  table.add("embedding", make_select);
}

}  // namespace vob
