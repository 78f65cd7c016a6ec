// Op: the callable behind vidya.add and x.relu(). Binds arguments, looks the plan up, runs it.
#pragma once
#include "plan.hpp"

namespace vidya {

constexpr int kMaxParams = 24;
constexpr int kMaxTensors = 1024;

struct Param {
  enum Kind : uint8_t {
    TENSOR,    // a Tensor
    OPERAND,   // a Tensor or a Python number (whose value is no part of the memo's key)
    OPTIONAL,  // a Tensor or None
    LIST,      // a sequence of Tensors
    ATTRIBUTE  // anything hashable: part of the memo's key
  } kind;
  PyObject* name;               // interned
  PyObject* default_value;      // null: required
  std::vector<PyObject*> also;  // other names it may be given by: axis for dim
};

// The arguments of one call, sorted out.
struct Bound {
  PyObject* values[kMaxParams];  // borrowed, one per parameter
  TensorObject* tensors[kMaxTensors];
  PyObject* numbers[kMaxParams];
  int n_tensors = 0;
  int n_numbers = 0;
  bool symbolic = false;       // a tensor of a trace is among them
  bool requires_grad = false;  // a gradient is wanted for one of them
  PyObject* out = nullptr;     // where the result is to go: a tensor, or several
  bool overwrite = false;      // inplace=True: into the first argument
};

class Memo;

struct OpObject {
  PyObject_HEAD vectorcallfunc vectorcall;
  PyObject* name;
  PyObject* definition;  // the Python OpDef
  std::vector<Param>* params;
  Memo* memo;
  uint64_t saves;  // bit i: parameter i is saved for backward
  bool saves_outputs;
  bool has_pullback;      // else gradients come from differentiating the body
  bool differentiable;    // else results carry no history
  bool in_place;          // returns its first argument
  bool takes_out;         // out= names a tensor for the result
  bool takes_inplace;     // inplace= overwrites the first argument
  bool autocast;          // under autocast its float32 tensors are cast first
  PyTypeObject* results;  // the named tuple of several results, or null for a plain one
  PyObject* dict;         // __doc__, __signature__ ...
};

extern PyTypeObject* OpType;
void op_init_type(PyObject* module);
void overwriting_init_type(PyObject* module);
inline PyObject* as_op_object(OpObject* op) { return reinterpret_cast<PyObject*>(op); }

// A call from Python: null where it raised. `overwrite` is the name of the form that writes the
// result into the first argument, or null.
PyObject* call_op(OpObject* op, PyObject* const* args, Py_ssize_t nargs, PyObject* kwnames,
                  PyObject* overwrite = nullptr);

// Callbacks into vidya/engine: resolve(op, values) -> Plan, trace(op, values) -> result,
// decompose(op, values) -> result, convert(op, name, object) -> Tensor, cast(tensor, dtype),
// write_out(op's name, result, out) -> out, overwrite(op, values, name) -> the first argument; and
// where gradients are recorded: wrote(op, values) after a write in place, refresh(view).
void set_callbacks(const std::vector<PyObject*>& in_this_order);
void record_as(OpObject* op, PyObject* const* values, Py_ssize_t n, TensorObject* t);
PlanPtr plan_of(PyObject* object);  // unwraps a _core.Plan

extern thread_local int t_autocast;     // the dtype of autocast in this thread, or -1
extern thread_local PyObject* t_trace;  // the trace this thread records into, or null
void clear_memos();

}  // namespace vidya
