// wrap_pad: dims padded with their own elements; pad_constant: with a value.
#include <algorithm>
#include <cstring>

#include "moving/copy.h"

namespace vob {
namespace {

constexpr int64_t kTogether = 64;

/* Where each of the m places of a padded dim of n comes from. */
std::vector<int64_t> sources(int64_t n, int64_t m, int64_t before, bool reflect, bool circular) {
  std::vector<int64_t> from;
  for (int64_t j = 0; j < m; ++j) {
    int64_t i = j - before;
    if (reflect)
      i = (n - 1) - std::abs((n - 1) - std::abs(i));
    else
      i = circular ? (i % n + n) % n : std::clamp<int64_t>(i, 0, n - 1);
    from.push_back(i);
  }
  return from;
}

vd_status make_wrap_pad(Device&, const vd_call& call, std::unique_ptr<Kernel>& kernel,
                        vd_err* err) {
  if (!arity(call, 1, 1) || in_type(call, 0) != out_type(call))
    return unsupported(call, err, "it gives what it takes");
  const vd_tensor &x = call.inputs[0], &y = call.outputs[0];
  const char* mode = sdk::attr_str(call, "mode", "");
  const bool reflect = !std::strcmp(mode, "reflect"), circular = !std::strcmp(mode, "circular");
  if (!reflect && !circular && std::strcmp(mode, "replicate") != 0)
    return unsupported(call, err, "its mode is unknown");
  const vd_attr* pads = sdk::find_attr(call, "pads");
  if (!pads || pads->kind != VD_ATTR_INTS || pads->count % 2 || pads->count > 2 * x.ndim ||
      x.ndim < 1 || y.ndim != x.ndim)
    return unsupported(call, err, "it takes a pair of borders for some of the last dims");
  std::vector<std::vector<int64_t>> from;  // of each dim
  const int nd = x.ndim;
  int64_t before = 0, after = 0;  // of the last dim, in the end
  for (int i = 0; i < nd; ++i) {
    const int pair = nd - 1 - i;
    const bool padded = pair < pads->count / 2;
    before = padded ? pads->value.ints[2 * pair] : 0;
    after = padded ? pads->value.ints[2 * pair + 1] : 0;
    const int64_t n = x.shape[i], m = y.shape[i];
    if (m != n + before + after ||
        ((before || after) && (n < 1 || std::max(before, after) > (reflect ? n - 1 : n * m))))
      return fail(err, VD_INVALID, "wrap_pad: the borders of dim %d do not fit", i);
    from.push_back(sources(n, m, before, reflect, circular));
  }
  const int64_t w = x.shape[nd - 1], wide = y.shape[nd - 1];
  // what is not of a row's borders lies in one piece
  const int64_t first = std::max<int64_t>(before, 0), last = wide - std::max<int64_t>(after, 0);
  const int64_t lines = wide ? sdk::numel(y) / wide : 0, high = nd > 1 ? y.shape[nd - 2] : 1;
  std::vector<int64_t> high_in(x.shape, x.shape + nd), high_out(y.shape, y.shape + nd);
  return answer(kernel, kPreferred, [=](Device& d, const vd_call& c, vd_err*) {
    with_size(sdk::size_of(out_type(c)), [&](auto zero) {
      using T = decltype(zero);
      const T* p = in_ptr<T>(c, 0);
      T* q = out_ptr<T>(c);
      // a few rows at a time: their borders are written while they are in the cache
      d.pool.ranges(lines, double(wide) + 16, 1, [&](int64_t b, int64_t e) {
        for (int64_t r = b, count; r < e; r += count) {
          int64_t source = 0, rest = r, step = 1;  // the row of x
          for (int i = nd - 2; i >= 0; --i) {
            source += from[size_t(i)][size_t(rest % high_out[size_t(i)])] * step;
            rest /= high_out[size_t(i)], step *= high_in[size_t(i)];
          }
          count = 1;
          if (nd > 1) {
            const int64_t* next = from[size_t(nd - 2)].data() + r % high;
            const int64_t most = std::min({kTogether, e - r, high - r % high});
            while (count < most && next[count] == next[0] + count) ++count;
          }
          const T* row = p + source * w;
          T* to = q + r * wide;
          const int64_t* at = from.back().data();
          if (last > first)
            d.simd->move.rows(reinterpret_cast<char*>(to + first), wide * int64_t(sizeof(T)),
                              reinterpret_cast<const char*>(row + at[first]),
                              w * int64_t(sizeof(T)), (last - first) * int64_t(sizeof(T)), count);
          for (int64_t k = 0; k < count; ++k, row += w, to += wide) {
            for (int64_t j = 0; j < std::min(first, wide); ++j) to[j] = row[at[j]];
            for (int64_t j = std::max(last, first); j < wide; ++j) to[j] = row[at[j]];
          }
        }
      });
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
