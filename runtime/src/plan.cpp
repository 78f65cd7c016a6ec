// Replaying a plan.
#include "plan.hpp"

#include "launch.hpp"

#include <alloca.h>

#include <chrono>
#include <cstring>

namespace vidya {

namespace {

// The memory behind each slot while a plan runs.
struct Slots {
  Storage** storage;
  int64_t* base;
  int n_inputs, n;
  ~Slots() {
    for (int i = n_inputs; i < n; ++i) storage_unref(storage[i]);
  }
};

struct Failure {
  vd_status status = VD_OK;
  vd_err err;
  std::string what;
};

void fill(const Slots& slots, const Number* numbers, const std::vector<Operand>& operands,
          const std::vector<vd_tensor>& templates, vd_tensor* out) {
  size_t n = operands.size();
  std::memcpy(out, templates.data(), n * sizeof(vd_tensor));
  for (size_t i = 0; i < n; ++i) {
    const Operand& o = operands[i];
    if (o.kind == Operand::SLOT) {
      out[i].buffer = slots.storage[o.index]->buffer;
      out[i].offset = static_cast<uint64_t>(slots.base[o.index] + o.offset);
    } else if (o.kind == Operand::SCALAR) {
      write_number(numbers[o.index], o.meta->dtype, out[i].value.bytes);
    }
  }
}

// Touches no Python: may run without its lock. New buffers are counted by the caller.
bool launch(const Step& step, const Slots& slots, const Number* numbers, uint64_t* adopted,
            Failure* failure) {
  size_t n_in = step.inputs.size(), n_out = step.outputs.size();
  auto* tensors = static_cast<vd_tensor*>(alloca((n_in + n_out) * sizeof(vd_tensor)));
  fill(slots, numbers, step.inputs, step.in_template, tensors);
  fill(slots, numbers, step.outputs, step.out_template, tensors + n_in);
  vd_call call{};
  call.struct_size = sizeof call;
  call.n_inputs = static_cast<int32_t>(n_in);
  call.n_outputs = static_cast<int32_t>(n_out);
  call.op = step.op.c_str();
  call.inputs = tensors;
  call.outputs = tensors + n_in;
  if (step.attrs) {
    call.n_attrs = static_cast<int32_t>(step.attrs->list.size());
    call.attrs = step.attrs->list.data();
  }
  const Kernel& k = *step.kernel;
  failure->err.text[0] = 0;
  vd_status status = launch_kernel(k, call, &failure->err);
  if (status != VD_OK) {
    failure->status = status;
    failure->what = describe_call(call);
    return false;
  }
  if (k.found.caps & VD_CAP_ALLOCS_OUTPUT) {
    for (size_t i = 0; i < n_out; ++i) {
      Storage* s = slots.storage[step.outputs[i].index];
      s->buffer = tensors[n_in + i].buffer;
      s->bytes = step.outputs[i].meta->nbytes();
      *adopted += s->bytes;
    }
  }
  return true;
}

Ref tensor_for(const Slots& slots, const Operand& o) {
  return Ref(as_object(tensor_new(storage_ref(slots.storage[o.index]), meta_ref(o.meta),
                                  slots.base[o.index] + o.offset, o.flags)));
}

// A step in Python: its results take the place of the slots' memory.
void call_python(const Device* device, const Step& step, Slots& slots, const Number* numbers) {
  Ref args(checked(PyTuple_New(static_cast<Py_ssize_t>(step.inputs.size()))));
  for (size_t i = 0; i < step.inputs.size(); ++i) {
    const Operand& o = step.inputs[i];
    PyObject* arg;
    if (o.kind == Operand::SLOT)
      arg = tensor_for(slots, o).release();
    else if (o.kind == Operand::ABSENT)
      arg = Py_NewRef(Py_None);
    else if (numbers[o.index].kind <= Number::INT_)
      arg = checked(PyLong_FromLongLong(numbers[o.index].i));
    else
      arg = checked(PyFloat_FromDouble(numbers[o.index].re));
    PyTuple_SET_ITEM(args.get(), static_cast<Py_ssize_t>(i), arg);
  }
  bool recording = t_grad_enabled;
  t_grad_enabled = false;
  auto begin = std::chrono::steady_clock::now();
  Ref result(PyObject_CallObject(step.function, args.get()));
  if (debug_level >= 2)
    note_launch(step.op, device, step.op + " in Python",
                std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count());
  t_grad_enabled = recording;
  if (!result) throw PythonError();
  bool single = is_tensor(result.get());
  Py_ssize_t n = static_cast<Py_ssize_t>(step.outputs.size());
  if (!single && (!PyTuple_Check(result.get()) || PyTuple_GET_SIZE(result.get()) != n))
    raise(PyExc_TypeError,
          "the Python kernel for " + step.op + " must return " + std::to_string(n) + " tensor(s)");
  for (Py_ssize_t i = 0; i < n; ++i) {
    PyObject* item = single ? result.get() : PyTuple_GET_ITEM(result.get(), i);
    const Operand& o = step.outputs[static_cast<size_t>(i)];
    if (!is_tensor(item) || as_tensor(item)->meta != o.meta)
      raise(PyExc_TypeError,
            "the Python kernel for " + step.op + " must return a contiguous " + describe(o.meta) +
                " on " + o.meta->device->name +
                (is_tensor(item) ? ", not " + describe(as_tensor(item)->meta) : ""));
    storage_unref(slots.storage[o.index]);
    slots.storage[o.index] = storage_ref(as_tensor(item)->storage);
    slots.base[o.index] = as_tensor(item)->offset;
  }
}

bool result_comes_last(const Plan& plan) {
  if (plan.outputs.size() != 1 || plan.returns_tuple || plan.steps.empty()) return false;
  if (!plan.rebinds.empty() || !plan.mutated.empty() || !plan.device->strided()) return false;
  const Operand& result = plan.outputs[0];
  const Step& last = plan.steps.back();
  if (result.index < static_cast<int>(plan.inputs.size()) || result.offset) return false;
  if (!last.kernel || last.kernel->found.caps & VD_CAP_ALLOCS_OUTPUT) return false;
  for (const Step& step : plan.steps)
    for (const Operand& o : step.outputs)
      if (o.index == result.index &&
          (&step != &last || last.outputs.size() != 1 || o.offset || o.meta != result.meta))
        return false;
  return last.outputs.size() == 1 && last.outputs[0].index == result.index;
}

}  // namespace

Number evaluate_expression(const ScalarSpec& s, const Number* numbers) {
  double a = numbers[s.a].real(), b = numbers[s.b].real();
  Number n;
  n.re = s.op == '+'   ? a + b
         : s.op == '-' ? a - b
         : s.op == '*' ? a * b
         : s.op == '/' ? a / b
         : s.op == '^' ? __builtin_pow(a, b)
                       : __builtin_sqrt(a);
  return n;
}

Plan::~Plan() {
  for (Meta* m : inputs) meta_unref(m);
  for (Step& s : steps) {
    Py_XDECREF(s.function);
    for (Operand& o : s.inputs) meta_unref(o.meta);
    for (Operand& o : s.outputs) meta_unref(o.meta);
  }
  for (Operand& o : outputs) meta_unref(o.meta);
}

void Plan::finish() {
  // Below this, giving up Python's lock costs more than the work.
  constexpr int64_t kWorthReleasing = 1 << 16;
  int64_t bytes = 0;
  bool python = device->backend->python;
  auto make = [&](const std::vector<Operand>& operands, std::vector<vd_tensor>& templates) {
    for (const Operand& o : operands) {
      vd_tensor t{};
      if (o.kind == Operand::ABSENT) {
        t.flags = VD_TENSOR_ABSENT;
      } else {
        t.shape = o.meta->shape();
        t.strides = o.meta->strides();
        t.ndim = o.meta->ndim;
        t.dtype = kDtypes[o.meta->dtype].vd;
        t.flags = o.kind == Operand::SCALAR ? uint32_t{VD_TENSOR_SCALAR} : weight_flags(o.flags);
        bytes += static_cast<int64_t>(o.meta->nbytes());
      }
      templates.push_back(t);
    }
  };
  for (Step& s : steps) {
    make(s.inputs, s.in_template);
    make(s.outputs, s.out_template);
    python |= s.kernel == nullptr || s.kernel->provider->python;
  }
  releases_gil = !python && bytes > kWorthReleasing;
  ends_in_result = result_comes_last(*this);
}

bool Plan::can_write(const TensorObject* t, TensorObject* const* tensors) const {
  if (!ends_in_result || outputs[0].meta != t->meta || t->flags & VIEW_COPY) return false;
  const Step& last = steps.back();
  bool seen = false;  // an operand of the result's shape and type
  for (const Operand& o : last.inputs) {
    if (o.kind != Operand::SLOT) continue;
    bool first = !seen && o.meta == t->meta;
    seen |= first;
    if (o.index >= static_cast<int>(inputs.size())) continue;
    const TensorObject* source = tensors[o.index];
    if (source->storage != t->storage) continue;
    bool same = first && source->offset + o.offset == t->offset;
    if (!same || !(last.kernel->found.caps & VD_CAP_INPLACE)) return false;
  }
  return true;
}

void Plan::run(TensorObject* const* tensors, PyObject* const* numbers_in, TensorObject** results,
               TensorObject* into) const {
  int n_in = static_cast<int>(inputs.size()), n = n_in + static_cast<int>(blocks.size());
  Slots slots{static_cast<Storage**>(alloca(sizeof(Storage*) * (n + 1))),
              static_cast<int64_t*>(alloca(sizeof(int64_t) * (n + 1))), n_in, n_in};
  for (int i = 0; i < n_in; ++i) {
    slots.storage[i] = tensors[i]->storage;
    slots.base[i] = tensors[i]->offset;
  }
  bool strided = device->strided();
  for (; slots.n < n; ++slots.n) {
    bool given = into && slots.n == outputs[0].index;
    slots.storage[slots.n] = given     ? storage_ref(into->storage)
                             : strided ? storage_new(device, blocks[slots.n - n_in])
                                       : storage_empty(device);
    slots.base[slots.n] = given ? into->offset : 0;
  }
  Number* numbers = nullptr;
  if (!scalars.empty()) {
    numbers = static_cast<Number*>(alloca(sizeof(Number) * scalars.size()));
    for (size_t i = 0; i < scalars.size(); ++i) {
      const ScalarSpec& s = scalars[i];
      new (numbers + i) Number;
      if (s.kind == ScalarSpec::ARGUMENT) {
        numbers[i] = number_from(numbers_in[s.index]);
      } else if (s.kind == ScalarSpec::CONSTANT) {
        numbers[i] = s.value;
      } else {
        numbers[i] = evaluate_expression(s, numbers);
      }
    }
  }
  uint64_t adopted = 0;
  Failure failure;
  if (!steps.empty()) {
    DeviceLock guard(device);
    PyThreadState* state = releases_gil ? PyEval_SaveThread() : nullptr;
    const Step* failed = nullptr;
    for (const Step& step : steps) {
      if (!step.kernel) {
        call_python(device, step, slots, numbers);
      } else if (!launch(step, slots, numbers, &adopted, &failure)) {
        failed = &step;
        break;
      }
    }
    if (state) PyEval_RestoreThread(state);
    if (adopted) device->adopt(adopted);
    if (failed) {
      if (PyErr_Occurred()) PyErr_Clear();
      device->check(failure.status, failure.err, failure.what, failed->kernel->provider);
    }
  }
  for (auto [input, slot] : rebinds) {
    std::swap(tensors[input]->storage->buffer, slots.storage[slot]->buffer);
    std::swap(tensors[input]->storage->bytes, slots.storage[slot]->bytes);
  }
  for (int i : mutated) ++tensors[i]->storage->version;
  for (size_t i = 0; i < outputs.size(); ++i) {
    const Operand& o = outputs[i];
    try {
      results[i] = tensor_new(storage_ref(slots.storage[o.index]), meta_ref(o.meta),
                              slots.base[o.index] + o.offset, o.flags);
    } catch (...) {
      while (i > 0) Py_DECREF(as_object(results[--i]));
      throw;
    }
  }
}

Kernel::~Kernel() {
  if (!provider->table.kernel_free) return;
  DeviceLock guard(device);
  provider->table.kernel_free(device->handle, found.kernel);
}

}  // namespace vidya
