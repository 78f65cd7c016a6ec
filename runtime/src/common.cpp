#include "common.hpp"

#include <cstring>

namespace vidya {

const DtypeInfo kDtypes[N_DTYPES] = {
    {"bool", "bool", {VD_BOOL, 8, 1}, 1},
    {"u8", "uint8", {VD_UINT, 8, 1}, 1},
    {"u16", "uint16", {VD_UINT, 16, 1}, 2},
    {"u32", "uint32", {VD_UINT, 32, 1}, 4},
    {"u64", "uint64", {VD_UINT, 64, 1}, 8},
    {"i8", "int8", {VD_INT, 8, 1}, 1},
    {"i16", "int16", {VD_INT, 16, 1}, 2},
    {"i32", "int32", {VD_INT, 32, 1}, 4},
    {"i64", "int64", {VD_INT, 64, 1}, 8},
    {"f16", "float16", {VD_FLOAT, 16, 1}, 2},
    {"bf16", "bfloat16", {VD_BFLOAT, 16, 1}, 2},
    {"f32", "float32", {VD_FLOAT, 32, 1}, 4},
    {"f64", "float64", {VD_FLOAT, 64, 1}, 8},
    {"c64", "complex64", {VD_COMPLEX, 64, 1}, 8},
    {"c128", "complex128", {VD_COMPLEX, 128, 1}, 16},
};

namespace {
PyObject* g_dtypes[N_DTYPES];
PyObject* g_errors = nullptr;
}  // namespace

int dtype_from_vd(vd_dtype d) {
  for (int i = 0; i < N_DTYPES; ++i)
    if (!std::memcmp(&kDtypes[i].vd, &d, sizeof d)) return i;
  return -1;
}

PyObject* dtype_object(int dtype) { return g_dtypes[dtype]; }

int dtype_index(PyObject* object) {
  for (int i = 0; i < N_DTYPES; ++i)
    if (g_dtypes[i] == object) return i;
  PyErr_Format(PyExc_TypeError, "expected a vidya dtype such as vidya.float32, got %R", object);
  return -1;
}

void register_dtypes(PyObject* sequence) {
  for (int i = 0; i < N_DTYPES; ++i) g_dtypes[i] = checked(PySequence_GetItem(sequence, i));
}

void register_errors(PyObject* module) {
  Py_XDECREF(g_errors);
  g_errors = Py_NewRef(module);
}

PyObject* error_class(const char* name) {
  if (g_errors) {
    PyObject* found = PyObject_GetAttrString(g_errors, name);
    if (found) {
      Py_DECREF(found);  // the module keeps it
      return found;
    }
    PyErr_Clear();
  }
  return PyExc_RuntimeError;
}

void raise(PyObject* type, const std::string& text) {
  // A backend's words may be cut in the middle of a character.
  Ref message(PyUnicode_DecodeUTF8(text.data(), static_cast<Py_ssize_t>(text.size()), "replace"));
  if (message) PyErr_SetObject(type, message.get());
  throw PythonError();
}

void raise(const char* vidya_error, const std::string& text) {
  raise(error_class(vidya_error), text);
}

}  // namespace vidya
