#include "arguments.hpp"

#include <algorithm>
#include <cstring>
#include <unordered_map>

namespace vidya {

Callbacks g_callbacks{};

void bad_call(const OpObject* op, const std::string& text) {
  raise(PyExc_TypeError, std::string(PyUnicode_AsUTF8(op->name)) + "(): " + text);
}

namespace {

std::string param_name(const Param& p) { return PyUnicode_AsUTF8(p.name); }

bool is_number(PyObject* v) { return PyFloat_Check(v) || PyLong_Check(v) || PyComplex_Check(v); }

// ---- names ----

// The parameter called `name`, by its own name or another spelling of it; the size if there is
// none.
size_t find_param(const std::vector<Param>& params, PyObject* name) {
  size_t n = params.size(), i = 0;
  while (i < n && params[i].name != name) ++i;  // interned: nearly always enough
  if (i < n) return i;
  for (i = 0; i < n; ++i)
    if (!PyUnicode_Compare(params[i].name, name)) return i;
  for (i = 0; i < n; ++i)
    for (PyObject* spelling : params[i].also)
      if (!PyUnicode_Compare(spelling, name)) return i;
  return n;
}

// out= and inplace= are no parameters: they say where the result goes.
bool take_destination(const OpObject* op, PyObject* name, PyObject* value, Bound* b) {
  if (op->takes_out && PyUnicode_CompareWithASCIIString(name, "out") == 0) {
    b->out = value == Py_None ? nullptr : value;
    return true;
  }
  if (op->takes_inplace && PyUnicode_CompareWithASCIIString(name, "inplace") == 0) {
    int on = PyObject_IsTrue(value);
    if (on < 0) throw PythonError();
    b->overwrite = on;
    return true;
  }
  return false;
}

}  // namespace

// ---- binding ----

void bind(OpObject* op, PyObject* const* args, Py_ssize_t nargs, PyObject* kwnames, Bound* b) {
  const auto& params = *op->params;
  Py_ssize_t n = static_cast<Py_ssize_t>(params.size());
  if (nargs > n) {
    if (op->takes_inplace && nargs == n + 1 && PyBool_Check(args[n]))
      b->overwrite = args[n] == Py_True;
    else
      bad_call(op,
               "takes at most " + std::to_string(n) + " arguments, got " + std::to_string(nargs));
  }
  Py_ssize_t given = std::min(nargs, n);
  for (Py_ssize_t i = 0; i < given; ++i) b->values[i] = args[i];
  for (Py_ssize_t i = given; i < n; ++i) b->values[i] = nullptr;
  Py_ssize_t n_kw = kwnames ? PyTuple_GET_SIZE(kwnames) : 0;
  for (Py_ssize_t k = 0; k < n_kw; ++k) {
    PyObject* name = PyTuple_GET_ITEM(kwnames, k);
    size_t i = find_param(params, name);
    if (i == params.size()) {
      if (take_destination(op, name, args[nargs + k], b)) continue;
      bad_call(op, "has no argument '" + std::string(PyUnicode_AsUTF8(name)) + "'");
    }
    if (b->values[i]) bad_call(op, "got argument '" + param_name(params[i]) + "' twice");
    b->values[i] = args[nargs + k];
  }
  for (Py_ssize_t i = given; i < n; ++i) {
    if (b->values[i]) continue;
    if (!params[i].default_value)
      bad_call(op, "argument '" + param_name(params[i]) + "' is missing");
    b->values[i] = params[i].default_value;
  }
}

void autocast(OpObject* op, Bound* b, Keep* keep) {
  for (size_t i = 0; i < op->params->size(); ++i) {
    PyObject* v = b->values[i];
    if ((*op->params)[i].kind == Param::ATTRIBUTE || !is_tensor(v)) continue;
    if (as_tensor(v)->meta->dtype != F32) continue;
    Ref cast(checked(
        PyObject_CallFunctionObjArgs(g_callbacks.cast, v, dtype_object(t_autocast), nullptr)));
    b->values[i] = cast.get();
    keep->refs.push_back(std::move(cast));
  }
}

namespace {

void add_tensor(Bound* b, TensorObject* t, OpObject* op) {
  if (b->n_tensors == kMaxTensors)
    bad_call(op, "takes at most " + std::to_string(kMaxTensors) + " tensors at once");
  if (!t->storage)
    raise("AutogradError", std::string(PyUnicode_AsUTF8(op->name)) +
                               ": this tensor has no memory: its scope ended, or it was not saved "
                               "for backward (`saves=` of the op's pullback)");
  current_history(t);
  b->symbolic |= t->storage->symbolic;
  b->requires_grad |= (t->flags & REQUIRES_GRAD) != 0;
  b->tensors[b->n_tensors++] = t;
}

// ---- keys ----

enum Tag : uint64_t { NONE = 1, TRUE_, FALSE_, INT, FLOAT, TEXT, TUPLE, OBJECT, NUMBER, LIST };

uint64_t text_id(PyObject* text) {
  static auto* ids = new std::unordered_map<std::string, uint64_t>;
  Py_ssize_t size;
  const char* utf8 = PyUnicode_AsUTF8AndSize(text, &size);
  if (!utf8) throw PythonError();
  return ids->emplace(std::string(utf8, static_cast<size_t>(size)), ids->size()).first->second;
}

// NumPy's integers and floats as Python's; null for anything else.
Ref plain_number(PyObject* v) {
  if (v == Py_None || PyLong_CheckExact(v) || PyFloat_CheckExact(v) || PyBool_Check(v) ||
      PyUnicode_Check(v) || PyTuple_Check(v) || PyList_Check(v) || is_tensor(v))
    return Ref();
  bool hashable = Py_TYPE(v)->tp_hash && Py_TYPE(v)->tp_hash != PyObject_HashNotImplemented;
  if (!hashable || PyLong_Check(v) || PyComplex_Check(v)) return Ref();
  if (PyIndex_Check(v)) return Ref(checked(PyNumber_Index(v)));
  const PyNumberMethods* number = Py_TYPE(v)->tp_as_number;
  if (number && number->nb_float) return Ref(checked(PyNumber_Float(v)));
  return Ref();
}

void push_attribute(OpObject* op, const Param& p, PyObject* v, Key* key) {
  if (v == Py_None) {
    key->push(NONE);
  } else if (v == Py_True) {
    key->push(TRUE_);
  } else if (v == Py_False) {
    key->push(FALSE_);
  } else if (PyLong_Check(v)) {
    key->push(INT);
    int overflow = 0;
    long long i = PyLong_AsLongLongAndOverflow(v, &overflow);
    if (overflow)
      raise(PyExc_OverflowError, std::string(PyUnicode_AsUTF8(op->name)) + "(): argument '" +
                                     param_name(p) + "' does not fit 64 bits");
    key->push(static_cast<uint64_t>(i));
  } else if (PyFloat_Check(v)) {
    double d = PyFloat_AS_DOUBLE(v);
    uint64_t bits;
    std::memcpy(&bits, &d, sizeof bits);
    key->push(FLOAT);
    key->push(bits);
  } else if (PyUnicode_Check(v)) {
    key->push(TEXT);
    key->push(text_id(v));
  } else if (PyTuple_Check(v) || PyList_Check(v)) {
    Py_ssize_t n = PySequence_Fast_GET_SIZE(v);
    key->push(TUPLE);
    key->push(static_cast<uint64_t>(n));
    for (Py_ssize_t i = 0; i < n; ++i) push_attribute(op, p, PySequence_Fast_GET_ITEM(v, i), key);
  } else if (Ref plain = plain_number(v)) {  // within a tuple
    push_attribute(op, p, plain.get(), key);
  } else if (is_tensor(v)) {
    const Storage* s = as_tensor(v)->storage;
    if (s && s->symbolic && s->slot < 0)
      raise("TraceError", std::string(PyUnicode_AsUTF8(op->name)) + ": '" + param_name(p) +
                              "' must be known while tracing, but comes from a number among the "
                              "arguments of a compiled function; name it in static_argnums");
    bad_call(op, "argument '" + param_name(p) + "' must not be a Tensor");
  } else if (Py_TYPE(v)->tp_hash && Py_TYPE(v)->tp_hash != PyObject_HashNotImplemented) {
    key->push(OBJECT);  // dtypes, devices: compared by identity
    key->objects = true;
    key->push(reinterpret_cast<uint64_t>(v));
  } else {
    bad_call(op, "argument '" + param_name(p) + "' cannot be a " + Py_TYPE(v)->tp_name);
  }
}

uint64_t number_tag(PyObject* v) {
  return PyBool_Check(v) ? 1 : PyLong_Check(v) ? 2 : PyFloat_Check(v) ? 3 : 4;
}

void push_tensor(Key* key, const TensorObject* t) {
  key->push(reinterpret_cast<uint64_t>(t->meta) | (t->flags & PARAM ? 1u : 0u));
}

}  // namespace

void classify(OpObject* op, Bound* b, Key* key, Keep* keep) {
  const auto& params = *op->params;
  for (size_t i = 0; i < params.size(); ++i) {
    const Param& p = params[i];
    PyObject* v = b->values[i];
    if (p.kind == Param::ATTRIBUTE) {
      if (Ref plain = plain_number(v)) {  // a body must see Python's numbers
        b->values[i] = v = plain.get();
        keep->refs.push_back(std::move(plain));
      }
      push_attribute(op, p, v, key);
    } else if (p.kind == Param::LIST) {
      if (!PyTuple_Check(v) && !PyList_Check(v))
        bad_call(op, "argument '" + param_name(p) + "' must be a list or tuple of Tensors, not " +
                         Py_TYPE(v)->tp_name);
      Py_ssize_t n = PySequence_Fast_GET_SIZE(v);
      key->push(LIST);
      key->push(static_cast<uint64_t>(n));
      for (Py_ssize_t k = 0; k < n; ++k) {
        PyObject* item = PySequence_Fast_GET_ITEM(v, k);
        if (!is_tensor(item))
          bad_call(op, "argument '" + param_name(p) + "' must hold Tensors, but item " +
                           std::to_string(k) + " is a " + Py_TYPE(item)->tp_name);
        add_tensor(b, as_tensor(item), op);
        push_tensor(key, as_tensor(item));
      }
    } else if (is_tensor(v)) {
      add_tensor(b, as_tensor(v), op);
      push_tensor(key, as_tensor(v));
    } else if (p.kind == Param::OPERAND && is_number(v)) {
      b->numbers[b->n_numbers++] = v;
      key->push(NUMBER);
      key->push(number_tag(v));
    } else if (v == Py_None && p.kind != Param::TENSOR) {
      key->push(NONE);
    } else {
      PyObject* like = Py_None;  // an array goes to where the tensors are
      for (size_t k = 0; k < params.size(); ++k)
        if (is_tensor(b->values[k])) like = b->values[k];
      Ref t(checked(PyObject_CallFunctionObjArgs(
          g_callbacks.convert, reinterpret_cast<PyObject*>(op), p.name, v, like, nullptr)));
      if (!is_tensor(t.get())) bad_call(op, "cannot use argument '" + param_name(p) + "'");
      b->values[i] = t.get();
      add_tensor(b, as_tensor(t.get()), op);
      push_tensor(key, as_tensor(t.get()));
      keep->refs.push_back(std::move(t));
    }
  }
}

}  // namespace vidya
