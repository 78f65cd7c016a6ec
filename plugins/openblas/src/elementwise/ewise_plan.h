// How an element-wise program runs over given tensors: all that is decided before it runs.
#ifndef VIDYA_OPENBLAS_EWISE_PLAN_H
#define VIDYA_OPENBLAS_EWISE_PLAN_H

#include "elementwise/elementwise.h"
#include "elementwise/ewise.h"

namespace vob {

constexpr int kEwiseRegisters = 256;
constexpr int kEwiseScratch = 48 << 10;  // bytes of registers, on the stack of each thread
constexpr int64_t kEwiseBlock = 1024;    // elements, at most

enum class EwiseHow : uint8_t {
  Unused,
  Constant,  // one element: a register is filled with it once
  Direct,    // contiguous, of the program's type: the loops read the tensor
  Convert,   // contiguous, of another type
  Row,       // part of a long row: in place, repeated or gathered by its inner stride
  Period,    // the same short row again and again: a register is filled once
  Pack       // anything else: gathered block by block
};

struct EwiseInput {
  EwiseHow how = EwiseHow::Unused;
  DType type;
  int bytes;
  int slot = -1;
  Layout layout;                // merged on its own
  int64_t stride[VD_MAX_NDIM];  // over the dims that all inputs share
};

struct EwiseOutput {
  DType type;
  int bytes;
  int reg;
  int step = -1;  // the step that may write the tensor itself, if it has the program's type
};

struct EwisePlan {
  /* `like` has the shape of all; the last `sums` outputs are sums over `length` elements each. */
  EwisePlan(const vd_call& call, EwiseProgram program, bool wide, const vd_tensor& like, int sums,
            int64_t length);

  /* Do its registers have room, and blocks their place in the sums? */
  bool fits() const { return slots * slot_bytes <= kEwiseScratch && block > 0; }
  DType type() const { return wide ? DType::F64 : DType::F32; }
  static bool reads_in_place(const EwiseInput& x) {
    return x.how == EwiseHow::Direct || (x.how == EwiseHow::Row && x.slot < 0);
  }

  EwiseProgram program;
  bool wide;  // computes in float64
  int64_t n;
  int bytes;
  double cost = 0;
  int64_t traffic = 0;  // bytes read and written
  std::vector<EwiseInput> inputs;
  std::vector<EwiseOutput> outputs;
  std::vector<int> slot;  // of each register: where it is in the scratch memory
  int slots = 0, slot_bytes = 0, dims = 0;
  int64_t size[VD_MAX_NDIM], inner = 1, block = 0, align = 0;  // threads part at multiples of align
  bool rows = false;                                           // blocks end where a row ends
  bool period = false;                                         // blocks are whole rows
  std::vector<int> sums;                                       // the register of each sum
  int64_t length = 1, cell = 0;  // of a sum, and of what is added up at a time
  int64_t cells_each() const { return cell ? (length + cell - 1) / cell : 0; }
  int64_t cells() const { return n / length * cells_each(); }

 private:
  void join(const vd_call& call, const vd_tensor& like);
  void plan_input(const vd_call& call, int i);
  void plan_output(const vd_call& call, int o);
  void assign_slots();
  void choose_block();
  void choose_cell();
};

}  // namespace vob

#endif
