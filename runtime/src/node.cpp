#include "node.hpp"

#include <cstring>

namespace vidya {

PyTypeObject* NodeType = nullptr;

namespace {

uint64_t g_sequence = 0;

NodeObject* as_node(PyObject* o) { return reinterpret_cast<NodeObject*>(o); }

int traverse(PyObject* self, visitproc visit, void* arg) {
  NodeObject* n = as_node(self);
  Py_VISIT(Py_TYPE(self));
  Py_VISIT(n->hooks);
  for (int i = 0; i < n->n_params; ++i) Py_VISIT(n->values[i]);
  for (int i = 0; i < n->n_inputs; ++i) {
    Py_VISIT(n->inputs[i].edge);
    Py_VISIT(n->inputs[i].saved);
  }
  if (n->saved_outputs)
    for (int i = 0; i < n->n_outputs; ++i) Py_VISIT(n->saved_outputs[i]);
  return 0;
}

void release_saved(NodeObject* n) {
  for (int i = 0; i < n->n_inputs; ++i) Py_CLEAR(n->inputs[i].saved);
  if (n->saved_outputs)
    for (int i = 0; i < n->n_outputs; ++i) Py_CLEAR(n->saved_outputs[i]);
}

int clear(PyObject* self) {
  NodeObject* n = as_node(self);
  release_saved(n);
  Py_CLEAR(n->hooks);
  for (int i = 0; i < n->n_params; ++i) Py_CLEAR(n->values[i]);
  for (int i = 0; i < n->n_inputs; ++i) Py_CLEAR(n->inputs[i].edge);
  return 0;
}

void dealloc(PyObject* self) {
  NodeObject* n = as_node(self);
  PyTypeObject* type = Py_TYPE(self);
  PyObject_GC_UnTrack(self);
  Py_TRASHCAN_BEGIN(self, dealloc);
  clear(self);
  for (int i = 0; i < n->n_inputs; ++i) meta_unref(n->inputs[i].meta);
  for (int i = 0; i < n->n_outputs; ++i) meta_unref(n->output_metas[i]);
  delete[] reinterpret_cast<char*>(n->values);
  Py_XDECREF(reinterpret_cast<PyObject*>(n->op));
  type->tp_free(self);
  Py_DECREF(type);
  Py_TRASHCAN_END;
}

// One block for all of a node's arrays; `values` is its start.
void allocate_arrays(NodeObject* n, int n_params, int n_inputs, int n_outputs, bool save_outputs) {
  size_t bytes = n_params * (sizeof(PyObject*) + 2 * sizeof(int)) + n_inputs * sizeof(NodeInput) +
                 n_outputs * (sizeof(Meta*) + sizeof(PyObject*) + sizeof(uint32_t));
  char* at = new char[bytes];
  std::memset(at, 0, bytes);
  auto take = [&](auto*& pointer, int count) {
    pointer = reinterpret_cast<std::remove_reference_t<decltype(pointer)>>(at);
    at += count * sizeof(*pointer);
  };
  n->n_params = n_params;
  n->n_inputs = n_inputs;
  n->n_outputs = n_outputs;
  take(n->values, n_params);
  take(n->inputs, n_inputs);
  take(n->output_metas, n_outputs);
  take(n->saved_outputs, n_outputs);
  if (!save_outputs) n->saved_outputs = nullptr;
  take(n->first, n_params);
  take(n->count, n_params);
  take(n->output_versions, n_outputs);
}

void record_input(NodeInput* in, TensorObject* t, bool save) {
  in->meta = meta_ref(t->meta);
  if (t->flags & REQUIRES_GRAD) {
    in->edge = Py_NewRef(t->grad_fn ? t->grad_fn : as_object(t));
    in->edge_index = t->output_index;
  }
  if (save) {
    in->saved = Py_NewRef(as_object(t));
    in->version = t->storage->version;
  }
}

void check_version(NodeObject* n, const Storage* storage, uint32_t version) {
  if (storage && storage->version != version)
    raise("AutogradError",
          std::string("backward of ") + PyUnicode_AsUTF8(n->op->name) +
              ": a tensor that it needs was modified in place since the forward call; write to a "
              "copy (x.clone()), or after backward()");
}

PyObject* input_value(NodeObject* n, int i) {
  NodeInput& in = n->inputs[i];
  if (in.saved) {
    check_version(n, as_tensor(in.saved)->storage, in.version);
    return Py_NewRef(in.saved);
  }
  return as_object(tensor_new(nullptr, meta_ref(in.meta), 0));
}

// The arguments as the op got them; tensors that were not saved only know their shape.
PyObject* m_arguments(PyObject* self, PyObject*) {
  return guarded<PyObject*>(nullptr, [&]() -> PyObject* {
    NodeObject* n = as_node(self);
    if (n->released)
      raise("AutogradError",
            std::string("backward of ") + PyUnicode_AsUTF8(n->op->name) +
                ": its saved values are gone after the first backward(); pass retain_graph=True "
                "to the first one to go back twice");
    Ref tuple(checked(PyTuple_New(n->n_params)));
    for (int p = 0; p < n->n_params; ++p) {
      PyObject* value;
      if (n->values[p]) {
        value = Py_NewRef(n->values[p]);
      } else if (n->count[p] < 0) {
        value = input_value(n, n->first[p]);
      } else {
        Ref list(checked(PyTuple_New(n->count[p])));
        for (int k = 0; k < n->count[p]; ++k)
          PyTuple_SET_ITEM(list.get(), k, input_value(n, n->first[p] + k));
        value = list.release();
      }
      PyTuple_SET_ITEM(tuple.get(), p, value);
    }
    return tuple.release();
  });
}

// [(edge, output index, shape, dtype, device)] per tensor input; edge None: no gradient wanted.
PyObject* m_edges(PyObject* self, PyObject*) {
  return guarded<PyObject*>(nullptr, [&]() -> PyObject* {
    NodeObject* n = as_node(self);
    Ref list(checked(PyList_New(n->n_inputs)));
    for (int i = 0; i < n->n_inputs; ++i) {
      NodeInput& in = n->inputs[i];
      PyObject* item = Py_BuildValue("(OiOO)", in.edge ? in.edge : Py_None, in.edge_index,
                                     meta_shape(in.meta), dtype_object(in.meta->dtype));
      PyList_SET_ITEM(list.get(), i, checked(item));
    }
    return list.release();
  });
}

// Per parameter: the number of tensors in its list, -1 for one tensor, -2 for none.
PyObject* m_layout(PyObject* self, PyObject*) {
  NodeObject* n = as_node(self);
  PyObject* tuple = PyTuple_New(n->n_params);
  for (int p = 0; tuple && p < n->n_params; ++p)
    PyTuple_SET_ITEM(tuple, p, PyLong_FromLong(n->values[p] ? -2 : n->count[p]));
  return tuple;
}

// The tensors that backward will need, also those of no parameter (saved results).
PyObject* m_saved(PyObject* self, PyObject*) {
  NodeObject* n = as_node(self);
  PyObject* list = PyList_New(0);
  for (int i = 0; list && i < n->n_inputs; ++i)
    if (n->inputs[i].saved) PyList_Append(list, n->inputs[i].saved);
  for (int i = 0; list && n->saved_outputs && i < n->n_outputs; ++i)
    if (n->saved_outputs[i]) PyList_Append(list, n->saved_outputs[i]);
  return list;
}

PyObject* m_release(PyObject* self, PyObject*) {
  release_saved(as_node(self));
  as_node(self)->released = true;
  Py_RETURN_NONE;
}

PyObject* get_out(PyObject* self, void*) {
  return guarded<PyObject*>(nullptr, [&]() -> PyObject* {
    NodeObject* n = as_node(self);
    if (!n->saved_outputs)
      raise("AutogradError", std::string(PyUnicode_AsUTF8(n->op->name)) +
                                 ": ctx.out was not saved; add saves=\"out\" to its pullback");
    Ref tuple(checked(PyTuple_New(n->n_outputs)));
    for (int i = 0; i < n->n_outputs; ++i) {
      TensorObject* saved = as_tensor(n->saved_outputs[i]);
      check_version(n, saved->storage, n->output_versions[i]);
      TensorObject* out = tensor_alias(saved);
      if (t_grad_enabled && out->meta->dtype >= F16) {  // so that it differentiates again
        out->grad_fn = Py_NewRef(self);
        out->output_index = i;
        out->flags |= REQUIRES_GRAD;
      }
      if (n->n_outputs == 1 && !n->returns_tuple) return as_object(out);
      PyTuple_SET_ITEM(tuple.get(), i, as_object(out));
    }
    return tuple.release();
  });
}

PyObject* get_needs(PyObject* self, void*) {
  NodeObject* n = as_node(self);
  PyObject* tuple = PyTuple_New(n->n_params);
  for (int p = 0; tuple && p < n->n_params; ++p) {
    bool needs = false;
    if (!n->values[p])
      for (int k = 0; k < (n->count[p] < 0 ? 1 : n->count[p]); ++k)
        needs |= n->inputs[n->first[p] + k].edge != nullptr;
    PyTuple_SET_ITEM(tuple, p, PyBool_FromLong(needs));
  }
  return tuple;
}

PyObject* get_op(PyObject* self, void*) {
  return Py_NewRef(reinterpret_cast<PyObject*>(as_node(self)->op));
}
PyObject* get_hooks(PyObject* self, void*) {
  PyObject* hooks = as_node(self)->hooks;
  return Py_NewRef(hooks ? hooks : Py_None);
}
int set_hooks(PyObject* self, PyObject* value, void*) {
  Py_XINCREF(value);
  Py_XSETREF(as_node(self)->hooks, value);
  return 0;
}
PyObject* get_sequence(PyObject* self, void*) {
  return PyLong_FromUnsignedLongLong(as_node(self)->sequence);
}
PyObject* get_released(PyObject* self, void*) { return PyBool_FromLong(as_node(self)->released); }
PyObject* get_outputs(PyObject* self, void*) {
  return guarded<PyObject*>(nullptr, [&]() -> PyObject* {
    NodeObject* n = as_node(self);
    Ref tuple(checked(PyTuple_New(n->n_outputs)));
    for (int i = 0; i < n->n_outputs; ++i) {
      Meta* m = n->output_metas[i];
      PyTuple_SET_ITEM(tuple.get(), i,
                       checked(Py_BuildValue("(OOO)", meta_shape(m), dtype_object(m->dtype),
                                             m->device->object)));
    }
    return tuple.release();
  });
}
PyObject* repr(PyObject* self) {
  return PyUnicode_FromFormat("<%UBackward>", as_node(self)->op->name);
}

PyGetSetDef kGetSet[] = {
    {"op", get_op, nullptr, "The op that was called.", nullptr},
    {"out", get_out, nullptr, "The op's saved output, or a tuple of them.", nullptr},
    {"needs", get_needs, nullptr, "Per parameter: is a gradient wanted?", nullptr},
    {"hooks", get_hooks, set_hooks, "{output index: [hook]}, or None.", nullptr},
    {"sequence", get_sequence, nullptr, "Grows with each recorded call.", nullptr},
    {"released", get_released, nullptr, "Is what backward needs gone?", nullptr},
    {"outputs", get_outputs, nullptr, "(shape, dtype, device) of each output.", nullptr},
    {nullptr, nullptr, nullptr, nullptr, nullptr}};

PyMethodDef kMethods[] = {
    {"arguments", m_arguments, METH_NOARGS, "The op's arguments, in the order of its parameters."},
    {"edges", m_edges, METH_NOARGS, "Where the gradients of the tensor inputs go."},
    {"layout", m_layout, METH_NOARGS, "How the tensor inputs spread over the parameters."},
    {"saved", m_saved, METH_NOARGS, "The tensors kept for backward."},
    {"release", m_release, METH_NOARGS, "Let go of the saved values."},
    {nullptr, nullptr, 0, nullptr}};

PyType_Slot kSlots[] = {{Py_tp_dealloc, reinterpret_cast<void*>(dealloc)},
                        {Py_tp_traverse, reinterpret_cast<void*>(traverse)},
                        {Py_tp_clear, reinterpret_cast<void*>(clear)},
                        {Py_tp_repr, reinterpret_cast<void*>(repr)},
                        {Py_tp_getset, kGetSet},
                        {Py_tp_methods, kMethods},
                        {0, nullptr}};

PyType_Spec kSpec = {"vidya._core.Node", sizeof(NodeObject), 0,
                     Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_DISALLOW_INSTANTIATION,
                     kSlots};

}  // namespace

uint64_t next_sequence() { return ++g_sequence; }

void node_init_type(PyObject* module) {
  NodeType = reinterpret_cast<PyTypeObject*>(checked(PyType_FromSpec(&kSpec)));
  PyModule_AddObjectRef(module, "Node", reinterpret_cast<PyObject*>(NodeType));
}

void node_record(OpObject* op, int n_outputs, bool returns_tuple, const Bound& b,
                 TensorObject** outputs) {
  auto* n = as_node(checked(NodeType->tp_alloc(NodeType, 0)));
  Ref owner(reinterpret_cast<PyObject*>(n));
  int n_params = static_cast<int>(op->params->size());
  allocate_arrays(n, n_params, b.n_tensors, n_outputs, op->saves_outputs);
  n->op = reinterpret_cast<OpObject*>(Py_NewRef(reinterpret_cast<PyObject*>(op)));
  n->returns_tuple = returns_tuple;
  n->sequence = next_sequence();
  int next = 0;
  for (int p = 0; p < n_params; ++p) {
    PyObject* v = b.values[p];
    bool save = op->saves >> p & 1;
    n->first[p] = next;
    n->count[p] = -1;
    if ((*op->params)[p].kind == Param::LIST) {
      n->count[p] = static_cast<int>(PySequence_Fast_GET_SIZE(v));
      for (int k = 0; k < n->count[p]; ++k, ++next)
        record_input(&n->inputs[next], b.tensors[next], save);
    } else if ((*op->params)[p].kind != Param::ATTRIBUTE && is_tensor(v)) {
      record_input(&n->inputs[next++], as_tensor(v), save);
    } else {
      n->values[p] = Py_NewRef(v);
    }
  }
  for (int i = 0; i < n_outputs; ++i) {
    TensorObject* out = outputs[i];
    n->output_metas[i] = meta_ref(out->meta);
    if (op->saves_outputs) {
      n->saved_outputs[i] = as_object(tensor_alias(out));
      n->output_versions[i] = out->storage->version;
    }
    if (out->meta->dtype < F16) continue;  // integers and bools carry no gradient
    Py_XSETREF(out->grad_fn, Py_NewRef(owner.get()));
    out->output_index = i;
    out->flags |= REQUIRES_GRAD;
  }
}

}  // namespace vidya
