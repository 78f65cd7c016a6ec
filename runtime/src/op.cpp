#include "op.hpp"

#include <structmember.h>

#include <unordered_set>

#include "arguments.hpp"
#include "node.hpp"

namespace vidya {

PyTypeObject* OpType = nullptr;
thread_local int t_autocast = -1;
thread_local PyObject* t_trace = nullptr;

namespace {

std::unordered_set<OpObject*>& all_ops() {
  static auto* ops = new std::unordered_set<OpObject*>;
  return *ops;
}

Ref values_tuple(const OpObject* op, const Bound& b) {
  Py_ssize_t n = static_cast<Py_ssize_t>(op->params->size());
  Ref tuple(checked(PyTuple_New(n)));
  for (Py_ssize_t i = 0; i < n; ++i) PyTuple_SET_ITEM(tuple.get(), i, Py_NewRef(b.values[i]));
  return tuple;
}

PyObject* call_back(PyObject* function, OpObject* op, const Bound& b) {
  Ref values = values_tuple(op, b);
  return checked(PyObject_CallFunctionObjArgs(function, reinterpret_cast<PyObject*>(op),
                                              values.get(), nullptr));
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
  uint64_t hash = key.hash();
  PlanPtr plan;
  if (const PlanPtr* found = op->memo->find(key, hash)) {
    plan = *found;
  } else {
    Ref made(call_back(g_callbacks.resolve, op, b));
    plan = plan_of(made.get());
    op->memo->insert(key, hash, plan);
    if (key.objects)  // an address must not come to mean another object: they live on
      for (size_t i = 0; i < op->params->size(); ++i)
        if ((*op->params)[i].kind == Param::ATTRIBUTE) Py_INCREF(b.values[i]);
  }
  TensorObject* results[kMaxTensors];
  try {
    plan->run(b.tensors, b.numbers, results);
  } catch (const PythonError&) {
    if (PyErr_ExceptionMatches(PyExc_OverflowError)) {
      PyErr_Clear();
      raise(PyExc_OverflowError,
            std::string(PyUnicode_AsUTF8(op->name)) + ": an integer does not fit 64 bits");
    }
    throw;
  }
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

// The result goes into the tensor (or tuple of them) that the caller named, which is returned.
PyObject* written_out(OpObject* op, PyObject* result, PyObject* out, bool inplace) {
  Ref owned(result);
  return checked(PyObject_CallFunctionObjArgs(g_callbacks.write_out, op->name, result, out,
                                              inplace ? Py_True : Py_False, nullptr));
}

PyObject* call(PyObject* self, PyObject* const* args, size_t nargsf, PyObject* kwnames) {
  auto* op = reinterpret_cast<OpObject*>(self);
  return guarded<PyObject*>(nullptr, [&]() -> PyObject* {
    Bound b;
    Key key;
    Keep keep;
    bind(op, args, PyVectorcall_NARGS(nargsf), kwnames, &b);
    if (t_autocast >= 0 && op->autocast) autocast(op, &b, &keep);
    classify(op, &b, &key, &keep);
    if (b.overwrite) {
      if (t_grad_enabled && b.requires_grad) return call_back(g_callbacks.overwrite, op, b);
      b.out = b.values[0];
    }
    if (!b.out) return compute(op, b, key);
    if (t_grad_enabled && b.requires_grad)
      raise("AutogradError", std::string(PyUnicode_AsUTF8(op->name)) +
                                 ": out= is not recorded for gradients, and an argument requires "
                                 "grad; leave it out, or use vidya.no_grad()");
    return written_out(op, compute(op, b, key), b.out, b.overwrite);
  });
}

// ---- the type ----

// Op(name, params, definition, differentiable, in_place, takes_out)
// params: sequence of (name, kind, has_default, default, other spellings)
PyObject* tp_new(PyTypeObject* type, PyObject* args, PyObject*) {
  return guarded<PyObject*>(nullptr, [&]() -> PyObject* {
    PyObject *name, *params, *definition;
    int differentiable, in_place, takes_out;
    if (!PyArg_ParseTuple(args, "UOOppp", &name, &params, &definition, &differentiable, &in_place,
                          &takes_out))
      throw PythonError();
    auto* op = reinterpret_cast<OpObject*>(checked(type->tp_alloc(type, 0)));
    Ref owner(reinterpret_cast<PyObject*>(op));
    op->vectorcall = call;
    op->name = Py_NewRef(name);
    op->definition = Py_NewRef(definition);
    op->params = new std::vector<Param>;
    op->memo = new Memo;
    op->differentiable = differentiable;
    op->in_place = in_place;
    op->takes_out = takes_out;
    Py_ssize_t n = PySequence_Size(params);
    if (n > kMaxParams) raise(PyExc_ValueError, "an op has at most 24 parameters");
    for (Py_ssize_t i = 0; i < n; ++i) {
      Ref item(checked(PySequence_GetItem(params, i)));
      PyObject *pname, *dflt, *also;
      int kind, has_default;
      if (!PyArg_ParseTuple(item.get(), "UipOO!", &pname, &kind, &has_default, &dflt, &PyTuple_Type,
                            &also))
        throw PythonError();
      Py_INCREF(pname);
      PyUnicode_InternInPlace(&pname);
      op->params->push_back(
          {static_cast<Param::Kind>(kind), pname, has_default ? Py_NewRef(dflt) : nullptr, {}});
      for (Py_ssize_t k = 0; k < PyTuple_GET_SIZE(also); ++k)
        op->params->back().also.push_back(Py_NewRef(PyTuple_GET_ITEM(also, k)));
    }
    all_ops().insert(op);
    return owner.release();
  });
}

void dealloc(PyObject* self) {
  auto* op = reinterpret_cast<OpObject*>(self);
  PyTypeObject* type = Py_TYPE(self);
  all_ops().erase(op);
  if (op->params)
    for (Param& p : *op->params) {
      Py_DECREF(p.name);
      Py_XDECREF(p.default_value);
      for (PyObject* spelling : p.also) Py_DECREF(spelling);
    }
  delete op->params;
  delete op->memo;
  Py_XDECREF(op->name);
  Py_XDECREF(op->definition);
  Py_XDECREF(op->results);
  Py_XDECREF(op->dict);
  type->tp_free(self);
  Py_DECREF(type);
}

PyObject* descr_get(PyObject* self, PyObject* instance, PyObject*) {
  if (!instance || instance == Py_None) return Py_NewRef(self);
  return PyMethod_New(self, instance);
}
PyObject* repr(PyObject* self) {
  return PyUnicode_FromFormat("<vidya op %U>", reinterpret_cast<OpObject*>(self)->name);
}
PyObject* get_name(PyObject* self, void*) {
  return Py_NewRef(reinterpret_cast<OpObject*>(self)->name);
}
PyObject* get_definition(PyObject* self, void*) {
  return Py_NewRef(reinterpret_cast<OpObject*>(self)->definition);
}
PyObject* get_memo_size(PyObject* self, void*) {
  return PyLong_FromSize_t(reinterpret_cast<OpObject*>(self)->memo->size());
}

// set_gradient(saves, saves_outputs): this op now has a pullback.
PyObject* m_set_gradient(PyObject* self, PyObject* args) {
  unsigned long long saves;
  int saves_outputs;
  if (!PyArg_ParseTuple(args, "Kp", &saves, &saves_outputs)) return nullptr;
  auto* op = reinterpret_cast<OpObject*>(self);
  op->saves = saves;
  op->saves_outputs = saves_outputs;
  op->has_pullback = true;
  Py_RETURN_NONE;
}

// set_autocast(): under autocast this op takes low precision.
PyObject* m_set_autocast(PyObject* self, PyObject*) {
  reinterpret_cast<OpObject*>(self)->autocast = true;
  Py_RETURN_NONE;
}

// set_inplace(): as an activation of PyTorch's nn.functional it takes inplace=.
PyObject* m_set_inplace(PyObject* self, PyObject*) {
  reinterpret_cast<OpObject*>(self)->takes_inplace = true;
  Py_RETURN_NONE;
}

// set_results(type): several results come in this subclass of tuple.
PyObject* m_set_results(PyObject* self, PyObject* type) {
  if (!PyType_Check(type) ||
      !PyType_IsSubtype(reinterpret_cast<PyTypeObject*>(type), &PyTuple_Type)) {
    PyErr_SetString(PyExc_TypeError, "results need a subclass of tuple");
    return nullptr;
  }
  auto* op = reinterpret_cast<OpObject*>(self);
  Py_XSETREF(op->results, reinterpret_cast<PyTypeObject*>(Py_NewRef(type)));
  Py_RETURN_NONE;
}

// Copies and pickles are the op itself, by its name.
PyObject* m_reduce(PyObject* self, PyObject*) {
  return guarded<PyObject*>(nullptr, [&] {
    Ref module(checked(PyImport_ImportModule("vidya.schema")));
    Ref function(checked(PyObject_GetAttrString(module.get(), "op_named")));
    return checked(Py_BuildValue("O(O)", function.get(), reinterpret_cast<OpObject*>(self)->name));
  });
}

PyMethodDef kMethods[] = {{"__reduce__", m_reduce, METH_NOARGS, nullptr},
                          {"set_gradient", m_set_gradient, METH_VARARGS, nullptr},
                          {"set_inplace", m_set_inplace, METH_NOARGS, nullptr},
                          {"set_results", m_set_results, METH_O, nullptr},
                          {"set_autocast", m_set_autocast, METH_NOARGS, nullptr},
                          {nullptr, nullptr, 0, nullptr}};

PyGetSetDef kGetSet[] = {
    {"name", get_name, nullptr, "The op's name.", nullptr},
    {"__name__", get_name, nullptr, nullptr, nullptr},
    {"definition", get_definition, nullptr, "The OpDef: rule, gradient, documentation.", nullptr},
    {"memo_size", get_memo_size, nullptr, "How many plans are remembered.", nullptr},
    {"__dict__", PyObject_GenericGetDict, PyObject_GenericSetDict, nullptr, nullptr},
    {nullptr, nullptr, nullptr, nullptr, nullptr}};

PyMemberDef kMembers[] = {
    {"__vectorcalloffset__", T_PYSSIZET, offsetof(OpObject, vectorcall), READONLY, nullptr},
    {"__dictoffset__", T_PYSSIZET, offsetof(OpObject, dict), READONLY, nullptr},
    {nullptr, 0, 0, 0, nullptr}};

PyType_Slot kSlots[] = {{Py_tp_new, reinterpret_cast<void*>(tp_new)},
                        {Py_tp_dealloc, reinterpret_cast<void*>(dealloc)},
                        {Py_tp_call, reinterpret_cast<void*>(PyVectorcall_Call)},
                        {Py_tp_descr_get, reinterpret_cast<void*>(descr_get)},
                        {Py_tp_repr, reinterpret_cast<void*>(repr)},
                        {Py_tp_getset, kGetSet},
                        {Py_tp_methods, kMethods},
                        {Py_tp_members, kMembers},
                        {0, nullptr}};

PyType_Spec kSpec = {"vidya._core.Op", sizeof(OpObject), 0,
                     Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_VECTORCALL | Py_TPFLAGS_METHOD_DESCRIPTOR,
                     kSlots};

}  // namespace

void op_init_type(PyObject* module) {
  OpType = reinterpret_cast<PyTypeObject*>(checked(PyType_FromSpec(&kSpec)));
  PyModule_AddObjectRef(module, "Op", reinterpret_cast<PyObject*>(OpType));
}

void set_callbacks(const std::vector<PyObject*>& in_this_order) {
  PyObject** callbacks[] = {
      &g_callbacks.resolve, &g_callbacks.trace,     &g_callbacks.decompose,
      &g_callbacks.convert, &g_callbacks.cast,      &g_callbacks.write_out,
      &g_callbacks.wrote,   &g_callbacks.overwrite, &g_callbacks.refresh,
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

void clear_memos() {
  for (OpObject* op : all_ops()) op->memo->clear();
}

}  // namespace vidya
