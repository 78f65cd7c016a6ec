// Overwriting(op, name): the op's form that writes its result into its first argument, as add_ is
// of add.
#include "op.hpp"

#include <structmember.h>

namespace vidya {

namespace {

struct Overwriting {
  PyObject_HEAD vectorcallfunc vectorcall;
  OpObject* op;
  PyObject* name;  // as errors say it
  PyObject* dict;  // __doc__ ...
};

Overwriting* of(PyObject* self) { return reinterpret_cast<Overwriting*>(self); }

PyObject* call(PyObject* self, PyObject* const* args, size_t nargsf, PyObject* kwnames) {
  return call_op(of(self)->op, args, PyVectorcall_NARGS(nargsf), kwnames, of(self)->name);
}

PyObject* tp_new(PyTypeObject* type, PyObject* args, PyObject*) {
  PyObject *op, *name;
  if (!PyArg_ParseTuple(args, "O!U", OpType, &op, &name)) return nullptr;
  PyObject* self = type->tp_alloc(type, 0);
  if (!self) return nullptr;
  of(self)->vectorcall = call;
  of(self)->op = reinterpret_cast<OpObject*>(Py_NewRef(op));
  of(self)->name = Py_NewRef(name);
  return self;
}

void dealloc(PyObject* self) {
  PyTypeObject* type = Py_TYPE(self);
  Py_XDECREF(as_op_object(of(self)->op));
  Py_XDECREF(of(self)->name);
  Py_XDECREF(of(self)->dict);
  type->tp_free(self);
  Py_DECREF(type);
}

PyObject* descr_get(PyObject* self, PyObject* instance, PyObject*) {
  if (!instance || instance == Py_None) return Py_NewRef(self);
  return PyMethod_New(self, instance);
}
PyObject* repr(PyObject* self) { return PyUnicode_FromFormat("<vidya op %U>", of(self)->name); }
PyObject* get_name(PyObject* self, void*) { return Py_NewRef(of(self)->name); }
PyObject* get_op(PyObject* self, void*) { return Py_NewRef(as_op_object(of(self)->op)); }

PyGetSetDef kGetSet[] = {
    {"__name__", get_name, nullptr, nullptr, nullptr},
    {"op", get_op, nullptr, "The op whose result it writes.", nullptr},
    {"__dict__", PyObject_GenericGetDict, PyObject_GenericSetDict, nullptr, nullptr},
    {nullptr, nullptr, nullptr, nullptr, nullptr}};

PyMemberDef kMembers[] = {
    {"__vectorcalloffset__", T_PYSSIZET, offsetof(Overwriting, vectorcall), READONLY, nullptr},
    {"__dictoffset__", T_PYSSIZET, offsetof(Overwriting, dict), READONLY, nullptr},
    {nullptr, 0, 0, 0, nullptr}};

PyType_Slot kSlots[] = {{Py_tp_new, reinterpret_cast<void*>(tp_new)},
                        {Py_tp_dealloc, reinterpret_cast<void*>(dealloc)},
                        {Py_tp_call, reinterpret_cast<void*>(PyVectorcall_Call)},
                        {Py_tp_descr_get, reinterpret_cast<void*>(descr_get)},
                        {Py_tp_repr, reinterpret_cast<void*>(repr)},
                        {Py_tp_getset, kGetSet},
                        {Py_tp_members, kMembers},
                        {0, nullptr}};

PyType_Spec kSpec = {"vidya._core.Overwriting", sizeof(Overwriting), 0,
                     Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_VECTORCALL | Py_TPFLAGS_METHOD_DESCRIPTOR,
                     kSlots};

}  // namespace

void overwriting_init_type(PyObject* module) {
  Ref type(checked(PyType_FromSpec(&kSpec)));
  PyModule_AddObjectRef(module, "Overwriting", type.get());
}

}  // namespace vidya
