// The driver of every element-wise kernel, and where the loops come from.
#ifndef VIDYA_OPENBLAS_ELEMENTWISE_H
#define VIDYA_OPENBLAS_ELEMENTWISE_H

#include <functional>

#include "base/common.h"
#include "base/layout.h"

namespace vob {

constexpr int64_t kBlock = 1024;  // elements: four operands of float32 stay in the first cache

using Finder = std::function<vd_status(const vd_call&, std::unique_ptr<Kernel>&, vd_err*)>;

/* Where an operand lies across the walk, each element in another line of memory, a copy by tiles is
 * made several times as fast as it is read. `kernel`, that of the call, is put behind one that asks
 * for contiguous operands; `find` finds the one that takes those. */
vd_status rather_copied(const vd_call& call, const Finder& find, std::unique_ptr<Kernel>& kernel,
                        vd_err* err);

/* What a loop wants: its operands' types differ from the tensors' where those are 16-bit floats,
 * which the driver converts to float32 block by block. */
struct LoopSpec {
  Loop loop = nullptr;
  double cost = 1;  // element-operations per element, for the decision to use threads
  std::vector<double> numbers = {};  // operands in place of absent inputs, and after the inputs
  bool raw = false;                  // takes and gives 16-bit floats as they are
  bool retype = false;               // scalars may have any dtype: they become the loop's
};

/* A kernel that applies `spec` to all inputs of the call; halves become float32 on the way. */
vd_status make_elementwise(Device& d, const vd_call& call, const LoopSpec& spec, uint32_t caps,
                           std::unique_ptr<Kernel>& kernel, vd_err* err);

// The loops that are compiled once, for the baseline.  nullptr if there is none.
Loop int_loop(const char* op, DType t);      // integers and bool
Loop complex_loop(const char* op, DType t);  // complex64 and complex128
Loop libm_loop(const char* op, DType t);     // float32 and float64 through the C library
Loop cast_loop(DType from, DType to);
Loop where_loop(int bytes);

}  // namespace vob

#endif
