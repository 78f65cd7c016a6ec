// The parts of vidya._core, one per file.
#pragma once
#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include "node.hpp"

namespace py = pybind11;

namespace vidya {

void bind_device(py::module_& m);
void bind_plan(py::module_& m);
void bind_host(py::module_& m);
void bind_dlpack(py::module_& m);
void bind_subscript(py::module_& m);

inline TensorObject* tensor_arg(py::handle h) {
  if (!is_tensor(h.ptr())) raise(PyExc_TypeError, "expected a Tensor");
  return as_tensor(h.ptr());
}
inline TensorObject* stored_arg(py::handle h) {
  TensorObject* t = tensor_arg(h);
  if (!t->storage)
    raise("AutogradError",
          "this tensor has no memory: its scope ended, or it was not saved for "
          "backward");
  if (t->storage->symbolic)
    raise(
        "TraceError",
        !t_trace ? "a tensor of a trace was used after the trace ended; return it from the traced "
                   "function instead"
        : t->storage->slot < 0
            ? "a number among the arguments of a compiled function is not known while tracing, as "
              "each call may have another; name it in static_argnums where Python needs its value"
            : "the values of a traced tensor are not known while tracing: no item(), numpy(), "
              "print or `if` on it (a number among the arguments: name it in static_argnums)");
  return t;
}
inline py::object steal(TensorObject* t) { return py::reinterpret_steal<py::object>(as_object(t)); }
inline int dtype_arg(py::handle h) {
  int index = dtype_index(h.ptr());
  if (index < 0) throw PythonError();
  return index;
}
inline Meta* meta_arg(Device* device, int dtype, const std::vector<int64_t>& shape,
                      const py::object& strides) {
  if (strides.is_none())
    return meta_intern(device, dtype, static_cast<int>(shape.size()), shape.data(), nullptr);
  auto s = strides.cast<std::vector<int64_t>>();
  if (s.size() != shape.size()) raise(PyExc_ValueError, "as many strides as sizes are needed");
  return meta_intern(device, dtype, static_cast<int>(shape.size()), shape.data(), s.data());
}

}  // namespace vidya
