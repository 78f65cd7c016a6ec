// A whole plan that the backend itself compiled and runs, instead of kernel by kernel.
#pragma once
#include "plan.hpp"

namespace vidya {

struct GraphValue {
  Meta* meta;  // owned
  int32_t kind, index;
  uint32_t flags;  // VD_TENSOR_*
  Number number;   // of a constant
};
struct GraphNode {
  std::string op;
  AttrsPtr attrs;
  std::vector<int32_t> inputs, outputs;
};
struct GraphOutput {
  Meta* meta;      // owned
  int input;       // whose memory it takes over, or -1: new memory
  uint32_t flags;  // of the tensor that comes out
};

// In SSA form. Inputs are the plan's tensors, then its numbers.
struct Graph {
  Device* device = nullptr;
  std::vector<Meta*> inputs;  // of tensors, owned
  std::vector<GraphValue> values;
  std::vector<GraphNode> nodes;
  std::vector<ScalarSpec> scalars;
  std::vector<std::pair<int, int>> numbers;  // (scalar, dtype) of each number
  std::vector<GraphOutput> outputs;
  std::vector<int> mutated;
  Graph() = default;
  Graph(Graph&&) = default;
  ~Graph();
};

class BackendPlan {
 public:
  // Null, and why, if the backend takes no such graph.
  static std::unique_ptr<BackendPlan> compile(Graph&& graph, std::string* reason);
  ~BackendPlan();
  // New references: the outputs that are no inputs.
  std::vector<TensorObject*> run(const std::vector<TensorObject*>& tensors,
                                 const std::vector<PyObject*>& numbers) const;
  const Graph& graph() const { return graph_; }

 private:
  BackendPlan(Graph&& graph, void* plan) : graph_(std::move(graph)), plan_(plan) {}
  Graph graph_;
  void* plan_;
};

}  // namespace vidya
