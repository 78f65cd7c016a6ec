// What Python reads and writes of a tensor: the attributes and methods that core itself gives.
#include "node.hpp"
#include "tensor.hpp"

namespace vidya {

namespace {

PyObject* get_shape(PyObject* self, void*) {
  return guarded<PyObject*>(nullptr, [&] { return Py_NewRef(meta_shape(as_tensor(self)->meta)); });
}
PyObject* get_strides(PyObject* self, void*) {
  const Meta* m = as_tensor(self)->meta;
  PyObject* tuple = PyTuple_New(m->ndim);
  if (!tuple) return nullptr;
  for (int d = 0; d < m->ndim; ++d)
    PyTuple_SET_ITEM(tuple, d, PyLong_FromLongLong(m->strides()[d]));
  return tuple;
}
PyObject* get_dtype(PyObject* self, void*) {
  return Py_NewRef(dtype_object(as_tensor(self)->meta->dtype));
}
PyObject* get_device(PyObject* self, void*) {
  return Py_NewRef(as_tensor(self)->meta->device->object);
}
PyObject* get_ndim(PyObject* self, void*) { return PyLong_FromLong(as_tensor(self)->meta->ndim); }
PyObject* get_offset(PyObject* self, void*) { return PyLong_FromLongLong(as_tensor(self)->offset); }
PyObject* get_version(PyObject* self, void*) {
  auto* s = as_tensor(self)->storage;
  return PyLong_FromUnsignedLong(s ? s->version : 0);
}
PyObject* get_slot(PyObject* self, void*) {
  auto* s = as_tensor(self)->storage;
  if (!s || !s->symbolic) Py_RETURN_NONE;
  return PyLong_FromLong(s->slot);
}
PyObject* get_meta_key(PyObject* self, void*) { return PyLong_FromVoidPtr(as_tensor(self)->meta); }
PyObject* get_saved(PyObject* self, void*) {
  return PyBool_FromLong(as_tensor(self)->storage != nullptr);
}
PyObject* get_storage_id(PyObject* self, void*) {
  return PyLong_FromVoidPtr(as_tensor(self)->storage);
}
PyObject* get_storage_bytes(PyObject* self, void*) {
  auto* s = as_tensor(self)->storage;
  return PyLong_FromUnsignedLongLong(s ? s->bytes : 0);
}

template <uint32_t kFlag>
PyObject* get_flag(PyObject* self, void*) {
  return PyBool_FromLong(as_tensor(self)->flags & kFlag);
}
template <uint32_t kFlag>
int set_flag(PyObject* self, PyObject* value, void*) {
  int on = value ? PyObject_IsTrue(value) : -1;
  if (on < 0) return -1;
  auto* t = as_tensor(self);
  t->flags = on ? t->flags | kFlag : t->flags & ~kFlag;
  return 0;
}

int set_requires_grad(PyObject* self, PyObject* value, void*) {
  return guarded(-1, [&] {
    int on = value ? PyObject_IsTrue(value) : -1;
    if (on < 0) throw PythonError();
    auto* t = as_tensor(self);
    current_history(t);
    if (t->grad_fn && !on)
      raise("AutogradError",
            "requires_grad can be turned off on leaves only; use y.detach() for a result");
    if (on && t->meta->dtype < F16)
      raise("AutogradError", std::string("only floating and complex tensors have gradients, not ") +
                                 kDtypes[t->meta->dtype].long_name);
    if (on)
      t->flags |= REQUIRES_GRAD;
    else
      t->flags &= ~REQUIRES_GRAD;
    return 0;
  });
}

// An attribute that a write into the base's memory may have changed.
template <PyObject* (*read)(TensorObject*)>
PyObject* get_current(PyObject* self, void*) {
  return guarded<PyObject*>(nullptr, [&] {
    current_history(as_tensor(self));
    return read(as_tensor(self));
  });
}
PyObject* requires_grad(TensorObject* t) { return PyBool_FromLong(t->flags & REQUIRES_GRAD); }
PyObject* is_leaf(TensorObject* t) { return PyBool_FromLong(t->grad_fn == nullptr); }
PyObject* grad_fn(TensorObject* t) { return Py_NewRef(t->grad_fn ? t->grad_fn : Py_None); }
PyObject* output_index(TensorObject* t) { return PyLong_FromLong(t->output_index); }

PyObject* get_object(PyObject* object) { return Py_NewRef(object ? object : Py_None); }
PyObject* get_grad(PyObject* self, void*) {
  return guarded<PyObject*>(nullptr, [&] {
    const auto* t = as_tensor(self);
    bool real = t->storage && !t->storage->symbolic;
    if (t_trace && real)  // what the traced function does depends on it
      Ref told(checked(PyObject_CallMethod(t_trace, "grad_read", "O", self)));
    return get_object(t->grad);
  });
}
PyObject* get_base(PyObject* self, void*) { return get_object(as_tensor(self)->base); }
PyObject* get_hooks(PyObject* self, void*) { return get_object(as_tensor(self)->hooks); }

int set_grad(PyObject* self, PyObject* value, void*) {
  return guarded(-1, [&] {
    auto* t = as_tensor(self);
    if (value == Py_None) value = nullptr;
    if (value && !is_tensor(value)) raise(PyExc_TypeError, "grad must be a Tensor or None");
    if (value) {
      const Meta *a = t->meta, *b = as_tensor(value)->meta;
      bool same = a->dtype == b->dtype && a->ndim == b->ndim && a->device == b->device;
      for (int d = 0; same && d < a->ndim; ++d) same = a->dims[d] == b->dims[d];
      if (!same)
        raise(PyExc_ValueError, "grad must match its tensor " + describe(a) + " on " +
                                    a->device->name + ", got " + describe(b) + " on " +
                                    b->device->name);
    }
    if (value) as_tensor(value)->flags |= KEEP;
    if (t_trace) {  // an effect of the traced function: it is to happen at every replay
      Ref told(
          checked(PyObject_CallMethod(t_trace, "grad_set", "OO", self, value ? value : Py_None)));
    }
    Py_XINCREF(value);
    Py_XSETREF(t->grad, value);
    return 0;
  });
}
int set_hooks(PyObject* self, PyObject* value, void*) {
  auto* t = as_tensor(self);
  if (value == Py_None) value = nullptr;
  Py_XINCREF(value);
  Py_XSETREF(t->hooks, value);
  return 0;
}

// ---- methods ----

PyObject* m_numel(PyObject* self, PyObject*) {
  return PyLong_FromLongLong(as_tensor(self)->meta->numel);
}
PyObject* m_is_contiguous(PyObject* self, PyObject*) {
  return PyBool_FromLong(as_tensor(self)->meta->contiguous);
}
PyObject* m_detach(PyObject* self, PyObject*) {
  return guarded<PyObject*>(nullptr, [&] { return as_object(tensor_alias(as_tensor(self))); });
}
PyObject* m_set_data(PyObject* self, PyObject* other) {
  return guarded<PyObject*>(nullptr, [&] {
    if (!is_tensor(other)) raise(PyExc_TypeError, "data must be a Tensor");
    auto *t = as_tensor(self), *o = as_tensor(other);
    if (!o->storage) raise("AutogradError", "that value was not saved");
    Storage* storage = storage_ref(o->storage);
    Meta* meta = meta_ref(o->meta);
    storage_unref(t->storage);
    meta_unref(t->meta);
    t->storage = storage;
    t->meta = meta;
    t->offset = o->offset;
    return Py_NewRef(Py_None);
  });
}

// _set_history(node, output_index): this is a result of that node. None: it has no history.
PyObject* m_set_history(PyObject* self, PyObject* args) {
  PyObject* node;
  int index;
  if (!PyArg_ParseTuple(args, "Oi", &node, &index)) return nullptr;
  auto* t = as_tensor(self);
  if (node == Py_None) {
    Py_CLEAR(t->grad_fn);
    t->flags &= ~REQUIRES_GRAD;
  } else {
    Py_XSETREF(t->grad_fn, Py_NewRef(node));
    t->flags |= REQUIRES_GRAD;
  }
  t->output_index = index;
  Py_RETURN_NONE;
}

// _rewritten(): a write into this memory was recorded, and this tensor's history knows it.
PyObject* m_rewritten(PyObject* self, PyObject*) {
  auto* t = as_tensor(self);
  auto* base = t->base ? as_tensor(t->base) : t;
  ++base->rewrites;
  t->rewrites = base->rewrites;
  Py_RETURN_NONE;
}

}  // namespace

PyGetSetDef kTensorAttributes[] = {
    {"shape", get_shape, nullptr, "The sizes, as a tuple.", nullptr},
    {"strides", get_strides, nullptr, "Elements to step per dim, as a tuple.", nullptr},
    {"dtype", get_dtype, nullptr, "The element type.", nullptr},
    {"device", get_device, nullptr, "Where the memory is.", nullptr},
    {"ndim", get_ndim, nullptr, "How many dims.", nullptr},
    {"requires_grad", get_current<requires_grad>, set_requires_grad, "Is a gradient wanted?",
     nullptr},
    {"is_leaf", get_current<is_leaf>, nullptr, "Not the result of a recorded op.", nullptr},
    {"grad", get_grad, set_grad, "The gradient that backward() left here, or None.", nullptr},
    {"grad_fn", get_current<grad_fn>, nullptr, "The recorded op that made this, or None.", nullptr},
    {"_base", get_base, nullptr, "The tensor whose memory this view shows, or None.", nullptr},
    {"_hooks", get_hooks, set_hooks, nullptr, nullptr},
    {"_output_index", get_current<output_index>, nullptr, nullptr, nullptr},
    {"_version", get_version, nullptr, "Counts the writes to this memory.", nullptr},
    {"_offset", get_offset, nullptr, "Bytes from the start of the storage.", nullptr},
    {"_slot", get_slot, nullptr, "The value of a trace this is, or None.", nullptr},
    {"_meta_key", get_meta_key, nullptr, "Equal for equal shape, strides, dtype, device.", nullptr},
    {"_saved", get_saved, nullptr, "False for a value not kept for backward.", nullptr},
    {"_storage_id", get_storage_id, nullptr, "Equal for tensors that share memory.", nullptr},
    {"_storage_bytes", get_storage_bytes, nullptr, "Size of the memory underneath.", nullptr},
    {"_param", get_flag<PARAM>, set_flag<PARAM>, "Marks a weight.", nullptr},
    {"_keep", get_flag<KEEP>, set_flag<KEEP>, "Outlives the scope it was made in.", nullptr},
    {"_weak", get_flag<WEAK>, set_flag<WEAK>, "Yields to tensors in promotion.", nullptr},
    {"_view_copy", get_flag<VIEW_COPY>, set_flag<VIEW_COPY>, "A view that had to be a copy.",
     nullptr},
    {nullptr, nullptr, nullptr, nullptr, nullptr}};

PyMethodDef kTensorMethods[] = {
    {"numel", m_numel, METH_NOARGS, "numel() -> int: how many elements."},
    {"is_contiguous", m_is_contiguous, METH_NOARGS, "is_contiguous() -> bool: row-major, no gaps."},
    {"detach", m_detach, METH_NOARGS, "detach() -> Tensor: the same memory without history."},
    {"_set_data", m_set_data, METH_O, nullptr},
    {"_set_history", m_set_history, METH_VARARGS, nullptr},
    {"_rewritten", m_rewritten, METH_NOARGS, nullptr},
    {nullptr, nullptr, 0, nullptr}};

}  // namespace vidya
