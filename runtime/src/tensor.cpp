// The Python type under vidya.Tensor.
#include "tensor.hpp"

#include <structmember.h>

namespace vidya {

PyTypeObject* TensorBaseType = nullptr;
thread_local bool t_grad_enabled = true;

namespace {

PyTypeObject* g_class = nullptr;

int traverse(PyObject* self, visitproc visit, void* arg) {
  auto* t = as_tensor(self);
  Py_VISIT(Py_TYPE(self));
  Py_VISIT(t->grad_fn);
  Py_VISIT(t->grad);
  Py_VISIT(t->hooks);
  Py_VISIT(t->base);
  return 0;
}

int clear(PyObject* self) {
  auto* t = as_tensor(self);
  Py_CLEAR(t->grad_fn);
  Py_CLEAR(t->grad);
  Py_CLEAR(t->hooks);
  Py_CLEAR(t->base);
  return 0;
}

void dealloc(PyObject* self) {
  auto* t = as_tensor(self);
  PyTypeObject* type = Py_TYPE(self);
  PyObject_GC_UnTrack(self);
  Py_TRASHCAN_BEGIN(self, dealloc);
  if (t->weakrefs) PyObject_ClearWeakRefs(self);
  clear(self);
  storage_unref(t->storage);
  meta_unref(t->meta);
  type->tp_free(self);
  Py_DECREF(type);
  Py_TRASHCAN_END;
}

// TensorBase(other): an alias, so that nn.Parameter(tensor) shares memory.
PyObject* tp_new(PyTypeObject* type, PyObject* args, PyObject*) {
  return guarded<PyObject*>(nullptr, [&]() -> PyObject* {
    PyObject* other = nullptr;
    if (PyTuple_GET_SIZE(args) >= 1) other = PyTuple_GET_ITEM(args, 0);
    if (!other || !is_tensor(other))
      raise(PyExc_TypeError, "make tensors with vidya.tensor(data), vidya.zeros(...) ...");
    auto* t = as_tensor(other);
    auto* self = as_tensor(checked(type->tp_alloc(type, 0)));
    self->storage = t->storage ? storage_ref(t->storage) : nullptr;
    self->meta = meta_ref(t->meta);
    self->offset = t->offset;
    return as_object(self);
  });
}

PyMemberDef kMembers[] = {
    {"__weaklistoffset__", T_PYSSIZET, offsetof(TensorObject, weakrefs), READONLY, nullptr},
    {nullptr, 0, 0, 0, nullptr}};

PyType_Slot kSlots[] = {{Py_tp_dealloc, reinterpret_cast<void*>(dealloc)},
                        {Py_tp_traverse, reinterpret_cast<void*>(traverse)},
                        {Py_tp_clear, reinterpret_cast<void*>(clear)},
                        {Py_tp_new, reinterpret_cast<void*>(tp_new)},
                        {Py_tp_getset, kTensorAttributes},
                        {Py_tp_methods, kTensorMethods},
                        {Py_tp_members, kMembers},
                        {0, nullptr}};

PyType_Spec kSpec = {"vidya._core.TensorBase", sizeof(TensorObject), 0,
                     Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC, kSlots};

}  // namespace

void tensor_init_type(PyObject* module) {
  TensorBaseType = reinterpret_cast<PyTypeObject*>(checked(PyType_FromSpec(&kSpec)));
  g_class = TensorBaseType;
  PyModule_AddObjectRef(module, "TensorBase", reinterpret_cast<PyObject*>(TensorBaseType));
}

void set_tensor_class(PyObject* cls) {
  if (!PyType_Check(cls) || !PyType_IsSubtype(reinterpret_cast<PyTypeObject*>(cls), TensorBaseType))
    raise(PyExc_TypeError, "the tensor class must derive from TensorBase");
  g_class = reinterpret_cast<PyTypeObject*>(Py_NewRef(cls));
}
PyTypeObject* tensor_class() { return g_class; }

namespace {
thread_local std::vector<std::vector<PyObject*>> t_scopes;  // weak references
}

TensorObject* tensor_new(Storage* storage, Meta* meta, int64_t offset, uint32_t flags) {
  auto* t = as_tensor(g_class->tp_alloc(g_class, 0));
  if (!t) {
    storage_unref(storage);
    meta_unref(meta);
    throw PythonError();
  }
  t->storage = storage;
  t->meta = meta;
  t->offset = offset;
  t->flags = flags;
  if (!t_scopes.empty() && storage && !storage->symbolic)
    t_scopes.back().push_back(checked(PyWeakref_NewRef(as_object(t), nullptr)));
  return t;
}

void scope_begin() { t_scopes.emplace_back(); }

void scope_end(const std::unordered_set<PyObject*>& kept) {
  std::vector<PyObject*> made = std::move(t_scopes.back());
  t_scopes.pop_back();
  for (PyObject* weak : made) {
    PyObject* object = PyWeakref_GET_OBJECT(weak);
    if (object != Py_None) {
      auto* t = as_tensor(object);
      if (kept.count(object) || t->flags & (KEEP | PARAM)) {
        if (!t_scopes.empty()) {
          t_scopes.back().push_back(weak);  // the outer scope's business now
          continue;
        }
      } else {
        Storage* storage = t->storage;
        t->storage = nullptr;
        storage_unref(storage);
      }
    }
    Py_DECREF(weak);
  }
}

void set_base(TensorObject* view, TensorObject* of) {
  TensorObject* base = of->base ? as_tensor(of->base) : of;
  Py_XSETREF(view->base, Py_NewRef(as_object(base)));
  view->rewrites = base->rewrites;
}

TensorObject* tensor_alias(TensorObject* t) {
  return tensor_new(t->storage ? storage_ref(t->storage) : nullptr, meta_ref(t->meta), t->offset,
                    t->flags & (WEAK | VIEW_COPY));
}

void fill_vd(const TensorObject* t, vd_tensor* out) {
  *out = vd_tensor{};
  out->buffer = t->storage->buffer;
  out->offset = static_cast<uint64_t>(t->offset);
  out->shape = t->meta->shape();
  out->strides = t->meta->strides();
  out->ndim = t->meta->ndim;
  out->dtype = kDtypes[t->meta->dtype].vd;
  out->flags = t->flags & PARAM ? VD_TENSOR_PARAM : 0;
}

}  // namespace vidya
