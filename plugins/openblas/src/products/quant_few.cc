// A few rows times integer weights, as they lie: bound by reading them.
#include <algorithm>

#include "products/quant.h"

namespace vob {
namespace {

/* Short blocks of weights as whole ones, lanes without a row 0. */
int64_t block_room(const IntShape& s) {  // floats
  return kBlockRows * (s.k * s.bits / 32 + 2 * s.groups());
}
IntWeights block(const IntProduct& p, int64_t i, int64_t n, float* own) {
  IntWeights b = p.from(i);
  if (n == kBlockRows) return b;
  char* to = reinterpret_cast<char*>(own);
  auto fill = [&](const void* from, int64_t unit, int64_t count) {
    char* start = to;
    std::memset(start, 0, size_t(unit * kBlockRows * count));
    for (int64_t j = 0; j < count; ++j, to += unit * kBlockRows)
      std::memcpy(to, static_cast<const char*>(from) + j * unit * n, size_t(unit * n));
    return start;
  };
  const IntShape& s = p.shape();
  b.w = reinterpret_cast<const uint8_t*>(fill(b.w, 4, s.k * s.bits / 32));
  b.scale = fill(b.scale, sdk::size_of(s.scale_type), s.groups());
  if (b.zero) b.zero = fill(b.zero, sdk::size_of(s.scale_type), s.groups());
  return b;
}

/* dot(y, product, i, n, scratch) for blocks of n rows of the weights of a product, from i on; y
 * [rows][kBlockRows] becomes the result. `room`: floats of scratch. */
template <class Dot>
bool each_block(Device& d, const IntShape& s, const vd_call& call, int64_t room, Dot dot) {
  int64_t blocks = 0;
  for (int i = 0; i < s.products; ++i)
    blocks += (IntProduct(s, call, i).n() + kBlockRows - 1) / kBlockRows;
  std::atomic<bool> no_memory{false};
  const double cost = double(s.rows * s.k) / 8 * kBlockRows;
  d.pool.ranges(blocks, cost, 1, [&](int64_t first, int64_t last) {
    float* own = static_cast<float*>(thread_scratch(1, size_t(room) * 4));
    if (!own) {
      no_memory = true;
      return;
    }
    float sums[kMostFewRows * kBlockRows];
    int64_t before = 0;
    for (int which = 0; which < s.products && before < last; ++which) {
      const IntProduct p(s, call, which);
      const int64_t all = (p.n() + kBlockRows - 1) / kBlockRows;
      for (int64_t b = std::max(first - before, int64_t(0)); b < std::min(all, last - before);
           ++b) {
        const int64_t i = b * kBlockRows, n = std::min(kBlockRows, p.n() - i);
        dot(sums, p, i, n, own);
        for (int64_t r = 0; r < s.rows; ++r) p.put(d, r, i, sums + r * kBlockRows, n);
      }
      before += all;
    }
  });
  return !no_memory;
}

/* bfloat16 times integers by dot products of bytes. */
bool by_bytes(Device& d, const IntShape& s, const vd_call& call) {
  const int64_t parts = s.k / 32;
  char* mem = static_cast<char*>(d.scratch.get(size_t(s.rows * (2 * s.k + 12 * parts))));
  if (!mem) return false;
  ByteRow rows[kMostFewRows];
  for (int64_t r = 0; r < s.rows; ++r) {
    float* scales = reinterpret_cast<float*>(mem + s.rows * 2 * s.k) + r * 3 * parts;
    rows[r] = {reinterpret_cast<int8_t*>(mem) + r * 2 * s.k, scales, scales + parts,
               scales + 2 * parts};
    d.bf16->byte_row(rows[r], s.bits, in_ptr<uint16_t>(call, 0) + r * s.k, s.k);
  }
  return each_block(d, s, call, block_room(s),
                    [&](float* y, const IntProduct& p, int64_t i, int64_t n, float* own) {
                      d.bf16->dot_ints(y, block(p, i, n, own), s.bits, rows, s.rows, s.k);
                    });
}

}  // namespace

bool few_int_rows(Device& d, const IntShape& s, const vd_call& call) {
  if (s.by_bf16(d)) return by_bytes(d, s, call);
  const QuantLoops& loops = *d.simd->quant;
  const int64_t groups = s.groups(), wide = s.type == DType::F32 ? 0 : s.rows * s.k;
  char* mem = static_cast<char*>(
      d.scratch.get(size_t((wide + s.rows * groups * 2) * 4 + s.rows * s.k * 2)));
  if (!mem) return false;
  float* buf = reinterpret_cast<float*>(mem);
  const float* x = s.x(d, call, buf);
  float* scales = buf + wide;
  int16_t* ints = reinterpret_cast<int16_t*>(scales + s.rows * groups * 2);
  QuantRow rows[kMostFewRows];
  for (int64_t r = 0; r < s.rows; ++r) {
    rows[r] = {ints + r * s.k, scales + 2 * r * groups, scales + (2 * r + 1) * groups};
    loops.quantize(rows[r], x + r * s.k, s.k, s.group);
  }
  const int64_t room = kBlockRows * groups;  // scales of a block
  const auto dot = s.bits == 8 ? loops.dot8 : loops.dot4;
  return each_block(d, s, call, 2 * room + block_room(s),
                    [&](float* y, const IntProduct& p, int64_t i, int64_t n, float* own) {
                      const IntWeights b = block(p, i, n, own + 2 * room);
                      const float* scale = p.widened(d, b.scale, kBlockRows, own);
                      const float* zero = p.widened(d, b.zero, kBlockRows, own + room);
                      for (int64_t r = 0; r < s.rows; ++r, y += kBlockRows)
                        dot(y, b.w, scale, zero, rows[r], s.k, s.group);
                    });
}

}  // namespace vob
