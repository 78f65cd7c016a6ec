// DLPack, both ways, for memory that the host can reach.
#include "bindings.hpp"

namespace vidya {

namespace {

// The structures of DLPack 0.x, as its specification lays them out.
struct DLDevice {
  int32_t type;  // 1: CPU
  int32_t id;
};
struct DLTensor {
  void* data;
  DLDevice device;
  int32_t ndim;
  vd_dtype dtype;
  int64_t* shape;
  int64_t* strides;
  uint64_t byte_offset;
};
struct DLManagedTensor {
  DLTensor tensor;
  void* context;
  void (*deleter)(DLManagedTensor*);
};
constexpr const char* kName = "dltensor";
constexpr const char* kUsed = "used_dltensor";

struct Export {
  DLManagedTensor managed;
  Storage* storage;
  int64_t dims[2 * VD_MAX_NDIM];
};

void drop_export(DLManagedTensor* m) {
  py::gil_scoped_acquire lock;
  auto* e = static_cast<Export*>(m->context);
  storage_unref(e->storage);
  delete e;
}

py::object to_dlpack(py::handle tensor) {
  TensorObject* t = stored_arg(tensor);
  Device* device = t->meta->device;
  if (!device->host_memory())
    raise(PyExc_BufferError, "only host memory can be shared; use x.to(\"numpy\") first");
  current_history(t);
  if (t->flags & REQUIRES_GRAD)
    raise(PyExc_BufferError, "a tensor that requires grad cannot be shared; use x.detach()");
  device->sync();
  const Meta* m = t->meta;
  auto* e = new Export{};
  e->storage = storage_ref(t->storage);
  std::copy(m->dims, m->dims + 2 * m->ndim, e->dims);
  e->managed.tensor = {static_cast<char*>(t->storage->buffer) + t->offset,
                       {1, 0},
                       m->ndim,
                       kDtypes[m->dtype].vd,
                       e->dims,
                       e->dims + m->ndim,
                       0};
  e->managed.context = e;
  e->managed.deleter = drop_export;
  PyObject* capsule = PyCapsule_New(&e->managed, kName, [](PyObject* c) {
    if (PyCapsule_IsValid(c, kName)) {  // nobody took it
      auto* managed = static_cast<DLManagedTensor*>(PyCapsule_GetPointer(c, kName));
      managed->deleter(managed);
    }
  });
  return py::reinterpret_steal<py::object>(checked(capsule));
}

py::object from_dlpack(Device* device, py::object capsule) {
  if (!device->host_memory())
    raise(PyExc_BufferError, device->name + " cannot use the host's memory; copy instead");
  auto* managed = static_cast<DLManagedTensor*>(PyCapsule_GetPointer(capsule.ptr(), kName));
  if (!managed) throw PythonError();
  const DLTensor& d = managed->tensor;
  if (d.device.type != 1) raise(PyExc_BufferError, "only CPU memory can be taken by DLPack");
  int dtype = dtype_from_vd(d.dtype);
  if (dtype < 0) raise(PyExc_BufferError, "vidya has no such dtype");
  Meta* meta = meta_intern(device, dtype, d.ndim, d.shape, d.strides);
  PyCapsule_SetName(capsule.ptr(), kUsed);
  Storage* s = storage_empty(device);
  s->buffer = static_cast<char*>(d.data) + d.byte_offset;
  s->bytes = meta->nbytes();
  s->owner = managed;
  s->free_owner = [](void* o) {
    auto* m = static_cast<DLManagedTensor*>(o);
    if (m->deleter) m->deleter(m);
  };
  return steal(tensor_new(s, meta, 0));
}

}  // namespace

void bind_dlpack(py::module_& m) {
  m.def("to_dlpack", to_dlpack);
  m.def("from_dlpack", from_dlpack);
}

}  // namespace vidya
