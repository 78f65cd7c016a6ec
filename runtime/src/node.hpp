// Node: the record of one op call that backward() goes back through.
#pragma once
#include "op.hpp"

namespace vidya {

// One tensor that the op took.
struct NodeInput {
  PyObject* edge = nullptr;   // the Node that made it, the leaf itself, or null: no gradient
  int edge_index = 0;         // which output of that Node
  PyObject* saved = nullptr;  // the tensor, if the pullback wants its values
  Meta* meta = nullptr;
  uint32_t version = 0;  // of its memory when it was saved
};

struct NodeObject {
  PyObject_HEAD OpObject* op;
  uint64_t sequence;
  int n_params;
  PyObject** values;  // attributes and numbers per parameter; null where tensors are
  int* first;         // per parameter: index of its first input, or -1
  int* count;         // per parameter: tensors in its list, or -1 for a single one
  int n_inputs;
  NodeInput* inputs;
  int n_outputs;
  Meta** output_metas;
  PyObject** saved_outputs;  // aliases without history; null if not saved
  uint32_t* output_versions;
  bool released;
  bool returns_tuple;
  PyObject* hooks;  // what register_hook put on its outputs, or null
};

extern PyTypeObject* NodeType;
void node_init_type(PyObject* module);
uint64_t next_sequence();
// Records the call and hangs it on the outputs. Throws.
void node_record(OpObject* op, int n_outputs, bool returns_tuple, const Bound& bound,
                 TensorObject** outputs);

}  // namespace vidya
