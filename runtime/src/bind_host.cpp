// Between tensors and host memory: upload, download, zero-copy views.
#include "bindings.hpp"
#include "vidya/sdk.hpp"

namespace vidya {

namespace {

py::dtype numpy_dtype(int dtype) {
  return py::reinterpret_borrow<py::object>(dtype_object(dtype)).attr("np").cast<py::dtype>();
}

void require_contiguous(const TensorObject* t) {
  if (!t->meta->contiguous) raise(PyExc_ValueError, "only contiguous tensors cross to the host");
}

// A new tensor with the array's bytes, which are contiguous and already of that dtype.
py::object upload(Device* device, py::array array, py::handle dtype) {
  int type = dtype_arg(dtype);
  std::vector<int64_t> shape(array.shape(), array.shape() + array.ndim());
  Meta* meta = meta_intern(device, type, static_cast<int>(shape.size()), shape.data(), nullptr);
  bool strided = device->strided();
  TensorObject* t =
      tensor_new(strided ? storage_new(device, meta->nbytes()) : storage_empty(device), meta, 0);
  py::object owner = steal(t);
  vd_tensor v;
  fill_vd(t, &v);
  vd_err err{};
  vd_status status;
  {
    DeviceLock guard(device);
    status = device->backend->table.upload(device->handle, &v, array.data(), &err);
  }
  device->check(status, err, "upload of " + describe(meta));
  if (!strided) {
    t->storage->buffer = v.buffer;
    t->storage->bytes = meta->nbytes();
    device->adopt(meta->nbytes());
  }
  return owner;
}

py::array download(py::handle tensor) {
  TensorObject* t = stored_arg(tensor);
  require_contiguous(t);
  Device* device = t->meta->device;
  std::vector<py::ssize_t> shape(t->meta->shape(), t->meta->shape() + t->meta->ndim);
  py::array out(numpy_dtype(t->meta->dtype), shape);
  if (t->meta->numel == 0) return out;
  vd_tensor v;
  fill_vd(t, &v);
  vd_err err{};
  vd_status status;
  {
    DeviceLock guard(device);
    PyThreadState* state = device->backend->python ? nullptr : PyEval_SaveThread();
    status = device->backend->table.download(device->handle, &v, out.mutable_data(), &err);
    if (state) PyEval_RestoreThread(state);
  }
  device->check(status, err, "download of " + describe(t->meta));
  return out;
}

// Overwrites a contiguous tensor with host bytes, in the memory it has.
void write(py::handle tensor, py::array array) {
  TensorObject* t = stored_arg(tensor);
  require_contiguous(t);
  if (static_cast<uint64_t>(array.nbytes()) != t->meta->nbytes())
    raise(PyExc_ValueError, "the array has another size than the tensor");
  Device* device = t->meta->device;
  vd_tensor v;
  fill_vd(t, &v);
  vd_err err{};
  vd_status status;
  {
    DeviceLock guard(device);
    status = device->backend->table.upload(device->handle, &v, array.data(), &err);
  }
  device->check(status, err, "upload of " + describe(t->meta));
  ++t->storage->version;
}

// The same bytes in new memory of the same device.
py::object duplicate(py::handle tensor) {
  TensorObject* t = stored_arg(tensor);
  require_contiguous(t);
  Device* device = t->meta->device;
  bool strided = device->strided();
  TensorObject* copy =
      tensor_new(strided ? storage_new(device, t->meta->nbytes()) : storage_empty(device),
                 meta_ref(t->meta), 0);
  py::object owner = steal(copy);
  vd_tensor src, dst;
  fill_vd(t, &src);
  fill_vd(copy, &dst);
  vd_err err{};
  vd_status status;
  {
    DeviceLock guard(device);
    status = device->backend->table.copy(device->handle, &dst, &src, &err);
  }
  device->check(status, err, "copy of " + describe(t->meta));
  if (!strided) {
    copy->storage->buffer = dst.buffer;
    copy->storage->bytes = t->meta->nbytes();
    device->adopt(t->meta->nbytes());
  }
  return owner;
}

// A NumPy array on the tensor's own memory; keeps it alive. None if the host cannot reach it.
py::object host_view(py::handle tensor) {
  TensorObject* t = stored_arg(tensor);
  Device* device = t->meta->device;
  void* base = t->storage->buffer;
  if (!device->host_memory()) {
    if (!device->strided() || !device->backend->table.host_ptr) return py::none();
    vd_err err{};
    DeviceLock guard(device);
    if (device->backend->table.host_ptr(device->handle, t->storage->buffer, &base, &err) != VD_OK)
      return py::none();
  }
  if (device->info.flags & VD_DEVICE_ASYNC) device->sync();
  const Meta* m = t->meta;
  std::vector<py::ssize_t> shape(m->shape(), m->shape() + m->ndim), strides;
  for (int d = 0; d < m->ndim; ++d) strides.push_back(m->strides()[d] * kDtypes[m->dtype].size);
  py::capsule keep(storage_ref(t->storage),
                   [](void* s) { storage_unref(static_cast<Storage*>(s)); });
  return py::array(numpy_dtype(m->dtype), shape, strides, static_cast<char*>(base) + t->offset,
                   keep);
}

// A tensor on a NumPy array's memory (host-memory devices only).
py::object wrap_host(Device* device, py::array array, py::handle dtype) {
  if (!device->host_memory())
    raise(PyExc_ValueError, device->name + " cannot use the host's memory; copy instead");
  int type = dtype_arg(dtype);
  std::vector<int64_t> shape, strides;
  int size = kDtypes[type].size;
  for (int d = 0; d < array.ndim(); ++d) {
    shape.push_back(array.shape(d));
    if (array.strides(d) % size) raise(PyExc_ValueError, "its strides are no whole elements; copy");
    strides.push_back(array.strides(d) / size);
  }
  Meta* meta =
      meta_intern(device, type, static_cast<int>(shape.size()), shape.data(), strides.data());
  Storage* s = storage_empty(device);
  s->buffer = const_cast<void*>(array.data());
  s->bytes = static_cast<uint64_t>(array.nbytes());
  s->owner = py::object(array).release().ptr();
  s->free_owner = [](void* o) { Py_DECREF(static_cast<PyObject*>(o)); };
  return steal(tensor_new(s, meta, 0));
}

}  // namespace

void bind_host(py::module_& m) {
  m.def("upload", upload);
  m.def("download", download);
  m.def("write", write);
  m.def("duplicate", duplicate);
  m.def("host_view", host_view);
  m.def("wrap_host", wrap_host);
  m.def("philox", [](uint64_t lo, uint64_t hi, uint64_t key) {
    auto p = sdk::philox4x32_10(lo, hi, key);
    return py::make_tuple(p.word[0], p.word[1], p.word[2], p.word[3]);
  });
}

}  // namespace vidya
