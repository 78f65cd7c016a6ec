// Kernels of recurrent networks: of one step in recurrent.cc, of all in recurrent_steps.cc.
#ifndef VIDYA_OPENBLAS_RECURRENT_H
#define VIDYA_OPENBLAS_RECURRENT_H

#include "base/common.h"

namespace vob {

template <class T>
const RecurrentLoops<T>& recurrent_loops(const Simd* s) {
  if constexpr (sizeof(T) == 4)
    return s->recurrent32;
  else
    return s->recurrent64;
}

void add_recurrent_steps(sdk::Table<Make>&);

}  // namespace vob

#endif
