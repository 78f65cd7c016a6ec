#include "op.hpp"

#include <structmember.h>

#include <cstring>
#include <unordered_map>
#include <unordered_set>

#include "memo.hpp"
#include "node.hpp"

namespace vidya {

PyTypeObject* OpType = nullptr;
thread_local int t_autocast = -1;
thread_local PyObject* t_trace = nullptr;

namespace {

PyObject *g_resolve, *g_trace, *g_decompose, *g_convert, *g_cast;
std::unordered_set<OpObject*>& all_ops() {
  static auto* ops = new std::unordered_set<OpObject*>;
  return *ops;
}

[[noreturn]] void bad_call(const OpObject* op, const std::string& text) {
  raise(PyExc_TypeError, std::string(PyUnicode_AsUTF8(op->name)) + "(): " + text);
}
std::string param_name(const Param& p) { return PyUnicode_AsUTF8(p.name); }

bool is_number(PyObject* v) { return PyFloat_Check(v) || PyLong_Check(v) || PyComplex_Check(v); }

// ---- arguments ----

void bind(OpObject* op, PyObject* const* args, Py_ssize_t nargs, PyObject* kwnames, Bound* b) {
  const auto& params = *op->params;
  Py_ssize_t n = static_cast<Py_ssize_t>(params.size());
  if (nargs > n)
    bad_call(op, "takes at most " + std::to_string(n) + " arguments, got " + std::to_string(nargs));
  for (Py_ssize_t i = 0; i < nargs; ++i) b->values[i] = args[i];
  for (Py_ssize_t i = nargs; i < n; ++i) b->values[i] = nullptr;
  Py_ssize_t n_kw = kwnames ? PyTuple_GET_SIZE(kwnames) : 0;
  for (Py_ssize_t k = 0; k < n_kw; ++k) {
    PyObject* name = PyTuple_GET_ITEM(kwnames, k);
    Py_ssize_t i = 0;
    while (i < n && params[i].name != name) ++i;
    if (i == n)
      for (i = 0; i < n && PyUnicode_Compare(params[i].name, name); ++i) {
      }
    if (i == n) bad_call(op, "has no argument '" + std::string(PyUnicode_AsUTF8(name)) + "'");
    if (b->values[i]) bad_call(op, "got argument '" + param_name(params[i]) + "' twice");
    b->values[i] = args[nargs + k];
  }
  for (Py_ssize_t i = nargs; i < n; ++i) {
    if (b->values[i]) continue;
    if (!params[i].default_value)
      bad_call(op, "argument '" + param_name(params[i]) + "' is missing");
    b->values[i] = params[i].default_value;
  }
}

// Converted arguments (arrays given for tensors) live until the call ends.
struct Keep {
  std::vector<Ref> refs;
};

// Under autocast: float32 tensors of an op that gains from low precision are cast, as ops of their
// own, so that autograd saves the small copies and goes back through the casts.
void autocast(OpObject* op, Bound* b, Keep* keep) {
  for (size_t i = 0; i < op->params->size(); ++i) {
    PyObject* v = b->values[i];
    if ((*op->params)[i].kind == Param::ATTRIBUTE || !is_tensor(v)) continue;
    if (as_tensor(v)->meta->dtype != F32) continue;
    Ref cast(checked(PyObject_CallFunctionObjArgs(g_cast, v, dtype_object(t_autocast), nullptr)));
    b->values[i] = cast.get();
    keep->refs.push_back(std::move(cast));
  }
}

void add_tensor(Bound* b, TensorObject* t, OpObject* op) {
  if (b->n_tensors == kMaxTensors)
    bad_call(op, "takes at most " + std::to_string(kMaxTensors) + " tensors at once");
  if (!t->storage)
    raise("AutogradError", std::string(PyUnicode_AsUTF8(op->name)) +
                               ": this tensor has no memory: its scope ended, or it was not saved "
                               "for backward (`saves=` of the op's pullback)");
  b->symbolic |= t->storage->symbolic;
  b->requires_grad |= (t->flags & REQUIRES_GRAD) != 0;
  b->tensors[b->n_tensors++] = t;
}

// ---- keys ----

enum Tag : uint64_t { NONE = 1, TRUE_, FALSE_, INT, FLOAT, TEXT, TUPLE, OBJECT, NUMBER, LIST };

uint64_t text_id(PyObject* text) {
  static auto* ids = new std::unordered_map<std::string, uint64_t>;
  Py_ssize_t size;
  const char* utf8 = PyUnicode_AsUTF8AndSize(text, &size);
  if (!utf8) throw PythonError();
  return ids->emplace(std::string(utf8, static_cast<size_t>(size)), ids->size()).first->second;
}

void push_attribute(OpObject* op, const Param& p, PyObject* v, Key* key) {
  if (v == Py_None) {
    key->push(NONE);
  } else if (v == Py_True) {
    key->push(TRUE_);
  } else if (v == Py_False) {
    key->push(FALSE_);
  } else if (PyLong_Check(v)) {
    key->push(INT);
    long long i = PyLong_AsLongLong(v);
    if (i == -1 && PyErr_Occurred()) throw PythonError();
    key->push(static_cast<uint64_t>(i));
  } else if (PyFloat_Check(v)) {
    double d = PyFloat_AS_DOUBLE(v);
    uint64_t bits;
    std::memcpy(&bits, &d, sizeof bits);
    key->push(FLOAT);
    key->push(bits);
  } else if (PyUnicode_Check(v)) {
    key->push(TEXT);
    key->push(text_id(v));
  } else if (PyTuple_Check(v) || PyList_Check(v)) {
    Py_ssize_t n = PySequence_Fast_GET_SIZE(v);
    key->push(TUPLE);
    key->push(static_cast<uint64_t>(n));
    for (Py_ssize_t i = 0; i < n; ++i) push_attribute(op, p, PySequence_Fast_GET_ITEM(v, i), key);
  } else if (PyIndex_Check(v)) {  // NumPy's integers
    Ref i(checked(PyNumber_Index(v)));
    push_attribute(op, p, i.get(), key);
  } else if (is_tensor(v)) {
    bad_call(op, "argument '" + param_name(p) + "' must not be a Tensor");
  } else if (Py_TYPE(v)->tp_as_number && Py_TYPE(v)->tp_as_number->nb_float) {  // NumPy's floats
    Ref f(checked(PyNumber_Float(v)));
    push_attribute(op, p, f.get(), key);
  } else if (Py_TYPE(v)->tp_hash && Py_TYPE(v)->tp_hash != PyObject_HashNotImplemented) {
    key->push(OBJECT);  // dtypes, devices: immortal, compared by identity
    key->push(reinterpret_cast<uint64_t>(v));
  } else {
    bad_call(op, "argument '" + param_name(p) + "' cannot be a " + Py_TYPE(v)->tp_name);
  }
}

uint64_t number_tag(PyObject* v) {
  return PyBool_Check(v) ? 1 : PyLong_Check(v) ? 2 : PyFloat_Check(v) ? 3 : 4;
}

void push_tensor(Key* key, const TensorObject* t) {
  key->push(reinterpret_cast<uint64_t>(t->meta) | (t->flags & PARAM ? 1u : 0u));
}

// Sorts the values into tensors, numbers and attributes, and makes the key.
void classify(OpObject* op, Bound* b, Key* key, Keep* keep) {
  const auto& params = *op->params;
  for (size_t i = 0; i < params.size(); ++i) {
    const Param& p = params[i];
    PyObject* v = b->values[i];
    if (p.kind == Param::ATTRIBUTE) {
      push_attribute(op, p, v, key);
    } else if (p.kind == Param::LIST) {
      if (!PyTuple_Check(v) && !PyList_Check(v))
        bad_call(op, "argument '" + param_name(p) + "' must be a list or tuple of Tensors, not " +
                         Py_TYPE(v)->tp_name);
      Py_ssize_t n = PySequence_Fast_GET_SIZE(v);
      key->push(LIST);
      key->push(static_cast<uint64_t>(n));
      for (Py_ssize_t k = 0; k < n; ++k) {
        PyObject* item = PySequence_Fast_GET_ITEM(v, k);
        if (!is_tensor(item))
          bad_call(op, "argument '" + param_name(p) + "' must hold Tensors, but item " +
                           std::to_string(k) + " is a " + Py_TYPE(item)->tp_name);
        add_tensor(b, as_tensor(item), op);
        push_tensor(key, as_tensor(item));
      }
    } else if (is_tensor(v)) {
      add_tensor(b, as_tensor(v), op);
      push_tensor(key, as_tensor(v));
    } else if (p.kind == Param::OPERAND && is_number(v)) {
      b->numbers[b->n_numbers++] = v;
      key->push(NUMBER);
      key->push(number_tag(v));
    } else if (v == Py_None && p.kind != Param::TENSOR) {
      key->push(NONE);
    } else {
      PyObject* like = Py_None;  // an array goes to where the tensors are
      for (size_t k = 0; k < params.size(); ++k)
        if (is_tensor(b->values[k])) like = b->values[k];
      Ref t(checked(PyObject_CallFunctionObjArgs(g_convert, reinterpret_cast<PyObject*>(op), p.name,
                                                 v, like, nullptr)));
      if (!is_tensor(t.get())) bad_call(op, "cannot use argument '" + param_name(p) + "'");
      b->values[i] = t.get();
      add_tensor(b, as_tensor(t.get()), op);
      push_tensor(key, as_tensor(t.get()));
      keep->refs.push_back(std::move(t));
    }
  }
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

// In-place ops write memory that autograd may need: allowed only where nothing is recorded.
void check_in_place(OpObject* op, const Bound& b) {
  if (t_grad_enabled && b.requires_grad) {
    bool leaf = b.tensors[0]->flags & REQUIRES_GRAD && !b.tensors[0]->grad_fn;
    raise("AutogradError",
          std::string(PyUnicode_AsUTF8(op->name)) +
              (leaf ? ": a leaf that requires grad can be written in place only under "
                      "vidya.no_grad()"
                    : ": in-place writes are not recorded for gradients; write x = x + y, or use "
                      "vidya.no_grad()"));
  }
  if (b.tensors[0]->flags & VIEW_COPY)
    raise("AutogradError", std::string(PyUnicode_AsUTF8(op->name)) + ": on " +
                               b.tensors[0]->meta->device->name +
                               " a view is a copy, so writing to it would not reach its base; "
                               "write base[...] = value");
}

// While a plan is made: the call goes into it, and its symbolic results are recorded like real
// ones.
PyObject* traced(OpObject* op, const Bound& b, bool record) {
  Ref result(call_back(g_trace, op, b));
  if (op->in_place) return Py_NewRef(b.values[0]);
  if (!record) return result.release();
  // A body may hand its argument back: the history belongs to a tensor of its own.
  TensorObject* outputs[kMaxTensors];
  bool single = is_tensor(result.get());
  Py_ssize_t n = single ? 1 : PyTuple_GET_SIZE(result.get());
  Ref fresh(single ? nullptr : checked(PyTuple_New(n)));
  for (Py_ssize_t i = 0; i < n; ++i) {
    PyObject* item = single ? result.get() : PyTuple_GET_ITEM(result.get(), i);
    outputs[i] = tensor_alias(as_tensor(item));
    if (single)
      fresh = Ref(as_object(outputs[i]));
    else
      PyTuple_SET_ITEM(fresh.get(), i, as_object(outputs[i]));
  }
  node_record(op, static_cast<int>(n), !single, b, outputs);
  return fresh.release();
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
    bool record = t_grad_enabled && b.requires_grad && op->differentiable && !op->in_place;
    if (record && !op->has_pullback) return call_back(g_decompose, op, b);
    if (op->in_place) check_in_place(op, b);
    if (t_trace) return traced(op, b, record);
    if (b.symbolic)
      raise("TraceError", std::string(PyUnicode_AsUTF8(op->name)) +
                              ": a tensor of a trace was used after the trace ended");
    uint64_t hash = key.hash();
    PlanPtr plan;
    if (const PlanPtr* found = op->memo->find(key, hash)) {
      plan = *found;
    } else {
      Ref made(call_back(g_resolve, op, b));
      plan = plan_of(made.get());
      op->memo->insert(key, hash, plan);
    }
    TensorObject* results[kMaxTensors];
    plan->run(b.tensors, b.numbers, results);
    if (op->in_place) {
      for (size_t i = 0; i < plan->outputs.size(); ++i) Py_DECREF(as_object(results[i]));
      return Py_NewRef(b.values[0]);
    }
    size_t n = plan->outputs.size();
    Ref owned;
    if (plan->returns_tuple) {
      owned = Ref(checked(PyTuple_New(static_cast<Py_ssize_t>(n))));
      for (size_t i = 0; i < n; ++i)
        PyTuple_SET_ITEM(owned.get(), static_cast<Py_ssize_t>(i), as_object(results[i]));
    } else {
      owned = Ref(as_object(results[0]));
    }
    if (record) node_record(op, static_cast<int>(n), plan->returns_tuple, b, results);
    return owned.release();
  });
}

// ---- the type ----

// Op(name, params, definition, differentiable, in_place)
// params: sequence of (name, kind, has_default, default)
PyObject* tp_new(PyTypeObject* type, PyObject* args, PyObject*) {
  return guarded<PyObject*>(nullptr, [&]() -> PyObject* {
    PyObject *name, *params, *definition;
    int differentiable, in_place;
    if (!PyArg_ParseTuple(args, "UOOpp", &name, &params, &definition, &differentiable, &in_place))
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
    Py_ssize_t n = PySequence_Size(params);
    if (n > kMaxParams) raise(PyExc_ValueError, "an op has at most 24 parameters");
    for (Py_ssize_t i = 0; i < n; ++i) {
      Ref item(checked(PySequence_GetItem(params, i)));
      PyObject *pname, *dflt;
      int kind, has_default;
      if (!PyArg_ParseTuple(item.get(), "UipO", &pname, &kind, &has_default, &dflt))
        throw PythonError();
      Py_INCREF(pname);
      PyUnicode_InternInPlace(&pname);
      op->params->push_back(
          {static_cast<Param::Kind>(kind), pname, has_default ? Py_NewRef(dflt) : nullptr});
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
    }
  delete op->params;
  delete op->memo;
  Py_XDECREF(op->name);
  Py_XDECREF(op->definition);
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

PyMethodDef kMethods[] = {{"set_gradient", m_set_gradient, METH_VARARGS, nullptr},
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

void set_callbacks(PyObject* resolve, PyObject* trace, PyObject* decompose, PyObject* convert,
                   PyObject* cast) {
  g_resolve = Py_NewRef(resolve);
  g_trace = Py_NewRef(trace);
  g_decompose = Py_NewRef(decompose);
  g_convert = Py_NewRef(convert);
  g_cast = Py_NewRef(cast);
}

void clear_memos() {
  for (OpObject* op : all_ops()) op->memo->clear();
}

}  // namespace vidya
