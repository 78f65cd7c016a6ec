#include "python_values.hpp"

#include "plan.hpp"

namespace vidya {

namespace {

// Never given back: Python may be gone before our statics are.
py::handle class_of(const char* name) {
  return py::object(py::module_::import("vidya.backends.python").attr(name)).release();
}

py::tuple dims(int n, const int64_t* values) {
  py::tuple out(n);
  for (int i = 0; i < n; ++i) out[i] = values[i];
  return out;
}

py::object dtype_of(const vd_tensor& t) {
  return py::reinterpret_borrow<py::object>(dtype_object(dtype_from_vd(t.dtype)));
}

py::dtype numpy_dtype(const vd_tensor& t) { return dtype_of(t).attr("np").cast<py::dtype>(); }

}  // namespace

py::array array_over(const vd_tensor& t, const void* data) {
  py::dtype type = numpy_dtype(t);
  std::vector<py::ssize_t> shape(t.shape, t.shape + t.ndim), strides;
  for (int d = 0; d < t.ndim; ++d) strides.push_back(t.strides[d] * type.itemsize());
  return py::array(type, shape, strides, data, py::none());
}

const char* address(const vd_tensor& t) { return static_cast<const char*>(t.buffer) + t.offset; }

py::object array_for(const vd_tensor& t) {
  if (t.flags & VD_TENSOR_ABSENT) return py::none();
  if (t.flags & VD_TENSOR_SCALAR) {
    // Copied: the value lives in the call.
    return py::array(numpy_dtype(t), std::vector<py::ssize_t>{}, std::vector<py::ssize_t>{},
                     t.value.bytes);
  }
  return array_over(t, address(t));
}

py::object meta_for(const vd_tensor& t) {
  static const py::handle type = class_of("Meta");
  if (t.flags & VD_TENSOR_ABSENT) return type(py::tuple(), py::tuple(), py::none(), false, true);
  return type(dims(t.ndim, t.shape), dims(t.ndim, t.strides), dtype_of(t),
              (t.flags & VD_TENSOR_SCALAR) != 0, false);
}

py::object view_for(const vd_tensor& t) {
  static const py::handle type = class_of("View");
  if (t.flags & VD_TENSOR_ABSENT) return py::none();
  py::object buffer = t.buffer ? as_buffer(t.buffer) : py::none(), scalar = py::none();
  if (t.flags & VD_TENSOR_SCALAR) scalar = array_for(t).attr("item")();
  return type(buffer, t.offset, dims(t.ndim, t.shape), dims(t.ndim, t.strides), dtype_of(t),
              scalar);
}

py::array contiguous_bytes(const vd_tensor& t, const void* data, bool copy) {
  int64_t n = 1;
  for (int d = 0; d < t.ndim; ++d) n *= t.shape[d];
  std::vector<py::ssize_t> shape{n * kDtypes[dtype_from_vd(t.dtype)].size}, strides{1};
  py::dtype u8 = py::dtype::of<uint8_t>();
  return copy ? py::array(u8, shape, strides, data)
              : py::array(u8, shape, strides, data, py::none());
}

py::dict attrs_of(const vd_call& call) {
  py::dict out;
  for (int i = 0; i < call.n_attrs; ++i) {
    const vd_attr& a = call.attrs[i];
    py::str name(a.name);
    if (a.kind == VD_ATTR_INT) {
      out[name] = a.value.i;
    } else if (a.kind == VD_ATTR_FLOAT) {
      out[name] = a.value.f;
    } else if (a.kind == VD_ATTR_STR) {
      out[name] = a.value.s;
    } else {
      py::tuple list(a.count);
      for (int k = 0; k < a.count; ++k) {
        if (a.kind == VD_ATTR_INTS)
          list[k] = a.value.ints[k];
        else
          list[k] = a.value.floats[k];
      }
      out[name] = list;
    }
  }
  return out;
}

void set_buffer(vd_tensor* t, py::object object) {
  if (t->buffer)
    as_buffer(t->buffer) = std::move(object);
  else
    t->buffer = new py::object(std::move(object));
}

}  // namespace vidya
