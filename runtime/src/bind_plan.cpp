// Building plans from what the engine traced.
#include "backend_plan.hpp"
#include "bindings.hpp"
#include "replay.hpp"

namespace vidya {

namespace {

// A plan as Python holds it.
struct PlanHandle {
  PlanPtr plan;
};

// None: absent. (index, tensor, base): a slot and the value's place in it in bytes, or the scalar
// -1 - index if negative.
Operand operand(py::handle h) {
  Operand o;
  if (h.is_none()) {
    o.kind = Operand::ABSENT;
    return o;
  }
  auto pair = h.cast<py::tuple>();
  int index = pair[0].cast<int>();
  TensorObject* t = tensor_arg(pair[1]);
  o.kind = index < 0 ? Operand::SCALAR : Operand::SLOT;
  o.index = index < 0 ? -1 - index : index;
  o.offset = index < 0 ? 0 : t->offset + pair[2].cast<int64_t>();
  o.meta = meta_ref(t->meta);
  o.flags = t->flags & (PARAM | VIEW_COPY | FROZEN | PACK);
  return o;
}

ScalarSpec scalar(py::tuple t) {
  ScalarSpec s{};
  auto kind = t[0].cast<std::string>();
  if (kind == "argument") {
    s.kind = ScalarSpec::ARGUMENT;
    s.index = t[1].cast<int>();
  } else if (kind == "constant") {
    s.kind = ScalarSpec::CONSTANT;
    s.value = number_from(py::object(t[1]).ptr());
  } else {
    s.kind = ScalarSpec::EXPRESSION;
    s.op = t[1].cast<std::string>()[0];
    s.a = t[2].cast<int>();
    s.b = t[3].cast<int>();
  }
  return s;
}

PlanHandle make_plan(Device* device, const std::vector<py::object>& inputs,
                     const std::vector<uint64_t>& blocks, const std::vector<py::tuple>& scalars,
                     const std::vector<py::tuple>& steps, const std::vector<py::tuple>& outputs,
                     const std::vector<int>& mutated,
                     const std::vector<std::pair<int, int>>& rebinds, bool returns_tuple) {
  auto plan = std::make_shared<Plan>();
  plan->device = device;
  for (const auto& i : inputs) plan->inputs.push_back(meta_ref(tensor_arg(i)->meta));
  plan->blocks = blocks;
  for (const auto& s : scalars) plan->scalars.push_back(scalar(s));
  for (const auto& t : steps) {
    Step step;
    step.op = t[0].cast<std::string>();
    if (!t[1].is_none()) step.kernel = t[1].cast<KernelPtr>();
    if (!t[2].is_none()) step.function = py::object(t[2]).release().ptr();
    if (!t[3].is_none()) step.attrs = attrs_from(py::object(t[3]).ptr());
    for (auto o : t[4]) step.inputs.push_back(operand(o));
    for (auto o : t[5]) step.outputs.push_back(operand(o));
    plan->steps.push_back(std::move(step));
  }
  for (const auto& o : outputs) plan->outputs.push_back(operand(o));
  plan->mutated = mutated;
  plan->rebinds = rebinds;
  plan->returns_tuple = returns_tuple;
  plan->finish();
  return PlanHandle{plan};
}

std::vector<TensorObject*> checked_inputs(const std::vector<Meta*>& want,
                                          const std::vector<py::object>& tensors) {
  if (tensors.size() != want.size())
    raise(PyExc_TypeError, "this plan takes " + std::to_string(want.size()) + " tensors");
  std::vector<TensorObject*> in;
  for (size_t i = 0; i < tensors.size(); ++i) {
    in.push_back(stored_arg(tensors[i]));
    if (in.back()->meta != want[i])
      raise(PyExc_ValueError, "input " + std::to_string(i) + " of this plan is " +
                                  describe(want[i]) + ", not " + describe(in.back()->meta));
  }
  return in;
}

// plan(tensors, numbers) -> tuple of tensors
py::tuple run(const PlanHandle& h, const std::vector<py::object>& tensors,
              const std::vector<py::object>& numbers) {
  const Plan& plan = *h.plan;
  std::vector<TensorObject*> in = checked_inputs(plan.inputs, tensors), out(plan.outputs.size());
  std::vector<PyObject*> num;
  for (const auto& n : numbers) num.push_back(n.ptr());
  plan.run(in.data(), num.data(), out.data());
  py::tuple results(out.size());
  for (size_t i = 0; i < out.size(); ++i) results[i] = steal(out[i]);
  return results;
}

py::object symbolic(Device* device, int slot, py::handle dtype, const std::vector<int64_t>& shape,
                    py::object strides, uint32_t flags) {
  Meta* meta = meta_arg(device, dtype_arg(dtype), shape, strides);
  Storage* s = storage_empty(device);
  s->symbolic = true;
  s->slot = slot;
  return steal(tensor_new(s, meta, 0, flags));
}

// Other shape, strides, dtype and offset (bytes, from the storage's start) on the same memory.
py::object view(py::handle tensor, const std::vector<int64_t>& shape, py::object strides,
                int64_t offset, py::object dtype) {
  TensorObject* t = tensor_arg(tensor);
  int type = dtype.is_none() ? t->meta->dtype : dtype_arg(dtype);
  Meta* meta = meta_arg(t->meta->device, type, shape, strides);
  return steal(tensor_new(t->storage ? storage_ref(t->storage) : nullptr, meta, offset,
                          t->flags & (WEAK | VIEW_COPY)));
}

// replay(arguments, numbers) -> results; loop(n, arguments, stacked, numbers) -> stacked results
py::tuple replay(Replay& r, int64_t times, const std::vector<py::object>& arguments,
                 const std::vector<bool>& stacked, const std::vector<py::object>& numbers) {
  if (static_cast<int>(arguments.size()) != r.n_arguments())
    raise(PyExc_TypeError, "this plan takes " + std::to_string(r.n_arguments()) + " tensors");
  TensorObject* in[kMaxTensors];
  for (size_t i = 0; i < arguments.size(); ++i) in[i] = stored_arg(arguments[i]);
  std::vector<PyObject*> given;
  for (const auto& n : numbers) given.push_back(n.ptr());
  std::vector<TensorObject*> out;
  size_t runs = times > 0 ? static_cast<size_t>(times) : 1;
  r.run(times, in, stacked, given.data(), given.size() / runs, &out);
  py::tuple results(out.size());
  for (size_t i = 0; i < out.size(); ++i) results[i] = steal(out[i]);
  return results;
}

// values: (symbol, kind, index, number or None); nodes: (op, inputs, outputs, attrs), by value;
// numbers: (scalar, symbol); outputs: (symbol, input whose memory it takes or -1).
// A BackendPlan, or the backend's reason for taking no such graph, or None: it takes none at all.
py::object backend_plan(Device* device, const std::vector<py::object>& inputs,
                        const std::vector<py::tuple>& values, const std::vector<py::tuple>& nodes,
                        const std::vector<py::tuple>& scalars,
                        const std::vector<py::tuple>& numbers,
                        const std::vector<py::tuple>& outputs, const std::vector<int>& mutated) {
  const vd_backend& table = device->backend->table;
  if (!table.plan_compile || !table.plan_run) return py::none();
  Graph g;
  g.device = device;
  for (const auto& t : inputs) g.inputs.push_back(meta_ref(tensor_arg(t)->meta));
  for (const auto& t : values) {
    TensorObject* x = tensor_arg(t[0]);
    GraphValue v{meta_ref(x->meta), t[1].cast<int>(), t[2].cast<int>(), 0, Number()};
    bool scalar = x->storage && x->storage->slot < 0;
    v.flags = scalar             ? uint32_t{VD_TENSOR_SCALAR}
              : x->flags & PARAM ? uint32_t{VD_TENSOR_PARAM}
                                 : 0u;
    if (!t[3].is_none()) v.number = number_from(py::object(t[3]).ptr());
    g.values.push_back(v);
  }
  for (const auto& t : nodes)
    g.nodes.push_back({t[0].cast<std::string>(), attrs_from(py::object(t[3]).ptr()),
                       t[1].cast<std::vector<int32_t>>(), t[2].cast<std::vector<int32_t>>()});
  for (const auto& s : scalars) g.scalars.push_back(scalar(s));
  for (const auto& t : numbers)
    g.numbers.emplace_back(t[0].cast<int>(), tensor_arg(t[1])->meta->dtype);
  for (const auto& t : outputs) {
    TensorObject* x = tensor_arg(t[0]);
    g.outputs.push_back({meta_ref(x->meta), t[1].cast<int>(), x->flags & VIEW_COPY});
  }
  g.mutated = mutated;
  std::string reason;
  std::unique_ptr<BackendPlan> plan = BackendPlan::compile(std::move(g), &reason);
  if (!plan) return py::str(reason);
  return py::cast(std::move(plan));
}

}  // namespace

PlanPtr plan_of(PyObject* object) { return py::handle(object).cast<PlanHandle&>().plan; }

void bind_plan(py::module_& m) {
  py::class_<PlanHandle>(m, "Plan")
      .def(py::init(&make_plan), py::arg("device"), py::arg("inputs"), py::arg("blocks"),
           py::arg("scalars"), py::arg("steps"), py::arg("outputs"), py::arg("mutated"),
           py::arg("rebinds"), py::arg("returns_tuple"))
      .def_property_readonly("steps",
                             [](const PlanHandle& h) {
                               py::list names;
                               for (const Step& s : h.plan->steps) names.append(s.op);
                               return names;
                             })
      .def_property_readonly("bytes",
                             [](const PlanHandle& h) {
                               uint64_t total = 0;
                               for (uint64_t b : h.plan->blocks) total += b;
                               return total;
                             })
      .def("__call__", run, py::arg("tensors"), py::arg("numbers") = std::vector<py::object>());
  py::class_<Replay>(m, "Replay")
      .def(py::init([](const PlanHandle& h, const std::vector<py::object>& captured,
                       const std::vector<int>& kept, const std::vector<int>& frozen) {
             std::vector<TensorObject*> tensors;
             for (const auto& t : captured) tensors.push_back(stored_arg(t));
             return std::make_unique<Replay>(h.plan, tensors, kept, frozen);
           }),
           py::arg("plan"), py::arg("captured"), py::arg("kept"),
           py::arg("frozen") = std::vector<int>())
      .def("fresh", &Replay::fresh)
      .def("measure", &Replay::measure)
      .def("seconds", &Replay::seconds)
      .def("kept", [](Replay& r, int i) { return steal(r.kept(i)); })
      .def("__call__",
           [](Replay& r, const std::vector<py::object>& arguments,
              const std::vector<py::object>& numbers) {
             return replay(r, -1, arguments, {}, numbers);
           })
      .def("loop", replay);
  py::class_<BackendPlan>(m, "BackendPlan")
      .def_property_readonly("bytes", [](const BackendPlan&) { return 0; })
      .def("__call__", [](const BackendPlan& p, const std::vector<py::object>& tensors,
                          const std::vector<py::object>& numbers) {
        std::vector<TensorObject*> in = checked_inputs(p.graph().inputs, tensors);
        std::vector<PyObject*> given;
        for (const auto& n : numbers) given.push_back(n.ptr());
        std::vector<TensorObject*> out = p.run(in, given);
        py::tuple results(out.size());
        for (size_t i = 0; i < out.size(); ++i) results[i] = steal(out[i]);
        return results;
      });
  m.def("backend_plan", backend_plan);
  m.def(
      "frozen",
      [](py::handle tensor, bool pack) {
        TensorObject* t = tensor_arg(tensor);
        const uint32_t flags = (t->flags & (PARAM | VIEW_COPY)) | FROZEN | (pack ? PACK : 0u);
        return steal(tensor_new(storage_ref(t->storage), meta_ref(t->meta), t->offset, flags));
      },
      py::arg("tensor"), py::arg("pack") = false,
      "The same symbolic tensor, known never to change while the plan lives; `pack`: with memory "
      "for a packed copy.");
  m.def("symbolic", symbolic);
  m.def("view", view);
}

}  // namespace vidya
