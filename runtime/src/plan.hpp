// A plan: kernels over slots, decided once and replayed. An eager op is a plan of one op.
#pragma once
#include <memory>
#include <vector>

#include "tensor.hpp"

namespace vidya {

// A Python number on its way into a kernel.
struct Number {
  enum Kind : uint8_t { BOOL_, INT_, FLOAT_, COMPLEX_ } kind = FLOAT_;
  int64_t i = 0;  // BOOL_, INT_ (unsigned 64-bit values keep their bits)
  double re = 0, im = 0;
  double real() const { return kind <= INT_ ? static_cast<double>(i) : re; }
};
Number number_from(PyObject* object);
void write_number(const Number& n, int dtype, unsigned char out[16]);

// A kernel that a backend found, kept until the last plan lets go of it.
struct Kernel {
  Device* device;
  Backend* provider;  // the device's backend, or a kernel pack for it
  vd_kernel found{};
  ~Kernel();
};
using KernelPtr = std::shared_ptr<Kernel>;

// Attributes in the ABI's form, owning what they point to.
struct Attrs {
  std::vector<vd_attr> list;
  std::vector<std::unique_ptr<std::string>> texts;
  std::vector<std::unique_ptr<std::vector<int64_t>>> ints;
  std::vector<std::unique_ptr<std::vector<double>>> floats;
};
using AttrsPtr = std::shared_ptr<Attrs>;
AttrsPtr attrs_from(PyObject* dict);

struct Operand {
  enum Kind : uint8_t { SLOT, SCALAR, ABSENT } kind = SLOT;
  int index = 0;       // of the slot or the scalar
  int64_t offset = 0;  // bytes, relative to the slot
  Meta* meta = nullptr;
  uint32_t flags = 0;
};

// A number that a plan feeds its kernels: an argument, a constant, or arithmetic on those.
struct ScalarSpec {
  enum Kind : uint8_t { ARGUMENT, CONSTANT, EXPRESSION } kind;
  int index = 0;
  Number value;
  char op = 0;  // + - * / ^ (power) r (square root of a)
  int a = 0, b = 0;
};

Number evaluate_expression(const ScalarSpec& spec, const Number* numbers);

struct Step {
  std::string op;
  KernelPtr kernel;  // null: a Python step
  AttrsPtr attrs;
  PyObject* function = nullptr;  // Python step: function(*tensors) -> tensors
  std::vector<Operand> inputs, outputs;
  std::vector<vd_tensor> in_template, out_template;
};

struct Plan {
  Device* device = nullptr;
  std::vector<Meta*> inputs;     // slots 0 .. n-1
  std::vector<uint64_t> blocks;  // further slots: memory of the plan's own, in bytes
  std::vector<ScalarSpec> scalars;
  std::vector<Step> steps;
  std::vector<Operand> outputs;
  std::vector<int> mutated;                  // inputs whose memory is written
  std::vector<std::pair<int, int>> rebinds;  // (input, slot): the input takes over that buffer
  bool returns_tuple = false;
  bool releases_gil = false;
  bool ends_in_result = false;  // only the last step writes the one result, all of its memory

  Plan() = default;
  Plan(const Plan&) = delete;
  ~Plan();
  void finish();  // templates and flags, once everything is in
  // Writes new references into outputs[]. Throws PythonError. `into`: whose memory the result is to
  // be in, if `can_write` says so.
  void run(TensorObject* const* tensors, PyObject* const* numbers, TensorObject** results,
           TensorObject* into = nullptr) const;
  bool can_write(const TensorObject* t, TensorObject* const* tensors) const;
};
using PlanPtr = std::shared_ptr<Plan>;

}  // namespace vidya
