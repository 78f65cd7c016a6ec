// Element-wise programs: many instructions over one block that stays in the
// first cache.
#ifndef VIDYA_OPENBLAS_EWISE_H
#define VIDYA_OPENBLAS_EWISE_H

#include "base/common.h"

namespace vob {

/* One instruction; registers are numbered as in the program. */
struct EwiseStep {
  Loop loop;
  int out;
  int in[3];  // unused operands repeat the first
};

struct EwiseProgram {
  int n_inputs = 0;
  int n_registers = 0;
  std::vector<EwiseStep> steps;
  std::vector<int> results;   // the register of each output
  std::vector<int> last_use;  // per register: the index of the last step reading
                              // it; -1: none; steps.size() for a result
  double cost = 0;            // element-operations per element
};

/* Reads the call's `program` and `results`.  `f` is the type it computes in. */
vd_status parse_ewise(const Simd* simd, Float f, const vd_call& call, EwiseProgram& program,
                      vd_err* err);

/* The kernel of a call with `program` and `results`. */
vd_status make_ewise(Device& d, const vd_call& call, std::unique_ptr<Kernel>& kernel, vd_err* err);

}  // namespace vob

#endif
