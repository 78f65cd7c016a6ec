// embedding_backward: rows of a gradient added up where their indices say.
#include <algorithm>
#include <type_traits>

#include "base/lines.h"
#include "moving/index.h"

namespace vob {
namespace {

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

void add_embedding_backward(sdk::Table<Make>& table) {
  table.add("embedding_backward", make_embedding_backward);
}

}  // namespace vob
