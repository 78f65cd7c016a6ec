// What every file of the core shares: Python's header first, dtypes, and raising errors.
#pragma once
#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <cstdint>
#include <stdexcept>
#include <string>

#include "vidya/backend.h"

namespace vidya {

// dtypes in the order of vidya/dtypes.py.
enum Dtype : uint8_t {
  BOOL,
  U8,
  U16,
  U32,
  U64,
  I8,
  I16,
  I32,
  I64,
  F16,
  BF16,
  F32,
  F64,
  C64,
  C128,
  N_DTYPES
};
struct DtypeInfo {
  const char* name;       // as in error texts: "f32"
  const char* long_name;  // as in Python: "float32"
  vd_dtype vd;
  int size;
};
extern const DtypeInfo kDtypes[N_DTYPES];
int dtype_from_vd(vd_dtype d);            // -1 if vidya has none such
PyObject* dtype_object(int dtype);        // borrowed; vidya.float32 ...
int dtype_index(PyObject* dtype_object);  // -1 with a Python error set
void register_dtypes(PyObject* sequence);

// A Python exception is already set; unwinds to the nearest entry point.
struct PythonError : std::exception {};

// The exception classes of vidya/errors.py, by name; falls back to RuntimeError before import.
PyObject* error_class(const char* name);
void register_errors(PyObject* module);
[[noreturn]] void raise(PyObject* type, const std::string& text);
[[noreturn]] void raise(const char* vidya_error, const std::string& text);

// Takes over a new reference that may be null with an error set.
inline PyObject* checked(PyObject* object) {
  if (!object) throw PythonError();
  return object;
}

// Owns one reference.
class Ref {
 public:
  Ref() = default;
  explicit Ref(PyObject* owned) : object_(owned) {}
  Ref(Ref&& other) noexcept : object_(other.release()) {}
  Ref& operator=(Ref&& other) noexcept {
    PyObject* old = object_;
    object_ = other.release();
    Py_XDECREF(old);
    return *this;
  }
  Ref(const Ref&) = delete;
  Ref& operator=(const Ref&) = delete;
  ~Ref() { Py_XDECREF(object_); }
  static Ref borrow(PyObject* object) {
    Py_XINCREF(object);
    return Ref(object);
  }
  PyObject* get() const { return object_; }
  PyObject* release() {
    PyObject* object = object_;
    object_ = nullptr;
    return object;
  }
  explicit operator bool() const { return object_ != nullptr; }

 private:
  PyObject* object_ = nullptr;
};

// Runs `body` and turns C++ exceptions into the Python error that its caller reports.
template <class R, class F>
R guarded(R on_error, F&& body) {
  try {
    return body();
  } catch (const PythonError&) {
  } catch (const std::bad_alloc&) {
    PyErr_NoMemory();
  } catch (const std::exception& e) {
    PyErr_SetString(PyExc_RuntimeError, e.what());
  }
  return on_error;
}

}  // namespace vidya
