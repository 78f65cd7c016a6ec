// Products of integers.
#include "products/products.h"

namespace vob {
namespace {

/* Integers: rows of the result, each a sum of scaled rows of B; wrapping like the element type. */
template <class T>
class IntMatMul final : public Kernel {
 public:
  IntMatMul(const GemmShape& s, const Matrices& a, const Matrices& b)
      : Kernel(kStrided), s_(s), a_(a), b_(b) {}
  vd_status run(Device& d, const vd_call& call, vd_err*) override {
    const T *a = in_ptr<T>(call, 0), *b = in_ptr<T>(call, 1);
    T* c = out_ptr<T>(call);
    d.pool.ranges(s_.batch * s_.m, double(s_.n * s_.k), 1, [&](int64_t x, int64_t y) {
      for (int64_t u = x; u < y; ++u) {
        const T* pa = a + a_.batch.at(u / s_.m) + u % s_.m * a_.s0;
        const T* pb = b + b_.batch.at(u / s_.m);
        T* row = c + u * s_.n;
        for (int64_t j = 0; j < s_.n; ++j) row[j] = 0;
        for (int64_t p = 0; p < s_.k; ++p) {
          const T v = pa[p * a_.s1], *from = pb + p * b_.s0;
          if (b_.s1 == 1) {
            for (int64_t j = 0; j < s_.n; ++j) row[j] = T(row[j] + v * from[j]);
          } else {
            for (int64_t j = 0; j < s_.n; ++j) row[j] = T(row[j] + v * from[j * b_.s1]);
          }
        }
      }
    });
    return VD_OK;
  }

 private:
  GemmShape s_;
  Matrices a_, b_;
};

}  // namespace

std::unique_ptr<Kernel> int_product(DType type, const GemmShape& s, const Matrices& a,
                                    const Matrices& b) {
  switch (type) {
    case DType::U8:
    case DType::I8:
      return std::make_unique<IntMatMul<uint8_t>>(s, a, b);
    case DType::U16:
    case DType::I16:
      return std::make_unique<IntMatMul<uint16_t>>(s, a, b);
    case DType::U32:
    case DType::I32:
      return std::make_unique<IntMatMul<uint32_t>>(s, a, b);
    case DType::U64:
    case DType::I64:
      return std::make_unique<IntMatMul<uint64_t>>(s, a, b);
    default:
      return nullptr;
  }
}

}  // namespace vob
