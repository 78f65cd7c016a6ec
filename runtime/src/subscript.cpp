// x[key] where key is made of ints, slices, None and ... : no plan, one pass, a view.
#include "bindings.hpp"
#include "op.hpp"

namespace vidya {

namespace {

// What such a key cuts out: per dim of x its first index, size and step; and the result's dims,
// each either a dim of x or new (-1).
struct Box {
  int64_t start[VD_MAX_NDIM], size[VD_MAX_NDIM], step[VD_MAX_NDIM];
  int from[VD_MAX_NDIM];
  int ndim = 0;
};

// Reads one item for dim `dim`; false where it is no plain int or slice.
bool read(PyObject* item, int64_t length, int dim, Box* box, bool* kept) {
  if (PyLong_Check(item) && !PyBool_Check(item)) {
    Py_ssize_t i = PyLong_AsSsize_t(item);
    if (i == -1 && PyErr_Occurred()) throw PythonError();
    if (i < -length || i >= length)
      raise(PyExc_IndexError, "index " + std::to_string(i) + " is out of range for dim " +
                                  std::to_string(dim) + " of size " + std::to_string(length));
    box->start[dim] = i < 0 ? i + length : i;
    box->size[dim] = box->step[dim] = 1;
    *kept = false;
    return true;
  }
  if (!PySlice_Check(item)) return false;
  Py_ssize_t start, stop, step;
  if (PySlice_Unpack(item, &start, &stop, &step) < 0) throw PythonError();
  box->size[dim] = PySlice_AdjustIndices(length, &start, &stop, step);
  box->start[dim] = start;
  box->step[dim] = step;
  *kept = true;
  return true;
}

// False where the key has anything else in it, or too much: then Python's reading decides.
bool parse(const Meta* meta, PyObject* key, Box* box) {
  bool many = PyTuple_Check(key);
  Py_ssize_t n = many ? PyTuple_GET_SIZE(key) : 1;
  PyObject* const* items = many ? &PyTuple_GET_ITEM(key, 0) : &key;
  int used = 0, ellipses = 0;
  for (Py_ssize_t k = 0; k < n; ++k) {
    ellipses += items[k] == Py_Ellipsis;
    used += items[k] != Py_Ellipsis && items[k] != Py_None;
  }
  if (used > meta->ndim || ellipses > 1 || n > VD_MAX_NDIM) return false;
  int dim = 0;
  auto append = [&](int from) {
    if (box->ndim == VD_MAX_NDIM) return false;
    box->from[box->ndim++] = from;
    return true;
  };
  auto whole = [&](int count) {
    for (; count > 0; --count, ++dim) {
      box->start[dim] = 0;
      box->size[dim] = meta->dims[dim];
      box->step[dim] = 1;
      if (!append(dim)) return false;
    }
    return true;
  };
  for (Py_ssize_t k = 0; k < n; ++k) {
    if (items[k] == Py_None) {
      if (!append(-1)) return false;
    } else if (items[k] == Py_Ellipsis) {
      if (!whole(meta->ndim - used)) return false;
    } else {
      bool kept;
      if (!read(items[k], meta->dims[dim], dim, box, &kept)) return false;
      if (kept && !append(dim)) return false;
      ++dim;
    }
  }
  return whole(meta->ndim - dim);
}

TensorObject* cut(TensorObject* t, const Box& box) {
  const Meta* m = t->meta;
  int64_t shape[VD_MAX_NDIM], strides[VD_MAX_NDIM], numel = 1, offset = 0;
  for (int i = 0; i < box.ndim; ++i) {
    int d = box.from[i];
    shape[i] = d < 0 ? 1 : box.size[d];
    strides[i] = d < 0 ? 1 : m->strides()[d] * box.step[d];
    numel *= shape[i];
  }
  bool contiguous = true;
  int64_t expected = 1;
  for (int i = box.ndim - 1; i >= 0; expected *= shape[i--])
    contiguous = contiguous && (shape[i] == 1 || strides[i] == expected);
  if (numel)
    for (int d = 0; d < m->ndim; ++d) offset += box.start[d] * m->strides()[d];
  // Contiguous results share the plain meta, so that plans made for it serve them too.
  Meta* meta =
      meta_intern(m->device, m->dtype, box.ndim, shape, contiguous || !numel ? nullptr : strides);
  TensorObject* view =
      tensor_new(storage_ref(t->storage), meta, t->offset + offset * kDtypes[m->dtype].size,
                 t->flags & VIEW_COPY);
  set_base(view, t);
  return view;
}

PyObject* tuple_of(const int64_t* values, int n) {
  PyObject* tuple = checked(PyTuple_New(n));
  for (int i = 0; i < n; ++i) PyTuple_SET_ITEM(tuple, i, PyLong_FromLongLong(values[i]));
  return tuple;
}

PyObject* described(const Meta* m, const Box& box) {
  int64_t shape[VD_MAX_NDIM];
  for (int i = 0; i < box.ndim; ++i) shape[i] = box.from[i] < 0 ? 1 : box.size[box.from[i]];
  Ref start(tuple_of(box.start, m->ndim)), size(tuple_of(box.size, m->ndim)),
      step(tuple_of(box.step, m->ndim)), kept(tuple_of(shape, box.ndim));
  return checked(PyTuple_Pack(4, start.get(), size.get(), step.get(), kept.get()));
}

// box(x, key) -> (start, size, step, shape) of what key cuts out, or None where the key is not of
// that kind.
PyObject* box_of(PyObject*, PyObject* const* args, Py_ssize_t n) {
  try {
    if (n != 2 || !is_tensor(args[0])) raise(PyExc_TypeError, "box: takes a Tensor and a key");
    Box box;
    if (!parse(as_tensor(args[0])->meta, args[1], &box)) Py_RETURN_NONE;
    return described(as_tensor(args[0])->meta, box);
  } catch (const PythonError&) {
    return nullptr;
  }
}

// subscript(x, key) -> the view; or as box where it is for ops to make (it is recorded, traced, or
// the device has no strides).
PyObject* subscript(PyObject*, PyObject* const* args, Py_ssize_t n) {
  try {
    if (n != 2 || !is_tensor(args[0]))
      raise(PyExc_TypeError, "subscript: takes a Tensor and a key");
    TensorObject* t = as_tensor(args[0]);
    Box box;
    if (!parse(t->meta, args[1], &box)) Py_RETURN_NONE;
    current_history(t);
    bool recorded = t_grad_enabled && (t->flags & REQUIRES_GRAD || t->grad_fn);
    if (recorded || t_trace || !t->storage || t->storage->symbolic || !t->meta->device->strided())
      return described(t->meta, box);
    return as_object(cut(t, box));
  } catch (const PythonError&) {
    return nullptr;
  }
}

PyMethodDef kFunctions[] = {
    {"subscript", reinterpret_cast<PyCFunction>(reinterpret_cast<void*>(subscript)), METH_FASTCALL,
     nullptr},
    {"box", reinterpret_cast<PyCFunction>(reinterpret_cast<void*>(box_of)), METH_FASTCALL, nullptr},
    {nullptr, nullptr, 0, nullptr}};

}  // namespace

void bind_subscript(py::module_& m) {
  if (PyModule_AddFunctions(m.ptr(), kFunctions) < 0) throw PythonError();
}

}  // namespace vidya
