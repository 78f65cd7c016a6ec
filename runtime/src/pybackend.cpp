// A backend written in Python, behind the C ABI.
//
// Host memory: the adapter owns plain memory and kernels get NumPy arrays. Otherwise buffers are
// Python objects that only the backend understands, and kernels get Views. What the Python side
// provides is in vidya/backends/python.py.
#include <cstdlib>
#include <cstring>

#include "plan.hpp"
#include "python_values.hpp"

namespace vidya {

namespace {

struct PyKernel {
  py::object function;
  bool allocates;
};

struct PyDevice {
  py::object object;
  bool strided, host_memory;
};

struct PySource {
  py::object object;
  std::string name, version;
};

PyDevice* as_device(void* p) { return static_cast<PyDevice*>(p); }

vd_status say(vd_err* err, vd_status status, const std::string& text) {
  std::strncpy(err->text, text.c_str(), sizeof err->text - 1);
  err->text[sizeof err->text - 1] = 0;
  return status;
}

// What is no error of the code that ran, Ctrl-C above all: it goes on where the status arrives.
std::unique_ptr<py::error_already_set> passing;

// Runs Python code for the ABI: takes the lock, turns exceptions into a status.
template <class F>
vd_status in_python(vd_err* err, F&& body) {
  py::gil_scoped_acquire lock;
  try {
    return body();
  } catch (py::error_already_set& e) {
    vd_status status = VD_INTERNAL;
    if (!e.matches(PyExc_Exception)) passing = std::make_unique<py::error_already_set>(e);
    if (e.matches(error_class("OutOfMemoryError")) || e.matches(PyExc_MemoryError))
      status = VD_OOM;
    else if (e.matches(error_class("UnsupportedError")) || e.matches(PyExc_NotImplementedError))
      status = VD_UNSUPPORTED;
    else if (e.matches(error_class("DeviceError")))
      status = VD_DEVICE;
    else if (e.matches(PyExc_IndexError) || e.matches(PyExc_ValueError))
      status = VD_INVALID;
    std::string text = py::str(e.value()).cast<std::string>();
    if (e.matches(PyExc_IndexError) && text.find("index") == std::string::npos)
      text = "index out of range: " + text;
    if (status == VD_INTERNAL)
      text = py::str(e.type().attr("__name__")).cast<std::string>() + ": " + text;
    return say(err, status, text);
  } catch (const std::exception& e) {
    return say(err, VD_INTERNAL, e.what());
  }
}

}  // namespace

void raise_passing() {
  if (!passing) return;
  auto error = std::move(passing);
  error->restore();
  throw PythonError();
}

namespace {

// ---- the table's entries ----

vd_status count(void* self, int32_t* n, vd_err* err) {
  return in_python(err, [&]() -> vd_status {
    *n = static_cast<PySource*>(self)->object.attr("count")().cast<int32_t>();
    return VD_OK;
  });
}

vd_status open(void* self, int32_t index, void** device, vd_err* err) {
  return in_python(err, [&]() -> vd_status {
    py::object object = static_cast<PySource*>(self)->object.attr("open")(index);
    *device = new PyDevice{object, py::cast<bool>(object.attr("strided")),
                           py::cast<bool>(object.attr("host_memory"))};
    return VD_OK;
  });
}

void close(void* device) {
  py::gil_scoped_acquire lock;
  delete as_device(device);
}

vd_status info(void* device, vd_info* out, vd_err* err) {
  return in_python(err, [&]() -> vd_status {
    PyDevice* d = as_device(device);
    py::dict told = d->object.attr("info")();
    auto text = [&](const char* key, char* to, size_t size) {
      if (!told.contains(key)) return;
      std::strncpy(to, told[key].cast<std::string>().c_str(), size - 1);
      to[size - 1] = 0;
    };
    text("name", out->name, sizeof out->name);
    text("detail", out->detail, sizeof out->detail);
    if (told.contains("memory_bytes")) out->memory_bytes = told["memory_bytes"].cast<uint64_t>();
    if (told.contains("threads")) out->threads = told["threads"].cast<int32_t>();
    out->alignment = 1;
    out->flags = (d->strided ? uint32_t{VD_DEVICE_STRIDED} : 0u) |
                 (d->host_memory ? uint32_t{VD_DEVICE_HOST_MEMORY} : 0u) |
                 (py::getattr(d->object, "asynchronous", py::bool_(false)).cast<bool>()
                      ? uint32_t{VD_DEVICE_ASYNC}
                      : 0u);
    return VD_OK;
  });
}

vd_status sync(void* device, vd_err* err) {
  return in_python(err, [&]() -> vd_status {
    PyDevice* d = as_device(device);
    if (py::hasattr(d->object, "sync")) d->object.attr("sync")();
    return VD_OK;
  });
}

vd_status alloc(void* device, uint64_t bytes, vd_buffer* buffer, vd_err* err) {
  PyDevice* d = as_device(device);
  if (d->host_memory) {
    *buffer = std::aligned_alloc(64, (bytes + 64) / 64 * 64);
    return *buffer ? VD_OK : say(err, VD_OOM, "no memory");
  }
  return in_python(err, [&]() -> vd_status {
    *buffer = new py::object(d->object.attr("alloc")(bytes));
    return VD_OK;
  });
}

void release(void* device, vd_buffer buffer) {
  PyDevice* d = as_device(device);
  if (d->host_memory) return std::free(buffer);
  py::gil_scoped_acquire lock;
  py::error_scope unwinding;  // a tensor may die while an exception is on its way
  try {
    if (py::hasattr(d->object, "free")) d->object.attr("free")(as_buffer(buffer));
  } catch (py::error_already_set& e) {
    e.discard_as_unraisable("freeing a device buffer");
  }
  delete &as_buffer(buffer);
}

vd_status upload(void* device, vd_tensor* dst, const void* src, vd_err* err) {
  PyDevice* d = as_device(device);
  return in_python(err, [&]() -> vd_status {
    py::array bytes = contiguous_bytes(*dst, src, !d->host_memory);
    if (d->host_memory)
      std::memcpy(const_cast<char*>(address(*dst)), src, static_cast<size_t>(bytes.nbytes()));
    else
      set_buffer(dst, d->object.attr("upload")(view_for(*dst), bytes));
    return VD_OK;
  });
}

vd_status download(void* device, const vd_tensor* src, void* dst, vd_err* err) {
  PyDevice* d = as_device(device);
  return in_python(err, [&]() -> vd_status {
    py::array bytes = contiguous_bytes(*src, dst, false);
    if (d->host_memory) {
      std::memcpy(dst, address(*src), static_cast<size_t>(bytes.nbytes()));
      return VD_OK;
    }
    py::object told = d->object.attr("download")(view_for(*src));
    py::array got = py::array::ensure(py::module_::import("numpy").attr("ascontiguousarray")(told));
    if (!got || got.nbytes() != bytes.nbytes())
      return say(err, VD_INTERNAL,
                 "download gave " + std::to_string(got ? got.nbytes() : 0) + " bytes, not " +
                     std::to_string(bytes.nbytes()));
    std::memcpy(dst, got.data(), static_cast<size_t>(got.nbytes()));
    return VD_OK;
  });
}

vd_status copy(void* device, vd_tensor* dst, const vd_tensor* src, vd_err* err) {
  PyDevice* d = as_device(device);
  return in_python(err, [&]() -> vd_status {
    if (d->host_memory)
      std::memmove(const_cast<char*>(address(*dst)), address(*src),
                   static_cast<size_t>(contiguous_bytes(*src, nullptr, false).nbytes()));
    else
      set_buffer(dst, d->object.attr("copy")(view_for(*dst), view_for(*src)));
    return VD_OK;
  });
}

vd_status find(void* device, const vd_call* call, vd_kernel* out, vd_err* err) {
  return in_python(err, [&]() -> vd_status {
    PyDevice* d = as_device(device);
    py::list ins, outs;
    for (int i = 0; i < call->n_inputs; ++i) ins.append(meta_for(call->inputs[i]));
    for (int i = 0; i < call->n_outputs; ++i) outs.append(meta_for(call->outputs[i]));
    py::object answer = d->object.attr("find")(std::string(call->op), ins, outs, attrs_of(*call));
    if (answer.is_none()) return say(err, VD_UNSUPPORTED, "no kernel");
    if (py::isinstance<py::str>(answer))
      return say(err, VD_UNSUPPORTED, answer.cast<std::string>());
    auto pair = answer.cast<py::tuple>();
    out->caps = pair[1].cast<uint32_t>();
    out->kernel = new PyKernel{pair[0], (out->caps & VD_CAP_ALLOCS_OUTPUT) != 0};
    return VD_OK;
  });
}

vd_status run(void* device, void* kernel, const vd_call* call, vd_err* err) {
  return in_python(err, [&]() -> vd_status {
    PyDevice* d = as_device(device);
    auto* k = static_cast<PyKernel*>(kernel);
    py::list ins, outs;
    for (int i = 0; i < call->n_inputs; ++i)
      ins.append(d->host_memory ? array_for(call->inputs[i]) : view_for(call->inputs[i]));
    for (int i = 0; i < call->n_outputs; ++i)
      outs.append(d->host_memory ? array_for(call->outputs[i]) : view_for(call->outputs[i]));
    py::object result = k->function(ins, outs);
    if (!k->allocates) return VD_OK;
    auto buffers = result.cast<py::sequence>();
    if (static_cast<int>(buffers.size()) != call->n_outputs)
      return say(err, VD_INTERNAL,
                 "the kernel gave " + std::to_string(buffers.size()) + " buffers for " +
                     std::to_string(call->n_outputs) + " outputs");
    for (int i = 0; i < call->n_outputs; ++i) set_buffer(&call->outputs[i], buffers[i]);
    return VD_OK;
  });
}

void kernel_free(void*, void* kernel) {
  py::gil_scoped_acquire lock;
  delete static_cast<PyKernel*>(kernel);
}

vd_status host_ptr(void* device, vd_buffer buffer, void** out, vd_err* err) {
  if (!as_device(device)->host_memory)
    return say(err, VD_UNSUPPORTED, "its memory is not the host's");
  *out = buffer;
  return VD_OK;
}

}  // namespace

Backend* backend_from_python(PyObject* object, const std::string& distribution) {
  try {
    auto* source = new PySource{py::reinterpret_borrow<py::object>(object), {}, {}};
    source->name = py::str(source->object.attr("name")).cast<std::string>();
    source->version = py::str(source->object.attr("version")).cast<std::string>();
    auto* b = new Backend;
    vd_backend& t = b->table;
    t.struct_size = sizeof t;
    t.abi_major = VD_ABI_MAJOR;
    t.abi_minor = VD_ABI_MINOR;
    t.name = source->name.c_str();
    t.version = source->version.c_str();
    t.self = source;
    t.count = count;
    t.open = open;
    t.close = close;
    t.info = info;
    t.sync = sync;
    t.alloc = alloc;
    t.free = release;
    t.upload = upload;
    t.download = download;
    t.copy = copy;
    t.find = find;
    t.run = run;
    t.kernel_free = kernel_free;
    t.host_ptr = host_ptr;
    b->distribution = distribution;
    b->python = true;
    return b;
  } catch (py::error_already_set& e) {
    raise("BackendError", distribution + ": not a backend (" + std::string(e.what()) +
                              "); it needs name, version, count() and open(index)");
  }
}

}  // namespace vidya
