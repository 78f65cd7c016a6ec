// Backends and devices as Python sees them.
#include "bindings.hpp"

namespace vidya {

namespace {

Backend* load_backend(py::object source, const std::string& distribution) {
  if (PyCapsule_CheckExact(source.ptr())) {
    const char* name = PyCapsule_GetName(source.ptr());
    if (!name || std::string(name) != VD_CAPSULE_NAME)
      raise("BackendError", distribution + ": its capsule is named '" + (name ? name : "") +
                                "', not '" VD_CAPSULE_NAME "'");
    source.inc_ref();  // the table lives in it
    return backend_from_table(
        static_cast<const vd_backend*>(PyCapsule_GetPointer(source.ptr(), VD_CAPSULE_NAME)),
        distribution);
  }
  if (py::isinstance<py::str>(source))
    return backend_from_library(source.cast<std::string>(), distribution, false);
  return backend_from_python(source.ptr(), distribution);
}

int backend_count(Backend* b) {
  int32_t n = 0;
  vd_err err{};
  vd_status status = b->table.count(b->table.self, &n, &err);
  if (status != VD_OK)
    raise("DeviceError", b->distribution + " cannot count its devices: " +
                             (err.text[0] ? words(err) : "no reason given"));
  return n;
}

Device* open_device(Backend* b, int index) { return new Device(b, index); }  // lives for ever

py::dict device_info(Device* d) {
  py::dict out;
  out["name"] = d->info.name;
  out["detail"] = d->info.detail;
  out["memory_bytes"] = d->info.memory_bytes;
  out["alignment"] = d->info.alignment;
  out["threads"] = d->info.threads;
  out["strided"] = d->strided();
  out["host_memory"] = d->host_memory();
  out["asynchronous"] = (d->info.flags & VD_DEVICE_ASYNC) != 0;
  out["distribution"] = d->backend->distribution;
  out["version"] = d->backend->table.version ? d->backend->table.version : "?";
  out["abi"] = std::to_string(d->backend->table.abi_major) + "." +
               std::to_string(d->backend->table.abi_minor);
  return out;
}

py::dict memory_stats(Device* d) {
  py::dict out;
  out["live_bytes"] = d->stats.live_bytes;
  out["peak_bytes"] = d->stats.peak_bytes;
  out["cached_bytes"] = d->stats.cached_bytes;
  out["allocations"] = d->stats.allocations;
  out["reuses"] = d->stats.reuses;
  if (d->backend->table.memory_stats) {
    vd_memory_stats s{};
    s.struct_size = sizeof s;
    vd_err err{};
    d->check(d->backend->table.memory_stats(d->handle, &s, &err), err, "memory_stats");
    out["backend_live_bytes"] = s.live_bytes;
    out["backend_cached_bytes"] = s.cached_bytes;
  }
  return out;
}

vd_tensor meta_tensor(py::handle h, bool scalar) {
  vd_tensor t{};
  if (h.is_none()) {
    t.flags = VD_TENSOR_ABSENT;
    return t;
  }
  TensorObject* x = tensor_arg(h);
  t.shape = x->meta->shape();
  t.strides = x->meta->strides();
  t.ndim = x->meta->ndim;
  t.dtype = kDtypes[x->meta->dtype].vd;
  t.flags = scalar ? uint32_t{VD_TENSOR_SCALAR} : weight_flags(x->flags);
  return t;
}

bool is_scalar(py::handle h) {
  if (h.is_none()) return false;
  const Storage* s = tensor_arg(h)->storage;
  return s && s->symbolic && s->slot < 0;
}

py::object decoded(const std::string& text) {
  auto size = static_cast<Py_ssize_t>(text.size());
  return py::reinterpret_steal<py::object>(PyUnicode_DecodeUTF8(text.data(), size, "replace"));
}

// (Kernel, caps), or the reason why there is none.
py::object find(Device* d, const std::string& op, const std::vector<py::object>& inputs,
                const std::vector<py::object>& outputs, py::dict attrs) {
  std::vector<vd_tensor> ins, outs;
  for (const auto& i : inputs) ins.push_back(meta_tensor(i, is_scalar(i)));
  for (const auto& o : outputs) outs.push_back(meta_tensor(o, false));
  AttrsPtr a = attrs_from(attrs.ptr());
  vd_call call{};
  call.struct_size = sizeof call;
  call.n_inputs = static_cast<int32_t>(ins.size());
  call.n_outputs = static_cast<int32_t>(outs.size());
  call.n_attrs = static_cast<int32_t>(a->list.size());
  call.op = op.c_str();
  call.inputs = ins.data();
  call.outputs = outs.data();
  call.attrs = a->list.data();
  vd_err err{};
  auto ask = [&](Backend* provider) -> KernelPtr {
    auto k = std::make_shared<Kernel>();
    k->device = d;
    k->provider = provider;
    k->found.struct_size = sizeof(vd_kernel);
    DeviceLock guard(d);
    err.text[0] = 0;
    vd_status status = provider->table.find(d->handle, &call, &k->found, &err);
    if (status == VD_OK) return k;
    k->provider = d->backend;
    k->found.kernel = nullptr;
    if (status != VD_UNSUPPORTED) d->check(status, err, "find " + describe_call(call), provider);
    return nullptr;
  };
  KernelPtr found;
  for (Backend* pack : d->kernel_packs)
    if ((found = ask(pack))) break;
  if (!found) found = ask(d->backend);
  if (!found) return decoded(err.text[0] ? words(err) : "no kernel");
  uint32_t caps = found->found.caps;
  return py::make_tuple(found, caps);
}

}  // namespace

void bind_device(py::module_& m) {
  py::class_<Backend, std::unique_ptr<Backend, py::nodelete>>(m, "Backend")
      .def_property_readonly("name", [](Backend* b) { return b->table.name; })
      .def_property_readonly("version",
                             [](Backend* b) { return b->table.version ? b->table.version : "?"; })
      .def_readonly("distribution", &Backend::distribution)
      .def("count", backend_count)
      .def("open", open_device, py::return_value_policy::reference);
  py::class_<Kernel, KernelPtr>(m, "Kernel").def_property_readonly("provider", [](Kernel& k) {
    return k.provider->distribution;
  });
  py::class_<Device, std::unique_ptr<Device, py::nodelete>>(m, "Device")
      .def_readonly("name", &Device::name)
      .def_readonly("index", &Device::index)
      .def_property_readonly("strided", &Device::strided)
      .def_property_readonly("host_memory", &Device::host_memory)
      .def("info", device_info)
      .def("memory_stats", memory_stats)
      .def("reset_peak", [](Device* d) { d->stats.peak_bytes = d->stats.live_bytes; })
      .def("empty_cache", &Device::empty_cache)
      .def("set_cache_limit", &Device::set_cache_limit)
      .def("sync", &Device::sync)
      .def("set_object", [](Device* d, py::object o) { d->object = o.release().ptr(); })
      .def("add_kernels",
           [](Device* d, const std::string& path, const std::string& distribution) {
             d->kernel_packs.push_back(backend_from_library(path, distribution, true));
           })
      .def("find", find);
  m.def("load_backend", load_backend, py::return_value_policy::reference);
}

}  // namespace vidya
