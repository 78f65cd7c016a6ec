#include "op.hpp"

#include "arguments.hpp"
#include "node.hpp"

namespace vidya {

thread_local int t_autocast = -1;
thread_local PyObject* t_trace = nullptr;

namespace {

Ref values_tuple(const OpObject* op, const Bound& b) {
  Py_ssize_t n = static_cast<Py_ssize_t>(op->params->size());
  Ref tuple(checked(PyTuple_New(n)));
  for (Py_ssize_t i = 0; i < n; ++i) PyTuple_SET_ITEM(tuple.get(), i, Py_NewRef(b.values[i]));
  return tuple;
}

PyObject* call_back(PyObject* function, OpObject* op, const Bound& b) {
  Ref values = values_tuple(op, b);
  return checked(PyObject_CallFunctionObjArgs(function, as_op_object(op), values.get(), nullptr));
}

// May this in-place op write, and is the write to be recorded?
bool check_in_place(OpObject* op, const Bound& b) {
  TensorObject* t = b.tensors[0];
  TensorObject* base = t->base ? as_tensor(t->base) : t;
  bool recorded = t_grad_enabled && (b.requires_grad || base->flags & REQUIRES_GRAD);
  auto refuse = [&](const std::string& why) {
    raise("AutogradError", std::string(PyUnicode_AsUTF8(op->name)) + ": " + why);
  };
  if (recorded && base->flags & REQUIRES_GRAD && !base->grad_fn)
    refuse(std::string(t->base ? "this is a view of a leaf that requires grad, which"
                               : "a leaf that requires grad") +
           " can be written in place only under vidya.no_grad()");
  if (recorded && !op->differentiable)
    refuse("its writes are not recorded for gradients; use vidya.no_grad()");
  if (t->flags & VIEW_COPY)
    refuse("on " + std::string(t->meta->device->name) +
           " a view is a copy, so writing to it would not reach its base; write base[...] = "
           "value");
  return recorded;
}

// Results that show an argument's memory are views of it.
void find_bases(const Bound& b, TensorObject** results, size_t n) {
  for (size_t i = 0; i < n; ++i)
    for (int k = 0; k < b.n_tensors; ++k)
      if (results[i]->storage == b.tensors[k]->storage) {
        set_base(results[i], b.tensors[k]);
        break;
      }
}

// In a trace a tensor from outside has a symbol, and it is the symbol's memory that views show.
void find_base_in_trace(const Bound& b, TensorObject* result) {
  TensorObject* t = b.tensors[0];
  Ref symbol(checked(PyObject_CallMethod(t_trace, "symbol", "O", as_object(t))));
  if (result->storage == as_tensor(symbol.get())->storage) set_base(result, t);
}

// While a plan is made: the call goes into it, and its symbolic results are recorded like real
// ones.
PyObject* traced(OpObject* op, const Bound& b, bool record) {
  Ref result(call_back(g_callbacks.trace, op, b));
  if (op->in_place) {
    if (b.tensors[0]->storage->symbolic) ++b.tensors[0]->storage->version;
    return Py_NewRef(b.values[0]);
  }
  bool view = !op->takes_out && t_grad_enabled;  // bodies of ops run without gradients
  if (!record && !view) return result.release();
  // A body may hand its argument back: the history belongs to a tensor of its own.
  TensorObject* outputs[kMaxTensors];
  bool single = is_tensor(result.get());
  Py_ssize_t n = single ? 1 : PyTuple_GET_SIZE(result.get());
  Ref fresh(single ? nullptr : checked(PyTuple_New(n)));
  for (Py_ssize_t i = 0; i < n; ++i) {
    PyObject* item = single ? result.get() : PyTuple_GET_ITEM(result.get(), i);
    outputs[i] = tensor_alias(as_tensor(item));
    if (view) find_base_in_trace(b, outputs[i]);
    if (single)
      fresh = Ref(as_object(outputs[i]));
    else
      PyTuple_SET_ITEM(fresh.get(), i, as_object(outputs[i]));
  }
  if (record) node_record(op, static_cast<int>(n), !single, b, outputs);
  return fresh.release();
}

// A tuple for n results, of the op's own type if it has one; the items are still to be set.
PyObject* results_tuple(const OpObject* op, Py_ssize_t n) {
  return checked(op->results ? op->results->tp_alloc(op->results, n) : PyTuple_New(n));
}

// What a body made, in the op's own type of tuple.
PyObject* with_names(const OpObject* op, PyObject* result) {
  if (!op->results || !PyTuple_CheckExact(result)) return result;
  Ref plain(result);
  Py_ssize_t n = PyTuple_GET_SIZE(result);
  PyObject* named = results_tuple(op, n);
  for (Py_ssize_t i = 0; i < n; ++i)
    PyTuple_SET_ITEM(named, i, Py_NewRef(PyTuple_GET_ITEM(result, i)));
  return named;
}

PlanPtr plan_for(OpObject* op, const Bound& b, const Key& key) {
  uint64_t hash = key.hash();
  if (const PlanPtr* found = op->memo->find(key, hash)) return *found;
  Ref made(call_back(g_callbacks.resolve, op, b));
  PlanPtr plan = plan_of(made.get());
  op->memo->insert(key, hash, plan);
  if (key.objects)  // an address must not come to mean another object: they live on
    for (size_t i = 0; i < op->params->size(); ++i)
      if ((*op->params)[i].kind == Param::ATTRIBUTE) Py_INCREF(b.values[i]);
  return plan;
}

void run(const OpObject* op, const Plan& plan, const Bound& b, TensorObject** results,
         TensorObject* into = nullptr) {
  try {
    plan.run(b.tensors, b.numbers, results, into);
  } catch (const PythonError&) {
    if (PyErr_ExceptionMatches(PyExc_OverflowError)) {
      PyErr_Clear();
      raise(PyExc_OverflowError,
            std::string(PyUnicode_AsUTF8(op->name)) + ": an integer does not fit 64 bits");
    }
    throw;
  }
}

PyObject* compute(OpObject* op, Bound& b, const Key& key) {
  bool record = t_grad_enabled && b.requires_grad && op->differentiable && !op->in_place;
  if (record && !op->has_pullback) return with_names(op, call_back(g_callbacks.decompose, op, b));
  bool recorded_write = op->in_place && check_in_place(op, b);
  if (t_trace) {
    Ref result(with_names(op, traced(op, b, record)));
    if (recorded_write) Ref(call_back(g_callbacks.wrote, op, b));
    return result.release();
  }
  if (b.symbolic)
    raise("TraceError", std::string(PyUnicode_AsUTF8(op->name)) +
                            ": a tensor of a trace was used after the trace ended");
  PlanPtr plan = plan_for(op, b, key);
  TensorObject* results[kMaxTensors];
  run(op, *plan, b, results);
  if (op->in_place) {
    for (size_t i = 0; i < plan->outputs.size(); ++i) Py_DECREF(as_object(results[i]));
    if (recorded_write) Ref(call_back(g_callbacks.wrote, op, b));
    return Py_NewRef(b.values[0]);
  }
  size_t n = plan->outputs.size();
  Ref owned;
  if (plan->returns_tuple) {
    owned = Ref(results_tuple(op, static_cast<Py_ssize_t>(n)));
    for (size_t i = 0; i < n; ++i)
      PyTuple_SET_ITEM(owned.get(), static_cast<Py_ssize_t>(i), as_object(results[i]));
  } else {
    owned = Ref(as_object(results[0]));
  }
  find_bases(b, results, n);
  if (record) node_record(op, static_cast<int>(n), plan->returns_tuple, b, results);
  return owned.release();
}

// Computes straight into t's memory, where the plan can and nothing is recorded.
bool compute_into(OpObject* op, const Bound& b, const Key& key, TensorObject* t) {
  const TensorObject* base = t->base ? as_tensor(t->base) : t;
  bool recorded = t_grad_enabled && (b.requires_grad || (t->flags | base->flags) & REQUIRES_GRAD);
  if (t_trace || b.symbolic || recorded || op->in_place) return false;
  PlanPtr plan = plan_for(op, b, key);
  if (!plan->can_write(t, b.tensors)) return false;
  TensorObject* result;
  run(op, *plan, b, &result, t);
  Py_DECREF(as_object(result));
  ++t->storage->version;
  return true;
}

}  // namespace

PyObject* call_op(OpObject* op, PyObject* const* args, Py_ssize_t nargs, PyObject* kwnames,
                  PyObject* overwrite) {
  return guarded<PyObject*>(nullptr, [&]() -> PyObject* {
    Bound b;
    Key key;
    Keep keep;
    bind(op, args, nargs, kwnames, &b);
    if (!overwrite && b.overwrite) overwrite = op->name;
    bool casts = t_autocast >= 0 && op->autocast;
    if (overwrite) {
      Ref values = values_tuple(op, b);
      PyObject* first = b.values[0];
      if (!is_tensor(first)) bad_call(op, "needs a Tensor to write into");
      if (!casts) {
        classify(op, &b, &key, &keep);
        if (compute_into(op, b, key, as_tensor(first))) return Py_NewRef(first);
      }
      return checked(PyObject_CallFunctionObjArgs(g_callbacks.overwrite, as_op_object(op),
                                                  values.get(), overwrite, nullptr));
    }
    if (casts) autocast(op, &b, &keep);
    classify(op, &b, &key, &keep);
    if (!b.out) return compute(op, b, key);
    if (t_grad_enabled && b.requires_grad)
      raise("AutogradError", std::string(PyUnicode_AsUTF8(op->name)) +
                                 ": out= is not recorded for gradients, and an argument requires "
                                 "grad; leave it out, or use vidya.no_grad()");
    if (is_tensor(b.out) && compute_into(op, b, key, as_tensor(b.out))) return Py_NewRef(b.out);
    Ref result(compute(op, b, key));
    return checked(PyObject_CallFunctionObjArgs(g_callbacks.write_out, op->name, result.get(),
                                                b.out, nullptr));
  });
}

void set_callbacks(const std::vector<PyObject*>& in_this_order) {
  PyObject** callbacks[] = {
      &g_callbacks.resolve,   &g_callbacks.trace, &g_callbacks.decompose,
      &g_callbacks.convert,   &g_callbacks.cast,  &g_callbacks.write_out,
      &g_callbacks.overwrite, &g_callbacks.wrote, &g_callbacks.refresh,
  };
  if (in_this_order.size() != std::size(callbacks))
    raise(PyExc_TypeError, "set_callbacks takes " + std::to_string(std::size(callbacks)));
  for (size_t i = 0; i < in_this_order.size(); ++i) *callbacks[i] = Py_NewRef(in_this_order[i]);
}

// `t` holds now what op(values...) would give: the call is recorded as if it had been made.
void record_as(OpObject* op, PyObject* const* values, Py_ssize_t n, TensorObject* t) {
  Bound b;
  Key key;
  Keep keep;
  bind(op, values, n, nullptr, &b);
  classify(op, &b, &key, &keep);
  node_record(op, 1, false, b, &t);
}

void refresh_history(TensorObject* view) {
  view->rewrites = as_tensor(view->base)->rewrites;
  Ref(checked(PyObject_CallOneArg(g_callbacks.refresh, as_object(view))));
}

}  // namespace vidya
