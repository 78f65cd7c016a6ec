#include "replay.hpp"

#include <algorithm>
#include <chrono>

#include "launch.hpp"

namespace vidya {

namespace {

// Ctrl-C ends a loop after about as many kernels: a step of a large model has hundreds and takes a
// while, one of a small model has a few and takes microseconds.
constexpr size_t kKernelsBetweenSignals = 256;

vd_status run_measured(const Kernel& k, Device* device, const vd_call& call, double* seconds,
                       vd_err* err) {
  auto begin = std::chrono::steady_clock::now();
  vd_status status = k.provider->table.run(device->handle, k.found.kernel, &call, err);
  if (status == VD_OK) status = device->backend->table.sync(device->handle, err);
  *seconds += std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  return status;
}

}  // namespace

Replay::Replay(PlanPtr plan, std::vector<TensorObject*> captured, const std::vector<int>& kept,
               const std::vector<int>& frozen)
    : plan_(std::move(plan)), captured_(std::move(captured)) {
  for (TensorObject* t : captured_) Py_INCREF(as_object(t));
  for (int i : frozen) {
    TensorObject* t = captured_[static_cast<size_t>(i)];
    frozen_.push_back(
        {i, storage_ref(t->storage), t->storage->buffer, t->offset, t->storage->version});
  }
  int n_in = static_cast<int>(plan_->inputs.size());
  is_kept_.assign(plan_->outputs.size(), false);
  for (int i : kept) is_kept_[static_cast<size_t>(i)] = true;
  std::vector<bool> escapes(plan_->blocks.size(), false);
  for (size_t i = 0; i < plan_->outputs.size(); ++i) {
    int slot = plan_->outputs[i].index;
    if (slot >= n_in && !is_kept_[i]) escapes[static_cast<size_t>(slot - n_in)] = true;
  }
  for (size_t b = 0; b < plan_->blocks.size(); ++b) {
    if (escapes[b]) escaping_.push_back(static_cast<int>(b));
    own_.push_back(escapes[b] ? nullptr : storage_new(plan_->device, plan_->blocks[b]));
  }
  size_t total = 0;
  for (const Step& s : plan_->steps) total += s.inputs.size() + s.outputs.size();
  tensors_.reserve(total);
  for (const Step& s : plan_->steps) {
    vd_call call{};
    call.struct_size = sizeof call;
    call.op = s.op.c_str();
    call.n_inputs = static_cast<int32_t>(s.inputs.size());
    call.n_outputs = static_cast<int32_t>(s.outputs.size());
    call.inputs = tensors_.data() + tensors_.size();
    call.outputs = tensors_.data() + tensors_.size() + s.inputs.size();
    if (s.attrs) {
      call.n_attrs = static_cast<int32_t>(s.attrs->list.size());
      call.attrs = s.attrs->list.data();
    }
    auto add = [&](const Operand& o, const vd_tensor& like) {
      int at = static_cast<int>(tensors_.size());
      tensors_.push_back(like);
      if (o.kind == Operand::SCALAR) {
        scalar_patches_.push_back({at, o.index, o.meta->dtype});
      } else if (o.kind == Operand::SLOT) {
        bool fixed = o.index >= n_in && own_[static_cast<size_t>(o.index - n_in)];
        if (fixed)
          tensors_[at].buffer = own_[static_cast<size_t>(o.index - n_in)]->buffer;
        else
          patches_.push_back({at, o.index, o.offset});
        tensors_[at].offset = static_cast<uint64_t>(o.offset);
      }
    };
    for (size_t i = 0; i < s.inputs.size(); ++i) add(s.inputs[i], s.in_template[i]);
    for (size_t i = 0; i < s.outputs.size(); ++i) add(s.outputs[i], s.out_template[i]);
    calls_.push_back(call);
  }
  numbers_.resize(plan_->scalars.size());
}

Replay::~Replay() {
  for (Storage* s : own_)
    if (s) storage_unref(s);
  for (const Frozen& f : frozen_) storage_unref(f.storage);
  for (TensorObject* t : captured_) Py_DECREF(as_object(t));
}

bool Replay::fresh() const {
  size_t first = plan_->inputs.size() - captured_.size();
  for (size_t i = 0; i < captured_.size(); ++i)
    if (captured_[i]->meta != plan_->inputs[first + i]) return false;
  for (const Frozen& f : frozen_) {
    const TensorObject* t = captured_[static_cast<size_t>(f.captured)];
    if (t->storage != f.storage || t->storage->buffer != f.buffer || t->offset != f.offset ||
        t->storage->version != f.version)
      return false;
  }
  return true;
}

TensorObject* Replay::kept(int output) {
  const Operand& o = plan_->outputs[static_cast<size_t>(output)];
  int block = o.index - static_cast<int>(plan_->inputs.size());
  return tensor_new(storage_ref(own_[static_cast<size_t>(block)]), meta_ref(o.meta), o.offset,
                    KEEP);
}

void Replay::evaluate(PyObject* const* given) {
  for (size_t i = 0; i < numbers_.size(); ++i) {
    const ScalarSpec& s = plan_->scalars[i];
    if (s.kind == ScalarSpec::EXPRESSION)
      numbers_[i] = evaluate_expression(s, numbers_.data());
    else
      numbers_[i] = s.kind == ScalarSpec::CONSTANT ? s.value : number_from(given[s.index]);
  }
  for (const ScalarPatch& p : scalar_patches_)
    write_number(numbers_[static_cast<size_t>(p.scalar)], p.dtype, tensors_[p.tensor].value.bytes);
}

void Replay::run(int64_t times, TensorObject* const* arguments, const std::vector<bool>& stacked,
                 PyObject* const* numbers, size_t n_numbers, std::vector<TensorObject*>* results) {
  const Plan& plan = *plan_;
  Device* device = plan.device;
  int n_in = static_cast<int>(plan.inputs.size()), n_args = n_arguments();
  bool loop = times >= 0;
  int64_t n = loop ? times : 1;
  DeviceLock guard(device);
  // Where each slot is, and by how much it moves from run to run.
  std::vector<vd_buffer> buffer(static_cast<size_t>(n_in) + own_.size());
  std::vector<int64_t> base(buffer.size(), 0), advance(buffer.size(), 0);
  for (int i = 0; i < n_in; ++i) {
    TensorObject* t = i < n_args ? arguments[i] : captured_[static_cast<size_t>(i - n_args)];
    if (!t->storage) raise("AutogradError", "a tensor of this compiled function lost its memory");
    buffer[i] = t->storage->buffer;
    base[i] = t->offset;
    if (i < n_args && loop && stacked[static_cast<size_t>(i)])
      advance[i] = t->meta->strides()[0] * kDtypes[t->meta->dtype].size;
  }
  struct Owned {
    std::vector<Storage*> list;
    ~Owned() {
      for (Storage* s : list) storage_unref(s);
    }
  } fresh;
  std::vector<Storage*> out_storage(own_.size(), nullptr);
  for (int b : escaping_) {
    // Slices of a stacked result keep a whole number of cache lines apart only if they are big.
    uint64_t bytes = plan.blocks[static_cast<size_t>(b)];
    Storage* s = storage_new(device, bytes * static_cast<uint64_t>(n ? n : 1));
    fresh.list.push_back(s);
    out_storage[static_cast<size_t>(b)] = s;
    buffer[static_cast<size_t>(n_in + b)] = s->buffer;
    advance[static_cast<size_t>(n_in + b)] = loop ? static_cast<int64_t>(bytes) : 0;
  }
  vd_err err;
  vd_status status = VD_OK;
  size_t failed = 0, since = 0;
  for (int64_t i = 0; i < n && status == VD_OK; ++i) {
    evaluate(numbers + static_cast<size_t>(i) * n_numbers);
    if (i == 0) {
      for (const Patch& p : patches_) {
        tensors_[p.tensor].buffer = buffer[static_cast<size_t>(p.slot)];
        tensors_[p.tensor].offset = static_cast<uint64_t>(base[p.slot] + p.offset);
      }
    } else {
      for (const Patch& p : patches_)
        tensors_[p.tensor].offset += static_cast<uint64_t>(advance[static_cast<size_t>(p.slot)]);
    }
    PyThreadState* state = plan.releases_gil ? PyEval_SaveThread() : nullptr;
    for (size_t s = 0; s < calls_.size(); ++s) {
      const Kernel& k = *plan.steps[s].kernel;
      if (seconds_.empty())
        status = launch_kernel(k, calls_[s], &err);
      else
        status = run_measured(k, device, calls_[s], &seconds_[s], &err);
      if (status != VD_OK) {
        failed = s;
        break;
      }
    }
    if (state) PyEval_RestoreThread(state);
    since += calls_.size();
    if (loop && since >= kKernelsBetweenSignals) {
      since = 0;
      if (PyErr_CheckSignals()) throw PythonError();
    }
  }
  if (status != VD_OK)
    device->check(status, err, describe_call(calls_[failed]), plan.steps[failed].kernel->provider);
  for (int i : plan.mutated) {
    TensorObject* t = i < n_args ? arguments[i] : captured_[static_cast<size_t>(i - n_args)];
    ++t->storage->version;
  }
  for (size_t i = 0; i < plan.outputs.size(); ++i) {
    if (is_kept_[i]) continue;
    const Operand& o = plan.outputs[i];
    int slot = o.index;
    Storage* s = slot < n_in ? (slot < n_args ? arguments[slot]
                                              : captured_[static_cast<size_t>(slot - n_args)])
                                   ->storage
                             : out_storage[static_cast<size_t>(slot - n_in)];
    Meta* meta;
    if (loop && slot >= n_in) {
      int64_t dims[2 * VD_MAX_NDIM];
      int nd = o.meta->ndim + 1;
      dims[0] = n;
      std::copy(o.meta->shape(), o.meta->shape() + o.meta->ndim, dims + 1);
      dims[nd] = static_cast<int64_t>(plan.blocks[static_cast<size_t>(slot - n_in)]) /
                 kDtypes[o.meta->dtype].size;
      std::copy(o.meta->strides(), o.meta->strides() + o.meta->ndim, dims + nd + 1);
      meta = meta_intern(device, o.meta->dtype, nd, dims, dims + nd);
    } else {
      meta = meta_ref(o.meta);
    }
    results->push_back(tensor_new(storage_ref(s), meta, base[slot] + o.offset, o.flags));
  }
}

}  // namespace vidya
