// Replay: a plan with its memory laid out once, run again and again without Python per kernel.
#pragma once
#include "plan.hpp"

namespace vidya {

class Replay {
 public:
  // `captured` are the tensors behind the plan's last inputs; the first ones are arguments.
  // `kept`: outputs (by number) that stay in the plan's own memory, the same at every run.
  // `frozen`: captured tensors (by number) whose contents the kernels count on.
  Replay(PlanPtr plan, std::vector<TensorObject*> captured, const std::vector<int>& kept,
         const std::vector<int>& frozen);
  ~Replay();
  Replay(const Replay&) = delete;

  int n_arguments() const { return static_cast<int>(plan_->inputs.size() - captured_.size()); }
  bool fresh() const;  // do the captured tensors still look as they did, the frozen ones hold it?
  TensorObject* kept(int output);  // new reference
  // Runs `times` times. Stacked arguments advance by one slice a run; results of run i go to slice
  // i of the stacked results. With times < 0: once, nothing stacked. numbers: one row per run.
  void run(int64_t times, TensorObject* const* arguments, const std::vector<bool>& stacked,
           PyObject* const* numbers, size_t n_numbers, std::vector<TensorObject*>* results);
  const Plan& plan() const { return *plan_; }
  // Measures every kernel of the runs from now on: the device is synchronised after each.
  void measure(bool on) { seconds_.assign(on ? calls_.size() : 0, 0); }
  const std::vector<double>& seconds() const { return seconds_; }  // per kernel, summed over runs

 private:
  struct Patch {  // an operand whose memory is known only at the run
    int tensor, slot;
    int64_t offset;
  };
  struct Frozen {  // what a captured tensor held when the plan was made
    int captured;
    Storage* storage;  // owned, so that no other takes its address
    vd_buffer buffer;
    int64_t offset;
    uint32_t version;
  };
  struct ScalarPatch {
    int tensor, scalar, dtype;
  };
  void evaluate(PyObject* const* numbers);

  PlanPtr plan_;
  std::vector<TensorObject*> captured_;
  std::vector<Storage*> own_;  // per block; null where each run needs a new one
  std::vector<Frozen> frozen_;
  std::vector<int> escaping_;      // blocks that leave with the results
  std::vector<int> output_slots_;  // slot of each output that is not kept
  std::vector<bool> is_kept_;
  std::vector<vd_tensor> tensors_;  // operands of all steps, one after another
  std::vector<vd_call> calls_;
  std::vector<Patch> patches_;
  std::vector<ScalarPatch> scalar_patches_;
  std::vector<Number> numbers_;
  std::vector<double> seconds_;  // empty unless measured
};

}  // namespace vidya
