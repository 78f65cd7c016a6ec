// `tril` and `triu`: a part of every row is copied, the rest is zeros.
#include <algorithm>

#include "rows/rows.h"

namespace vob {
namespace {

template <bool Lower>
vd_status make(Device&, const vd_call& call, std::unique_ptr<Kernel>& kernel, vd_err* err) {
  if (!arity(call, 1, 1) || in_type(call, 0) != out_type(call) || call.inputs[0].ndim < 2 ||
      !sdk::same_shape(call.inputs[0], call.outputs[0]))
    return unsupported(call, err, "it takes matrices and gives them in the same dtype");
  const vd_tensor& t = call.inputs[0];
  const uint32_t caps = kPreferred | (Rows::dense(t) ? kStrided : 0);
  const Rows x(t, caps & kStrided);
  const int64_t height = t.shape[t.ndim - 2], bytes = sdk::size_of(in_type(call, 0));
  const int64_t reach = height + x.n();  // further away all diagonals are alike
  const int64_t diagonal = std::clamp(sdk::attr_int(call, "diagonal", 0), -reach, reach);
  return answer(kernel, caps, [=](Device& d, const vd_call& c, vd_err*) {
    const int64_t n = x.n();
    d.pool.ranges(x.rows(), double(n * bytes) / 8 + 4, 1, [&](int64_t begin, int64_t end) {
      for (int64_t r = begin; r < end; ++r) {
        const char* from = x.row(sdk::data(c.inputs[0]), r);
        char* to = out_ptr<char>(c) + r * n * bytes;
        // elements before `edge` are on or below the diagonal (for triu: below it)
        const int64_t edge = std::clamp<int64_t>(r % height + diagonal + Lower, 0, n) * bytes;
        const int64_t kept = Lower ? 0 : edge, zero = Lower ? edge : 0;
        std::memcpy(to + kept, from + kept, size_t(Lower ? edge : n * bytes - edge));
        std::memset(to + zero, 0, size_t(Lower ? n * bytes - edge : edge));
      }
    });
    return VD_OK;
  });
}

}  // namespace

void add_triangle(sdk::Table<Make>& table) {
  table.add("tril", make<true>);
  table.add("triu", make<false>);
}

}  // namespace vob
