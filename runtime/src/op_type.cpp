// The Python type of ops.
#include "op.hpp"

#include <structmember.h>

#include <unordered_set>

#include "memo.hpp"

namespace vidya {

PyTypeObject* OpType = nullptr;

namespace {

std::unordered_set<OpObject*>& all_ops() {
  static auto* ops = new std::unordered_set<OpObject*>;
  return *ops;
}

PyObject* call(PyObject* self, PyObject* const* args, size_t nargsf, PyObject* kwnames) {
  return call_op(reinterpret_cast<OpObject*>(self), args, PyVectorcall_NARGS(nargsf), kwnames);
}

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

void clear_memos() {
  for (OpObject* op : all_ops()) op->memo->clear();
}

}  // namespace vidya
