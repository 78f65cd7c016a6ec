// Python numbers and attributes in the ABI's form.
#include <cmath>
#include <complex>
#include <cstring>

#include "plan.hpp"
#include "vidya/sdk.hpp"

namespace vidya {

Number number_from(PyObject* object) {
  Number n;
  if (PyFloat_Check(object)) {
    n.re = PyFloat_AS_DOUBLE(object);
  } else if (PyBool_Check(object)) {
    n.kind = Number::BOOL_;
    n.i = object == Py_True;
  } else if (PyLong_Check(object)) {
    n.kind = Number::INT_;
    int overflow = 0;
    n.i = PyLong_AsLongLongAndOverflow(object, &overflow);
    if (overflow > 0) {
      n.i = static_cast<int64_t>(PyLong_AsUnsignedLongLong(object));
      if (PyErr_Occurred()) throw PythonError();
    } else if (overflow < 0) {
      raise(PyExc_OverflowError, "that integer does not fit 64 bits");
    }
  } else if (PyComplex_Check(object)) {
    n.kind = Number::COMPLEX_;
    n.re = PyComplex_RealAsDouble(object);
    n.im = PyComplex_ImagAsDouble(object);
  } else {
    PyErr_Format(PyExc_TypeError, "expected a number, got %R", object);
    throw PythonError();
  }
  return n;
}

namespace {
template <class T>
void put(unsigned char* out, T value) {
  std::memcpy(out, &value, sizeof value);
}
int64_t to_int(const Number& n) {
  if (n.kind <= Number::INT_) return n.i;
  if (!(std::fabs(n.re) < 9.3e18)) return 0;  // NaN, infinity: undefined, but never a trap
  return static_cast<int64_t>(n.re);
}
}  // namespace

void write_number(const Number& n, int dtype, unsigned char out[16]) {
  switch (dtype) {
    case BOOL:
      return put<uint8_t>(out, n.kind <= Number::INT_ ? n.i != 0 : n.re != 0 || n.im != 0);
    case U8:
    case I8:
      return put(out, static_cast<int8_t>(to_int(n)));
    case U16:
    case I16:
      return put(out, static_cast<int16_t>(to_int(n)));
    case U32:
    case I32:
      return put(out, static_cast<int32_t>(to_int(n)));
    case U64:
    case I64:
      return put(out, to_int(n));
    case F16:
      return put(out, sdk::float_to_f16(static_cast<float>(n.real())));
    case BF16:
      return put(out, sdk::float_to_bf16(static_cast<float>(n.real())));
    case F32:
      return put(out, static_cast<float>(n.real()));
    case F64:
      return put(out, n.real());
    case C64:
      return put(out, std::complex<float>(static_cast<float>(n.real()), static_cast<float>(n.im)));
    case C128:
      return put(out, std::complex<double>(n.real(), n.im));
    default:
      return;
  }
}

AttrsPtr attrs_from(PyObject* dict) {
  auto attrs = std::make_shared<Attrs>();
  auto keep_text = [&](PyObject* text) {
    const char* utf8 = PyUnicode_AsUTF8(text);
    if (!utf8) throw PythonError();
    attrs->texts.push_back(std::make_unique<std::string>(utf8));
    return attrs->texts.back()->c_str();
  };
  PyObject *key, *value;
  Py_ssize_t at = 0;
  while (PyDict_Next(dict, &at, &key, &value)) {
    if (value == Py_None) continue;
    vd_attr a{};
    a.name = keep_text(key);
    if (PyLong_Check(value)) {
      a.kind = VD_ATTR_INT;
      a.value.i = PyLong_AsLongLong(value);
    } else if (PyFloat_Check(value)) {
      a.kind = VD_ATTR_FLOAT;
      a.value.f = PyFloat_AS_DOUBLE(value);
    } else if (PyUnicode_Check(value)) {
      a.kind = VD_ATTR_STR;
      a.value.s = keep_text(value);
    } else if (PyTuple_Check(value)) {
      Py_ssize_t n = PyTuple_GET_SIZE(value);
      bool floats = false;
      for (Py_ssize_t i = 0; i < n; ++i) floats |= PyFloat_Check(PyTuple_GET_ITEM(value, i)) != 0;
      a.count = static_cast<int32_t>(n);
      if (floats) {
        a.kind = VD_ATTR_FLOATS;
        attrs->floats.push_back(std::make_unique<std::vector<double>>());
        for (Py_ssize_t i = 0; i < n; ++i)
          attrs->floats.back()->push_back(PyFloat_AsDouble(PyTuple_GET_ITEM(value, i)));
        a.value.floats = attrs->floats.back()->data();
      } else {
        a.kind = VD_ATTR_INTS;
        attrs->ints.push_back(std::make_unique<std::vector<int64_t>>());
        for (Py_ssize_t i = 0; i < n; ++i)
          attrs->ints.back()->push_back(PyLong_AsLongLong(PyTuple_GET_ITEM(value, i)));
        a.value.ints = attrs->ints.back()->data();
      }
    } else {
      PyErr_Format(PyExc_TypeError, "attribute %R: %R cannot cross the kernel interface", key,
                   value);
      throw PythonError();
    }
    if (PyErr_Occurred()) throw PythonError();
    attrs->list.push_back(a);
  }
  return attrs;
}

}  // namespace vidya
