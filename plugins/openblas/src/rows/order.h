// Numbers as unsigned integers of the same order, in which NaN comes last.
#ifndef VIDYA_OPENBLAS_ORDER_H
#define VIDYA_OPENBLAS_ORDER_H

#include <type_traits>

#include "base/lines.h"

namespace vob {

template <class T>
using Key = std::conditional_t<sizeof(T) == 8, uint64_t, uint32_t>;

/* Order-preserving; all NaN map to the largest key, -0 to that of 0. */
template <class T>
Key<T> key_of(T v, bool descending) {
  Key<T> k;
  if constexpr (std::is_floating_point_v<T>) {
    constexpr Key<T> sign = Key<T>(1) << (sizeof(T) * 8 - 1);
    k = sdk::bits_as<Key<T>>(v == 0 ? T(0) : v);
    k = k & sign ? ~k : k | sign;
    if (v != v) k = ~Key<T>(0);
  } else if constexpr (std::is_signed_v<T>) {
    k = Key<T>(int64_t(v)) + (Key<T>(1) << (sizeof(Key<T>) * 8 - 1));
  } else {
    k = Key<T>(v);
  }
  return descending ? ~k : k;
}

template <class K>
struct Pair {
  K key;
  K index;
};

/* median, nanmedian, kthvalue. */
void add_select(sdk::Table<Make>& table);

}  // namespace vob

#endif
