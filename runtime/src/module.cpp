// vidya._core: puts the parts together.
#include <utility>

#include "bindings.hpp"
#include "launch.hpp"

namespace vidya {

namespace {

bool set_grad_enabled(bool on) {
  bool was = t_grad_enabled;
  t_grad_enabled = on;
  return was;
}

py::object set_trace(py::object trace) {
  PyObject* was = t_trace;
  t_trace = trace.is_none() ? nullptr : trace.release().ptr();
  return was ? py::reinterpret_steal<py::object>(was) : py::none();
}

py::object current_trace() {
  return t_trace ? py::reinterpret_borrow<py::object>(t_trace) : py::none();
}

}  // namespace

PYBIND11_MODULE(_core, m) {
  m.doc() = "The C++ core of vidya: devices, tensors, ops, plans.";
  py::register_exception_translator([](std::exception_ptr p) {
    try {
      if (p) std::rethrow_exception(p);
    } catch (const PythonError&) {
      // The Python error is set already.
    }
  });
  tensor_init_type(m.ptr());
  op_init_type(m.ptr());
  overwriting_init_type(m.ptr());
  node_init_type(m.ptr());
  m.attr("ABI_VERSION") = py::make_tuple(VD_ABI_MAJOR, VD_ABI_MINOR);
  m.attr("MAX_NDIM") = VD_MAX_NDIM;
  m.def("register_dtypes", [](py::object o) { register_dtypes(o.ptr()); });
  m.def("register_errors", [](py::object o) { register_errors(o.ptr()); });
  m.def("set_tensor_class", [](py::object o) { set_tensor_class(o.ptr()); });
  m.def("set_callbacks", [](py::args functions) {
    std::vector<PyObject*> list;
    for (py::handle f : functions) list.push_back(f.ptr());
    set_callbacks(list);
  });
  m.def(
      "record_as",
      [](py::handle op, py::tuple values, py::handle tensor) {
        if (!PyObject_TypeCheck(op.ptr(), OpType) || !is_tensor(tensor.ptr()))
          raise(PyExc_TypeError, "record_as: takes an op, its arguments and a Tensor");
        record_as(reinterpret_cast<OpObject*>(op.ptr()), &PyTuple_GET_ITEM(values.ptr(), 0),
                  PyTuple_GET_SIZE(values.ptr()), as_tensor(tensor.ptr()));
      },
      "The tensor holds now what that call would give: give it the call's history.");
  m.def("set_grad_enabled", set_grad_enabled, "Switch gradient recording; gives the old state.");
  m.def("is_grad_enabled", [] { return t_grad_enabled; });
  m.def("set_trace", set_trace, "The trace that this thread's ops go to, or None; gives the old.");
  m.def("current_trace", current_trace);
  m.def(
      "count_write", [](py::handle t) { ++tensor_arg(t)->storage->version; },
      "A traced function writes this tensor: what was saved of it before is out of date.");
  m.def(
      "modes", [] { return py::make_tuple(t_grad_enabled, t_autocast); },
      "The modes of this thread that a plan depends on.");
  m.def("next_sequence", next_sequence, "The place of a new node in the order of recording.");
  m.def("begin_scope", scope_begin);
  m.def("end_scope", [](const std::vector<py::object>& kept) {
    std::unordered_set<PyObject*> set;
    for (const auto& k : kept) set.insert(k.ptr());
    scope_end(set);
  });
  m.def(
      "set_autocast", [](int dtype) { return std::exchange(t_autocast, dtype); },
      "The dtype index that autocast casts to in this thread, -1: off; gives the old one.");
  m.def("get_autocast", [] { return t_autocast; });
  m.def("clear_memos", clear_memos, "Forget every remembered plan.");
  m.def(
      "set_debug", [](int level) { return std::exchange(debug_level, level); },
      "From 2 on kernels are counted and timed, from 4 on each launch is printed; gives the old.");
  m.def("launch_totals", [] {
    py::list list;
    for (const LaunchTotal& t : launch_totals())
      list.append(py::make_tuple(t.op, t.device, t.count, t.seconds));
    return list;
  });
  bind_device(m);
  bind_plan(m);
  bind_host(m);
  bind_dlpack(m);
  bind_subscript(m);
}

}  // namespace vidya
