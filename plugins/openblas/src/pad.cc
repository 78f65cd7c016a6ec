// wrap_pad: one dim padded with its own elements.
#include <algorithm>
#include <cstring>

#include "copy.h"

namespace vob {
namespace {

constexpr int64_t kTogether = 64;

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
  // what is not of the borders lies in one piece
  const int64_t first = std::max<int64_t>(before, 0), last = m - std::max<int64_t>(after, 0);
  return answer(kernel, kPreferred, [=](Device& d, const vd_call& c, vd_err*) {
    const char* p = in_ptr<char>(c, 0);
    char* q = out_ptr<char>(c);
    const auto rows = d.simd->move.rows;
    auto border = [&](auto one) {
      for (int64_t j = 0; j < std::min(first, m); ++j) one(j);
      for (int64_t j = std::max(last, first); j < m; ++j) one(j);
    };
    // a few of the outer places at a time: their borders are written while they are in the cache
    d.pool.ranges(outer, double(m * inner) / 8 + 16, 1, [&](int64_t b, int64_t e) {
      for (int64_t o = b; o < e; o += kTogether) {
        const int64_t count = std::min(kTogether, e - o), from_step = n * inner, step = m * inner;
        const char* row = p + o * from_step;
        char* to = q + o * step;
        if (last > first)
          rows(to + first * inner, step, row + from[size_t(first)] * inner, from_step,
               (last - first) * inner, count);
        border([&](int64_t j) {
          rows(to + j * inner, step, row + from[size_t(j)] * inner, from_step, inner, count);
        });
      }
    });
    return VD_OK;
  });
}

/* The one value of v, whose dtype is t, or a number that a float dtype rounds. */
void value_as(DType t, const vd_tensor& v, void* to, size_t bytes) {
  if (sdk::dtype_of(v.dtype) == t) {
    std::memcpy(to, sdk::data(v), bytes);
    return;
  }
  const double number = sdk::scalar_value(v);
  auto put = [&](auto value) { std::memcpy(to, &value, bytes); };
  if (t == DType::F32) put(float(number));
  if (t == DType::F64) put(number);
  if (t == DType::F16) put(sdk::float_to_f16(float(number)));
  if (t == DType::BF16) put(sdk::float_to_bf16(float(number)));
}

/* One value around x. The last two dims are planes: what lies above and below one, and what lies
 * to the sides of its rows, is written with it. */
vd_status make_pad_constant(Device&, const vd_call& call, std::unique_ptr<Kernel>& kernel,
                            vd_err* err) {
  const DType t = call.n_outputs ? out_type(call) : DType::Unknown;
  if (!arity(call, 2, 1) || in_type(call, 0) != t ||
      (in_type(call, 1) != t && !(sdk::scalar(call.inputs[1]) && sdk::is_float(t))))
    return unsupported(call, err, "it gives what it takes, around it a value of that dtype");
  const vd_tensor &x = call.inputs[0], &y = call.outputs[0];
  const vd_attr* pads = sdk::find_attr(call, "pads");
  if (!pads || pads->kind != VD_ATTR_INTS || pads->count % 2 || pads->count > 2 * x.ndim ||
      x.ndim < 1 || y.ndim != x.ndim || !sdk::numel(x) || sdk::numel(call.inputs[1]) != 1)
    return unsupported(call, err, "it takes a pair of borders for some of the last dims");
  int64_t before[VD_MAX_NDIM] = {};
  for (int i = 0; i < pads->count / 2; ++i) {
    const int64_t low = pads->value.ints[2 * i], high = pads->value.ints[2 * i + 1];
    const int d = x.ndim - 1 - i;
    if (low < 0 || high < 0) return unsupported(call, err, "it does not cut");
    if (y.shape[d] != x.shape[d] + low + high)
      return fail(err, VD_INVALID, "pad_constant: the output has another size in dim %d", d);
    before[d] = low;
  }
  const int last = x.ndim - 1, bytes = sdk::size_of(out_type(call));
  const int64_t w = x.shape[last], wide = y.shape[last], left = before[last];
  const int64_t h = last ? x.shape[last - 1] : 1, high = last ? y.shape[last - 1] : 1;
  const int64_t top = last ? before[last - 1] : 0;
  Layout planes;                      // of the output
  std::vector<int64_t> first, inner;  // where x begins in those dims, and how much of it there is
  for (int i = 0; i < last - 1; ++i) {
    planes.push(y.shape[i], 0);
    first.push_back(before[i]), inner.push_back(x.shape[i]);
  }
  const int64_t count = planes.numel();
  return answer(kernel, kPreferred | kScalars, [=](Device& d, const vd_call& c, vd_err*) {
    with_size(bytes, [&](auto zero) {
      using T = decltype(zero);
      T value;
      value_as(t, c.inputs[1], &value, sizeof value);
      const T* from = in_ptr<T>(c, 0);
      T* to = out_ptr<T>(c);
      d.pool.ranges(count, double(high * wide), 1, [&](int64_t b, int64_t e) {
        for (int64_t p = b; p < e; ++p) {
          int64_t source = 0, rest = p, step = 1;  // which plane of x, if any
          bool inside = true;
          for (int i = planes.nd - 1; i >= 0; --i) {
            const int64_t at = rest % planes.size[i] - first[size_t(i)];
            rest /= planes.size[i];
            inside &= at >= 0 && at < inner[size_t(i)];
            source += at * step, step *= inner[size_t(i)];
          }
          T* plane = to + p * high * wide;
          if (!inside) {
            std::fill_n(plane, high * wide, value);
            continue;
          }
          std::fill_n(plane, top * wide + left, value);
          d.simd->move.rows(reinterpret_cast<char*>(plane + top * wide + left), wide * bytes,
                            reinterpret_cast<const char*>(from + source * h * w), w * bytes,
                            w * bytes, h);
          // from one row's end to the next one's begin
          for (int64_t r = 0; r < h - 1; ++r)
            for (int64_t i = 0; i < wide - w; ++i) plane[(top + r) * wide + left + w + i] = value;
          T* end = plane + (top + h - 1) * wide + left + w;
          std::fill_n(end, plane + high * wide - end, value);
        }
      });
    });
    return VD_OK;
  });
}

}  // namespace

void add_pad(sdk::Table<Make>& table) {
  table.add("wrap_pad", make_wrap_pad);
  table.add("pad_constant", make_pad_constant);
}

}  // namespace vob
