// scatter, scatter_add, and scatter_reduce's products and extremes.
#include <algorithm>
#include <complex>
#include <limits>

#include "base/lines.h"
#include "moving/copy.h"
#include "moving/index.h"

namespace vob {
namespace {

/* What comes to a place that holds a: b instead, the sum, the product, the extreme (a NaN wins). */
enum class Join { Set, Sum, Product, Largest, Smallest };

constexpr int64_t kNearBytes = 16 << 10, kStretchBytes = 512 << 10;

template <Join J, class T>
inline T joined(T a, T b) {
  if constexpr (J == Join::Set) {
    return b;
  } else if constexpr (J == Join::Sum) {
    return T(a + b);
  } else if constexpr (J == Join::Product) {
    return T(a * b);
  } else {
    const T best = (J == Join::Largest ? b > a : b < a) ? b : a;
    return b != b ? b : best;  // rarely: foreseen
  }
}
/* What changes nothing. */
template <Join J, class T>
T neutral() {
  using L = std::numeric_limits<T>;
  if constexpr (J == Join::Product) return T(1);
  if constexpr (J == Join::Largest) return L::has_infinity ? T(-L::infinity()) : L::lowest();
  if constexpr (J == Join::Smallest) return L::has_infinity ? L::infinity() : L::max();
}

/* Along `dim` the order is kept, so the last write wins and sums do not depend on threads; the
 * places beside each other in the inner dims are what threads share out. */
class Scatter final : public Kernel {
 public:
  Scatter(const vd_call& call, int dim, Join join, bool with_self, uint32_t caps)
      : Kernel(caps), join_(join), with_self_(with_self), type_(in_type(call, 0)) {
    const vd_tensor &x = call.inputs[0], &index = call.inputs[1], &src = call.inputs[2],
                    &y = call.outputs[0];
    bytes_ = sdk::size_of(type_);
    total_ = sdk::numel(y);
    limit_ = x.shape[dim];
    length_ = index.shape[dim];
    // whole slices: one index per place along dim, spread over the other dims
    bool slices = caps & kStrided;
    for (int i = 0; i < x.ndim; ++i)
      slices &= i == dim || index.shape[i] == 1 || index.strides[i] == 0;
    if (slices) {
      vd_tensor line = index;
      line.ndim = 1, line.shape = &length_, line.strides = index.strides + dim;
      index_ = IndexReader(line);
    } else {
      index_ = IndexReader(index);
    }
    int64_t ys[VD_MAX_NDIM], is[VD_MAX_NDIM], s = 1, t = 1;
    for (int i = x.ndim - 1; i >= 0; --i) {
      ys[i] = s, s *= y.shape[i];
      is[i] = slices ? i == dim : t;
      t *= index.shape[i];
    }
    copy_ = CopyPlan(x.ndim, x.shape, ys, x.strides, bytes_);
    y_along_ = ys[dim], i_along_ = is[dim], s_along_ = src.strides[dim];
    for (int i = 0; i < x.ndim; ++i) {
      if (i == dim) continue;
      others_ *= index.shape[i];
      if (index.shape[i] == 1) continue;
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
    const bool half = join_ == Join::Sum && sdk::is_half(type_);
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
    switch (join_) {
      case Join::Set:
        with_size(bytes_, [&](auto zero) { join<Join::Set, decltype(zero)>(d, call, index); });
        break;
      case Join::Sum:
        half ? sum_halves(d, call, index, wide) : numbers<Join::Sum>(d, call, index);
        break;
      case Join::Product:
        numbers<Join::Product>(d, call, index);
        break;
      case Join::Largest:
        ordered<Join::Largest>(d, call, index);
        break;
      case Join::Smallest:
        ordered<Join::Smallest>(d, call, index);
        break;
    }
    return VD_OK;
  }

 private:
  template <Join J, class T>
  void join(Device& d, const vd_call& call, const int64_t* index) const {
    const T* src = in_ptr<T>(call, 2);
    if constexpr (J != Join::Set && J != Join::Sum)
      if (!with_self_) walk(d, out_ptr<T>(call), src, index, [](T& a, T) { a = neutral<J, T>(); });
    walk(d, out_ptr<T>(call), src, index, [](T& a, T b) { a = joined<J>(a, b); });
  }

  template <Join J>
  void numbers(Device& d, const vd_call& call, const int64_t* index) const {
    auto go = [&](auto zero) { join<J, decltype(zero)>(d, call, index); };
    switch (type_) {
      case DType::F32:
        return go(float{});
      case DType::F64:
        return go(double{});
      case DType::C64:
        return go(std::complex<float>{});
      case DType::C128:
        return go(std::complex<double>{});
      case DType::U8:
      case DType::I8:
        return go(uint8_t{});  // signed integers wrap like unsigned ones
      case DType::U16:
      case DType::I16:
        return go(uint16_t{});
      case DType::U32:
      case DType::I32:
        return go(uint32_t{});
      default:
        return go(uint64_t{});
    }
  }

  template <Join J>
  void ordered(Device& d, const vd_call& call, const int64_t* index) const {
    if (type_ == DType::F32) return join<J, float>(d, call, index);
    if (type_ == DType::F64) return join<J, double>(d, call, index);
    with_int(type_, [&](auto zero) { join<J, decltype(zero)>(d, call, index); });
  }

  void sum_halves(Device& d, const vd_call& call, const int64_t* index, float* wide) const {
    uint16_t* y = out_ptr<uint16_t>(call);
    d.pool.ranges(total_, 1, 1024,
                  [&](int64_t b, int64_t e) { to_float(d.simd, type_, wide + b, y + b, e - b); });
    const bool bf16 = type_ == DType::BF16;
    walk(d, wide, in_ptr<uint16_t>(call, 2), index, [bf16](float& a, uint16_t b) {
      a += bf16 ? sdk::bf16_to_float(b) : sdk::f16_to_float(b);
    });
    d.pool.ranges(total_, 1, 1024,
                  [&](int64_t b, int64_t e) { from_float(d.simd, type_, y + b, wide + b, e - b); });
  }

  /* Rows a power of two apart share few places of a cache, and random rows are written: so a
   * stretch of `wide` columns is brought to memory of its own and taken back. */
  template <class Y, class S, class F>
  bool by_stretches(Device& d, Y* y, const S* src, const int64_t* index, F join) const {
    const int64_t wide = limit_ * 32 * int64_t(sizeof(Y)) <= kNearBytes ? 32 : 16;
    if (y_step_ != 1 || i_step_ != 1 || s_step_ != 1 || length_ * 2 < limit_ || limit_ < 16 ||
        width_ < wide || y_along_ * int64_t(sizeof(Y)) < 512 ||
        limit_ * wide * int64_t(sizeof(Y)) > kStretchBytes)
      return false;
    const int64_t parts = (width_ + wide - 1) / wide, unit = int64_t(sizeof(Y));
    const auto rows = d.simd->move.rows;
    d.pool.ranges(others_ / width_ * parts, double((length_ + limit_) * wide) * 2, 1,
                  [&](int64_t b, int64_t e) {
                    Y* own = static_cast<Y*>(thread_scratch(0, size_t(limit_ * wide * unit)));
                    for (int64_t u = b; u < e; ++u) {
                      const int64_t row = u / parts, j0 = u % parts * wide,
                                    count = std::min(wide, width_ - j0);
                      Y* to = y + y_.at(row) + j0;
                      const int64_t* at = index + i_.at(row) + j0;
                      const S* from = src + s_.at(row) + j0;
                      char *there = reinterpret_cast<char*>(to),
                           *here = reinterpret_cast<char*>(own);
                      if (own)
                        rows(here, count * unit, there, y_along_ * unit, count * unit, limit_);
                      Y* place = own ? own : to;  // without memory: where they are
                      const int64_t step = own ? count : y_along_;
                      for (int64_t k = 0; k < length_; ++k, at += i_along_, from += s_along_)
                        for (int64_t j = 0; j < count; ++j) join(place[at[j] * step + j], from[j]);
                      if (own)
                        rows(there, y_along_ * unit, here, count * unit, count * unit, limit_);
                    }
                  });
    return true;
  }

  template <class Y, class S, class F>
  void walk(Device& d, Y* y, const S* src, const int64_t* index, F join) const {
    if (by_stretches(d, y, src, index, join)) return;
    const int64_t rows = others_ / width_, threads = d.pool.threads();
    const int64_t parts = rows >= 4 * threads ? 1 : std::min<int64_t>(width_, 2 * threads);
    const int64_t part = (width_ + parts - 1) / parts;
    d.pool.ranges(rows * parts, double(length_ * part) * 2, 1, [&](int64_t b, int64_t e) {
      for (int64_t u = b; u < e; ++u) {
        const int64_t row = u / parts, j0 = u % parts * part, j1 = std::min(j0 + part, width_);
        Y* to = y + y_.at(row);
        const int64_t* at = index + i_.at(row);
        const S* from = src + s_.at(row);
        if (i_step_ == 0 && y_step_ == 1 && s_step_ == 1) {  // stretches of whole slices
          for (int64_t k = 0; k < length_; ++k) {
            Y* p = to + at[k * i_along_] * y_along_;
            const S* q = from + k * s_along_;
#pragma GCC ivdep
            for (int64_t j = j0; j < j1; ++j) join(p[j], q[j]);
          }
        } else if (y_along_ == 1 && i_along_ == 1 && s_along_ == 1) {  // line by line
          for (int64_t j = j0; j < j1; ++j) {
            Y* p = to + j * y_step_;
            const int64_t* i = at + j * i_step_;
            const S* q = from + j * s_step_;
            for (int64_t k = 0; k < length_; ++k) join(p[i[k]], q[k]);
          }
        } else {
          for (int64_t k = 0; k < length_; ++k)
            for (int64_t j = j0; j < j1; ++j)
              join(to[j * y_step_ + at[k * i_along_ + j * i_step_] * y_along_],
                   from[k * s_along_ + j * s_step_]);
        }
      }
    });
  }

  IndexReader index_;
  CopyPlan copy_;
  Layout y_, i_, s_;
  Join join_;
  bool with_self_;
  DType type_;
  int bytes_;
  int64_t total_, limit_, length_, others_ = 1, width_;
  int64_t y_along_, i_along_, s_along_, y_step_, i_step_, s_step_;
};

/* `composite`: reduce and include_self say what is done. */
template <Join J, bool Composite>
vd_status make_scatter(Device&, const vd_call& call, std::unique_ptr<Kernel>& kernel, vd_err* err) {
  const DType t = call.n_inputs ? in_type(call, 0) : DType::Unknown;
  if (!arity(call, 3, 1) || !IndexReader::knows(in_type(call, 1)) || in_type(call, 2) != t ||
      out_type(call) != t || (J != Join::Set && t == DType::Bool))
    return unsupported(call, err, "it takes x, int64 or int32 indices, and src of x's dtype");
  if (Composite && (sdk::is_half(t) || (J != Join::Product && sdk::is_complex(t))))
    return unsupported(call, err, "it takes float32, float64 and integers");
  const vd_tensor &x = call.inputs[0], &index = call.inputs[1], &src = call.inputs[2];
  int dim = dim_attr(call, x);
  if (dim < 0 || index.ndim != x.ndim || src.ndim != x.ndim || !sdk::same_shape(x, call.outputs[0]))
    return fail(err, VD_INVALID, "%s: x, index, src must have one rank, dim in [0, %d)", call.op,
                x.ndim);
  for (int i = 0; i < x.ndim; ++i)
    if (index.shape[i] > src.shape[i] || (i != dim && index.shape[i] > x.shape[i]))
      return fail(err, VD_INVALID, "%s: index is larger than src or x in dim %d", call.op, i);
  const bool low = J == Join::Largest && !std::strcmp(sdk::attr_str(call, "reduce", ""), "amin");
  const bool self = !Composite || sdk::attr_int(call, "include_self", 1);
  kernel = std::make_unique<Scatter>(call, dim, low ? Join::Smallest : J, self,
                                     Composite ? kStrided | kPreferred : kStrided | kInplace);
  return VD_OK;
}

}  // namespace

void add_scatter(sdk::Table<Make>& table) {
  table.add("scatter", make_scatter<Join::Set, false>);
  table.add("scatter_add", make_scatter<Join::Sum, false>);
  table.add("scatter_extreme", make_scatter<Join::Largest, true>);
  table.add("scatter_prod", make_scatter<Join::Product, true>);
}

}  // namespace vob
