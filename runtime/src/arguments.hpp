// From the arguments of a call to what an op works on: names, kinds, and the memo's key.
#pragma once
#include "memo.hpp"
#include "op.hpp"

namespace vidya {

// Converted arguments (arrays given for tensors) live until the call ends.
struct Keep {
  std::vector<Ref> refs;
};

// The Python functions that calls come back to; see set_callbacks.
struct Callbacks {
  PyObject *resolve, *trace, *decompose, *convert, *cast, *write_out, *overwrite;
  PyObject *wrote, *refresh;  // recorded writes
};
extern Callbacks g_callbacks;

[[noreturn]] void bad_call(const OpObject* op, const std::string& text);

// One value per parameter, by position, name or default. Throws TypeError.
void bind(OpObject* op, PyObject* const* args, Py_ssize_t nargs, PyObject* kwnames, Bound* b);

// Under autocast: float32 tensors of an op that gains from low precision are cast, as ops of their
// own, so that autograd saves the small copies and goes back through the casts.
void autocast(OpObject* op, Bound* b, Keep* keep);

// Sorts the values into tensors, numbers and attributes, and makes the key.
void classify(OpObject* op, Bound* b, Key* key, Keep* keep);

}  // namespace vidya
