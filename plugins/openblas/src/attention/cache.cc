// cache_write: rows of keys or values to where their positions say.
#include "moving/copy.h"
#include "moving/index.h"

namespace vob {
namespace {

/* cache [B, H, S, D] (leading dims merged into H where positions are shared), values [B, H, T, D],
 * positions [T] or [B, T]. */
class CacheWrite final : public Kernel {
 public:
  explicit CacheWrite(const vd_call& call)
      : Kernel(kPreferred | kInplace), batched_(call.inputs[2].ndim == 2) {
    const vd_tensor &x = call.inputs[0], &v = call.inputs[1];
    const int nd = x.ndim;
    places_ = x.shape[nd - 2], rows_ = v.shape[nd - 2];
    bytes_ = x.shape[nd - 1] * sdk::size_of(in_type(call, 0));
    batch_ = batched_ ? x.shape[0] : 1;
    heads_ = 1;
    for (int i = batched_ ? 1 : 0; i < nd - 2; ++i) heads_ *= x.shape[i];
    count_ = batch_ * rows_;
    const int64_t one = 1;
    vd_tensor flat = call.inputs[2];  // not strided: it arrives contiguous
    flat.ndim = 1, flat.shape = &count_, flat.strides = &one;
    index_ = IndexReader(flat);
  }

  vd_status run(Device& d, const vd_call& call, vd_err* err) override {
    const int64_t* at;
    if (vd_status s = index_.read(d, call, 2, places_, &at, err)) return s;
    const char *x = in_ptr<char>(call, 0), *v = in_ptr<char>(call, 1);
    char* y = out_ptr<char>(call);
    const int64_t each = places_ * bytes_;
    d.pool.ranges(batch_ * heads_, double(y == x ? rows_ * bytes_ : each) / 8 + 4, 1,
                  [&](int64_t b, int64_t e) {
                    for (int64_t u = b; u < e; ++u) {
                      if (y != x) std::memcpy(y + u * each, x + u * each, size_t(each));
                      const int64_t* to = at + u / heads_ * rows_;
                      for (int64_t t = 0; t < rows_; ++t)
                        std::memcpy(y + u * each + to[t] * bytes_, v + (u * rows_ + t) * bytes_,
                                    size_t(bytes_));
                    }
                  });
    return VD_OK;
  }

 private:
  IndexReader index_;
  bool batched_;
  int64_t places_, rows_, bytes_, batch_, heads_, count_;
};

vd_status make_cache_write(Device&, const vd_call& call, std::unique_ptr<Kernel>& kernel,
                           vd_err* err) {
  if (!arity(call, 3, 1) || !IndexReader::knows(in_type(call, 2)) ||
      in_type(call, 1) != in_type(call, 0) || out_type(call) != in_type(call, 0))
    return unsupported(call, err, "it takes values of the cache's dtype, and indices");
  const vd_tensor &x = call.inputs[0], &v = call.inputs[1], &at = call.inputs[2];
  bool fits = x.ndim >= 2 && v.ndim == x.ndim && sdk::same_shape(x, call.outputs[0]);
  for (int i = 0; fits && i < x.ndim; ++i) fits = i == x.ndim - 2 || x.shape[i] == v.shape[i];
  fits = fits && sdk::numel(x) > 0 && at.ndim >= 1 && at.ndim <= 2 &&
         at.shape[at.ndim - 1] == v.shape[x.ndim - 2] &&
         (at.ndim == 1 || (x.ndim > 2 && at.shape[0] == x.shape[0]));
  if (!fits) return unsupported(call, err, "the shapes do not fit");
  kernel = std::make_unique<CacheWrite>(call);
  return VD_OK;
}

}  // namespace

void add_cache(sdk::Table<Make>& table) { table.add("cache_write", make_cache_write); }

}  // namespace vob
