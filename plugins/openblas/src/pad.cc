// wrap_pad: one dim padded with its own elements.
#include <algorithm>
#include <cstring>

#include "copy.h"

namespace vob {
namespace {

vd_status make_wrap_pad(Device&, const vd_call& call, std::unique_ptr<Kernel>& kernel,
                        vd_err* err) {
  if (!arity(call, 1, 1) || in_type(call, 0) != out_type(call))
    return unsupported(call, err, "it gives what it takes");
  const vd_tensor &x = call.inputs[0], &y = call.outputs[0];
  const char* mode = sdk::attr_str(call, "mode", "");
  const bool reflect = !std::strcmp(mode, "reflect"), circular = !std::strcmp(mode, "circular");
  if (!reflect && !circular && std::strcmp(mode, "replicate") != 0)
    return unsupported(call, err, "its mode is unknown");
  const int64_t dim = sdk::attr_int(call, "dim", -1), before = sdk::attr_int(call, "before", 0),
                after = sdk::attr_int(call, "after", 0);
  if (dim < 0 || dim >= x.ndim || y.ndim != x.ndim)
    return fail(err, VD_INVALID, "wrap_pad: dim must be in [0, %d)", x.ndim);
  const int64_t n = x.shape[dim], m = y.shape[dim];
  if (n < 1 || m != n + before + after || std::max(before, after) > (reflect ? n - 1 : n * m))
    return fail(err, VD_INVALID, "wrap_pad: the borders do not fit");
  // where each place of the result comes from
  std::vector<int64_t> from;
  for (int64_t j = 0; j < m; ++j) {
    int64_t i = j - before;
    if (reflect)
      i = (n - 1) - std::abs((n - 1) - std::abs(i));
    else
      i = circular ? (i % n + n) % n : std::clamp<int64_t>(i, 0, n - 1);
    from.push_back(i);
  }
  int64_t outer = 1, inner = sdk::size_of(in_type(call, 0));
  for (int i = 0; i < x.ndim; ++i)
    if (i != dim) (i < dim ? outer : inner) *= x.shape[i];
  const int bytes = sdk::size_of(in_type(call, 0));
  // what is not of the borders lies in one piece
  const int64_t first = std::max<int64_t>(before, 0), last = m - std::max<int64_t>(after, 0);
  return answer(kernel, kPreferred, [=](Device& d, const vd_call& c, vd_err*) {
    const char* p = in_ptr<char>(c, 0);
    char* q = out_ptr<char>(c);
    d.pool.ranges(outer, double(m * inner) / 8 + 16, 1, [&](int64_t b, int64_t e) {
      for (int64_t o = b; o < e; ++o) {
        const char* row = p + o * n * inner;
        char* to = q + o * m * inner;
        auto one = [&](int64_t j) {
          if (inner > bytes)
            return move_bytes(to + j * inner, row + from[size_t(j)] * inner, inner);
          with_size(bytes, [&](auto zero) {
            using T = decltype(zero);
            reinterpret_cast<T*>(to)[j] = reinterpret_cast<const T*>(row)[from[size_t(j)]];
          });
        };
        for (int64_t j = 0; j < std::min(first, m); ++j) one(j);
        if (last > first)
          move_bytes(to + first * inner, row + from[size_t(first)] * inner, (last - first) * inner);
        for (int64_t j = std::max(last, first); j < m; ++j) one(j);
      }
    });
    return VD_OK;
  });
}

}  // namespace

void add_pad(sdk::Table<Make>& table) { table.add("wrap_pad", make_wrap_pad); }

}  // namespace vob
