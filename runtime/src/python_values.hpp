// The ABI's tensors and attributes as the Python objects that a backend written in Python gets.
#pragma once

#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>

#include "vidya/backend.h"

namespace vidya {

namespace py = pybind11;

// A buffer of a device whose memory the host does not see is a Python object.
inline py::object& as_buffer(vd_buffer b) { return *static_cast<py::object*>(b); }
void set_buffer(vd_tensor* t, py::object object);

const char* address(const vd_tensor& t);
// A NumPy array over memory that outlives the call.
py::array array_over(const vd_tensor& t, const void* data);
// A kernel's argument: an array over host memory; a number as a copy; None where absent.
py::object array_for(const vd_tensor& t);
py::object view_for(const vd_tensor& t);
// What `find` sees of it.
py::object meta_for(const vd_tensor& t);
py::dict attrs_of(const vd_call& call);
// A dense tensor's bytes in host memory.
py::array contiguous_bytes(const vd_tensor& t, const void* data, bool copy);

}  // namespace vidya
