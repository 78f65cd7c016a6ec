// scatter, scatter_add, embedding_backward.
#include <algorithm>
#include <complex>
#include <type_traits>

#include "copy.h"
#include "index.h"
#include "lines.h"

namespace vob {
namespace {

/* Along `dim` the order is kept, so the last write wins and sums do not depend on threads; the
 * places beside each other in the inner dims are what threads share out. */
class Scatter final : public Kernel {
 public:
  Scatter(const vd_call& call, int dim, bool add)
      : Kernel(kStrided | kInplace), index_(call.inputs[1]), add_(add), type_(in_type(call, 0)) {
    const vd_tensor &x = call.inputs[0], &index = call.inputs[1], &src = call.inputs[2],
                    &y = call.outputs[0];
    bytes_ = sdk::size_of(type_);
    total_ = sdk::numel(y);
    limit_ = x.shape[dim];
    int64_t ys[VD_MAX_NDIM], is[VD_MAX_NDIM], s = 1, t = 1;
    for (int i = x.ndim - 1; i >= 0; --i) {
      ys[i] = s, s *= y.shape[i];
      is[i] = t, t *= index.shape[i];
    }
    copy_ = CopyPlan(x.ndim, x.shape, ys, x.strides, bytes_);
    length_ = index.shape[dim];
    y_along_ = ys[dim], i_along_ = is[dim], s_along_ = src.strides[dim];
    for (int i = 0; i < x.ndim; ++i) {
      if (i == dim) continue;
      others_ *= index.shape[i];
      y_.push(index.shape[i], ys[i]);
      i_.push(index.shape[i], is[i]);
      s_.push(index.shape[i], src.strides[i]);
    }
    // the innermost other dim is walked without divisions
    if (y_.nd == 0) y_.push(1, 0), i_.push(1, 0), s_.push(1, 0);
    const int last = y_.nd - 1;
    width_ = y_.size[last];
    y_step_ = y_.stride[last], i_step_ = i_.stride[last], s_step_ = s_.stride[last];
    --y_.nd, --i_.nd, --s_.nd;
  }

  vd_status run(Device& d, const vd_call& call, vd_err* err) override {
    const bool half = add_ && sdk::is_half(type_);
    const size_t reserve = half ? size_t(total_) * 4 : 0;
    float* wide = nullptr;
    if (half) {  // sums of halves run in float32 over the whole result
      wide = static_cast<float*>(d.scratch.get(reserve + size_t(index_.size()) * 8 + 128));
      if (!wide) return fail(err, VD_OOM, "%s: no memory for float32 sums", call.op);
    }
    const int64_t* index;
    if (vd_status s = index_.read(d, call, 1, limit_, &index, err, nullptr, reserve)) return s;
    if (out_ptr<char>(call) != in_ptr<char>(call, 0))
      copy_.run(d, out_ptr<char>(call), in_ptr<char>(call, 0));
    if (others_ * length_ == 0) return VD_OK;
    if (!add_) {
      with_size(bytes_, [&](auto zero) {
        using T = decltype(zero);
        walk(d, out_ptr<T>(call), in_ptr<T>(call, 2), index, [](T& a, T b) { a = b; });
      });
    } else if (half) {
      uint16_t* y = out_ptr<uint16_t>(call);
      d.pool.ranges(total_, 1, 1024,
                    [&](int64_t b, int64_t e) { to_float(d.simd, type_, wide + b, y + b, e - b); });
      const bool bf16 = type_ == DType::BF16;
      walk(d, wide, in_ptr<uint16_t>(call, 2), index, [bf16](float& a, uint16_t b) {
        a += bf16 ? sdk::bf16_to_float(b) : sdk::f16_to_float(b);
      });
      d.pool.ranges(total_, 1, 1024, [&](int64_t b, int64_t e) {
        from_float(d.simd, type_, y + b, wide + b, e - b);
      });
    } else {
      auto sum = [&](auto zero) {
        using T = decltype(zero);
        walk(d, out_ptr<T>(call), in_ptr<T>(call, 2), index, [](T& a, T b) { a = T(a + b); });
      };
      switch (type_) {
        case DType::F32:
          sum(float{});
          break;
        case DType::F64:
          sum(double{});
          break;
        case DType::C64:
          sum(std::complex<float>{});
          break;
        case DType::C128:
          sum(std::complex<double>{});
          break;
        case DType::U8:
        case DType::I8:
          sum(uint8_t{});
          break;
        case DType::U16:
        case DType::I16:
          sum(uint16_t{});
          break;
        case DType::U32:
        case DType::I32:
          sum(uint32_t{});
          break;
        default:
          sum(uint64_t{});
          break;
      }
    }
    return VD_OK;
  }

 private:
  template <class Y, class S, class F>
  void walk(Device& d, Y* y, const S* src, const int64_t* index, F join) const {
    const int64_t rows = others_ / width_, parts = std::min<int64_t>(width_, 16);
    const int64_t part = (width_ + parts - 1) / parts;
    d.pool.ranges(rows * parts, double(length_ * part) * 2, 1, [&](int64_t b, int64_t e) {
      for (int64_t u = b; u < e; ++u) {
        int64_t row = u / parts, j0 = u % parts * part, j1 = std::min(j0 + part, width_);
        Y* to = y + y_.at(row);
        const int64_t* at = index + i_.at(row);
        const S* from = src + s_.at(row);
        for (int64_t k = 0; k < length_; ++k)
          for (int64_t j = j0; j < j1; ++j)
            join(to[j * y_step_ + at[k * i_along_ + j * i_step_] * y_along_],
                 from[k * s_along_ + j * s_step_]);
      }
    });
  }

  IndexReader index_;
  CopyPlan copy_;
  Layout y_, i_, s_;
  bool add_;
  DType type_;
  int bytes_;
  int64_t total_, limit_, length_, others_ = 1, width_;
  int64_t y_along_, i_along_, s_along_, y_step_, i_step_, s_step_;
};

template <bool Add>
vd_status make_scatter(Device&, const vd_call& call, std::unique_ptr<Kernel>& kernel, vd_err* err) {
  if (!arity(call, 3, 1) || !IndexReader::knows(in_type(call, 1)) ||
      in_type(call, 2) != in_type(call, 0) || out_type(call) != in_type(call, 0) ||
      (Add && in_type(call, 0) == DType::Bool))
    return unsupported(call, err, "it takes x, int64 or int32 indices, and src of x's dtype");
  const vd_tensor &x = call.inputs[0], &index = call.inputs[1], &src = call.inputs[2];
  int dim = dim_attr(call, x);
  if (dim < 0 || index.ndim != x.ndim || src.ndim != x.ndim || !sdk::same_shape(x, call.outputs[0]))
    return fail(err, VD_INVALID, "%s: x, index, src must have one rank, dim in [0, %d)", call.op,
                x.ndim);
  for (int i = 0; i < x.ndim; ++i)
    if (index.shape[i] > src.shape[i] || (i != dim && index.shape[i] > x.shape[i]))
      return fail(err, VD_INVALID, "%s: index is larger than src or x in dim %d", call.op, i);
  kernel = std::make_unique<Scatter>(call, dim, Add);
  return VD_OK;
}

// ---- embedding_backward ------------------------------------------------------------------------

/* dweight[v] = sum of the rows of g whose index is v.  Positions are first grouped by v, so each
 * row of the result is summed in one place and in order. */
class EmbeddingBackward final : public Kernel {
 public:
  explicit EmbeddingBackward(const vd_call& call)
      : Kernel(kPreferred),
        type_(in_type(call, 0)),
        v_(call.outputs[0].shape[0]),
        c_(call.outputs[0].shape[1]),
        n_(sdk::numel(call.inputs[1])) {
    vd_tensor flat = call.inputs[1];  // not strided: it arrives contiguous
    static const int64_t one = 1;
    flat.ndim = 1;
    flat.shape = &n_;
    flat.strides = &one;
    index_ = IndexReader(flat);
  }

  vd_status run(Device& d, const vd_call& call, vd_err* err) override {
    const size_t starts = size_t(v_ + 1) * 8, order = size_t(n_) * 8, all = starts + order;
    char* mem = static_cast<char*>(d.scratch.get(all + size_t(n_) * 8 + 128));
    if (!mem) return fail(err, VD_OOM, "%s: no memory to group indices", call.op);
    const int64_t* index;
    if (vd_status s = index_.read(d, call, 1, v_, &index, err, nullptr, all)) return s;
    int64_t *start = reinterpret_cast<int64_t*>(mem), *at = start + v_ + 1;
    std::memset(start, 0, starts);
    for (int64_t i = 0; i < n_; ++i) ++start[index[i] + 1];
    for (int64_t v = 0; v < v_; ++v) start[v + 1] += start[v];
    for (int64_t i = 0; i < n_; ++i) at[start[index[i]]++] = i;
    // now start[v] is where v ends, and where it began is start[v - 1]
    if (type_ == DType::F64) {
      rows<double, double>(d, call, start, at);
    } else if (type_ == DType::F32) {
      rows<float, float>(d, call, start, at);
    } else {
      rows<uint16_t, float>(d, call, start, at);
    }
    return VD_OK;
  }

 private:
  template <class T, class A>
  void rows(Device& d, const vd_call& call, const int64_t* end, const int64_t* at) const {
    const T* g = in_ptr<T>(call, 0);
    T* y = out_ptr<T>(call);
    const double cost = double(c_) * (0.5 + double(n_) / double(std::max<int64_t>(v_, 1)));
    d.pool.ranges(v_, cost, 1, [&](int64_t b, int64_t e) {
      constexpr int64_t kPart = 512;
      A sum[kPart], term[kPart];
      for (int64_t v = b; v < e; ++v) {
        const int64_t first = v ? end[v - 1] : 0, last = end[v];
        if (first == last) {
          std::memset(y + v * c_, 0, size_t(c_) * sizeof(T));
          continue;
        }
        if constexpr (std::is_same_v<T, A>) {
          T* to = y + v * c_;
          std::memcpy(to, g + at[first] * c_, size_t(c_) * sizeof(T));
          for (int64_t i = first + 1; i < last; ++i) {
            const T* from = g + at[i] * c_;
            for (int64_t j = 0; j < c_; ++j) to[j] += from[j];
          }
        } else {
          for (int64_t j0 = 0; j0 < c_; j0 += kPart) {
            int64_t n = std::min(kPart, c_ - j0);
            to_float(d.simd, type_, sum, g + at[first] * c_ + j0, n);
            for (int64_t i = first + 1; i < last; ++i) {
              to_float(d.simd, type_, term, g + at[i] * c_ + j0, n);
              for (int64_t j = 0; j < n; ++j) sum[j] += term[j];
            }
            from_float(d.simd, type_, y + v * c_ + j0, sum, n);
          }
        }
      }
    });
  }

  IndexReader index_;
  DType type_;
  int64_t v_, c_, n_;
};

vd_status make_embedding_backward(Device&, const vd_call& call, std::unique_ptr<Kernel>& kernel,
                                  vd_err* err) {
  if (!arity(call, 2, 1) || !IndexReader::knows(in_type(call, 1)) ||
      !sdk::is_float(in_type(call, 0)) || out_type(call) != in_type(call, 0))
    return unsupported(call, err, "it takes a floating-point gradient and indices");
  const vd_tensor& y = call.outputs[0];
  if (y.ndim != 2 || sdk::numel(call.inputs[0]) != sdk::numel(call.inputs[1]) * y.shape[1])
    return fail(err, VD_INVALID, "embedding_backward: g must be [..., C] and the output [V, C]");
  kernel = std::make_unique<EmbeddingBackward>(call);
  return VD_OK;
}

}  // namespace

void add_scatter(sdk::Table<Make>& table) {
  table.add("scatter", make_scatter<false>);
  table.add("scatter_add", make_scatter<true>);
  table.add("embedding_backward", make_embedding_backward);
}

}  // namespace vob
