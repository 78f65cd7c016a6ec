#include "backend_plan.hpp"

#include <utility>

namespace vidya {

namespace {

vd_tensor described(const Meta* meta, uint32_t flags) {
  vd_tensor t{};
  t.shape = meta->shape();
  t.strides = meta->strides();
  t.ndim = meta->ndim;
  t.dtype = kDtypes[meta->dtype].vd;
  t.flags = flags;
  return t;
}

// New memory of the outputs, until tensors own it.
struct Fresh {
  std::vector<Storage*> list;
  ~Fresh() {
    for (Storage* s : list) storage_unref(s);
  }
};

}  // namespace

Graph::~Graph() {
  for (Meta* m : inputs) meta_unref(m);
  for (GraphValue& v : values) meta_unref(v.meta);
  for (GraphOutput& o : outputs) meta_unref(o.meta);
}

std::unique_ptr<BackendPlan> BackendPlan::compile(Graph&& given, std::string* reason) {
  Graph graph = std::move(given);
  Device* device = graph.device;
  const vd_backend& table = device->backend->table;
  std::vector<vd_value> values;
  for (const GraphValue& v : graph.values) {
    vd_value value{};
    value.meta = described(v.meta, v.flags);
    value.kind = v.kind;
    value.index = v.index;
    if (v.kind == VD_VALUE_CONSTANT) write_number(v.number, v.meta->dtype, value.meta.value.bytes);
    values.push_back(value);
  }
  std::vector<vd_node> nodes;
  for (const GraphNode& n : graph.nodes) {
    vd_node node{};
    node.op = n.op.c_str();
    node.n_inputs = static_cast<int32_t>(n.inputs.size());
    node.n_outputs = static_cast<int32_t>(n.outputs.size());
    node.inputs = n.inputs.data();
    node.outputs = n.outputs.data();
    node.n_attrs = static_cast<int32_t>(n.attrs->list.size());
    node.attrs = n.attrs->list.data();
    nodes.push_back(node);
  }
  vd_graph whole{};
  whole.struct_size = sizeof whole;
  whole.n_values = static_cast<int32_t>(values.size());
  whole.n_nodes = static_cast<int32_t>(nodes.size());
  whole.n_inputs = static_cast<int32_t>(graph.inputs.size() + graph.numbers.size());
  whole.n_outputs = static_cast<int32_t>(graph.outputs.size());
  whole.values = values.data();
  whole.nodes = nodes.data();
  void* plan = nullptr;
  vd_err err{};
  vd_status status;
  {
    DeviceLock guard(device);
    status = table.plan_compile(device->handle, &whole, &plan, &err);
  }
  if (status == VD_UNSUPPORTED) {
    *reason = err.text[0] ? words(err) : "no reason given";
    return nullptr;
  }
  if (status != VD_OK)
    device->check(status, err, "plan_compile of " + std::to_string(nodes.size()) + " nodes");
  return std::unique_ptr<BackendPlan>(new BackendPlan(std::move(graph), plan));
}

BackendPlan::~BackendPlan() {
  if (!graph_.device || !graph_.device->backend->table.plan_free) return;
  DeviceLock guard(graph_.device);
  graph_.device->backend->table.plan_free(graph_.device->handle, plan_);
}

std::vector<TensorObject*> BackendPlan::run(const std::vector<TensorObject*>& tensors,
                                            const std::vector<PyObject*>& given) const {
  Device* device = graph_.device;
  std::vector<Number> numbers;
  numbers.reserve(graph_.scalars.size());
  for (const ScalarSpec& s : graph_.scalars)
    numbers.push_back(s.kind == ScalarSpec::ARGUMENT   ? number_from(given[size_t(s.index)])
                      : s.kind == ScalarSpec::CONSTANT ? s.value
                                                       : evaluate_expression(s, numbers.data()));
  std::vector<vd_tensor> in, out;
  for (TensorObject* t : tensors) {
    in.emplace_back();
    fill_vd(t, &in.back());
  }
  for (auto [scalar, dtype] : graph_.numbers) {
    vd_tensor t{};
    t.dtype = kDtypes[dtype].vd;
    t.flags = VD_TENSOR_SCALAR;
    write_number(numbers[size_t(scalar)], dtype, t.value.bytes);
    in.push_back(t);
  }
  Fresh fresh;
  std::vector<Storage*> storage;
  for (const GraphOutput& o : graph_.outputs) {
    vd_tensor t = described(o.meta, 0);
    Storage* s = nullptr;
    if (o.input < 0 || !device->strided()) {
      s = device->strided() ? storage_new(device, o.meta->nbytes()) : storage_empty(device);
      fresh.list.push_back(s);
      t.buffer = s->buffer;
    } else {
      t.buffer = in[size_t(o.input)].buffer;
      t.offset = in[size_t(o.input)].offset;
    }
    storage.push_back(s);
    out.push_back(t);
  }
  vd_err err{};
  vd_status status;
  {
    DeviceLock guard(device);
    PyThreadState* state = device->backend->python ? nullptr : PyEval_SaveThread();
    status = device->backend->table.plan_run(device->handle, plan_, in.data(), out.data(), &err);
    if (state) PyEval_RestoreThread(state);
  }
  if (status != VD_OK) {
    if (PyErr_Occurred()) PyErr_Clear();
    device->check(status, err, "plan_run of " + std::to_string(graph_.nodes.size()) + " nodes");
  }
  std::vector<TensorObject*> results;
  for (size_t i = 0; i < out.size(); ++i) {
    const GraphOutput& o = graph_.outputs[i];
    if (!device->strided()) {
      storage[i]->buffer = out[i].buffer;
      storage[i]->bytes = o.meta->nbytes();
      device->adopt(storage[i]->bytes);
      if (o.input >= 0) {
        Storage* target = tensors[size_t(o.input)]->storage;
        std::swap(target->buffer, storage[i]->buffer);
        std::swap(target->bytes, storage[i]->bytes);
      }
    }
    if (o.input < 0)
      results.push_back(tensor_new(storage_ref(storage[i]), meta_ref(o.meta), 0, o.flags));
  }
  for (int i : graph_.mutated) ++tensors[size_t(i)]->storage->version;
  return results;
}

}  // namespace vidya
