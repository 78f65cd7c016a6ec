// Interned metas and storages.
#include <cstring>
#include <unordered_set>

#include "tensor.hpp"

namespace vidya {

namespace {

struct HashMeta {
  size_t operator()(const Meta* m) const { return m->hash; }
};
struct SameMeta {
  bool operator()(const Meta* a, const Meta* b) const {
    return a->hash == b->hash && a->dtype == b->dtype && a->ndim == b->ndim &&
           a->device == b->device && !std::memcmp(a->dims, b->dims, sizeof(int64_t) * 2 * a->ndim);
  }
};
std::unordered_set<Meta*, HashMeta, SameMeta>& table() {
  static auto* t = new std::unordered_set<Meta*, HashMeta, SameMeta>;
  return *t;
}

}  // namespace

Meta* meta_intern(Device* device, int dtype, int ndim, const int64_t* shape,
                  const int64_t* strides) {
  if (ndim > VD_MAX_NDIM)
    raise(PyExc_ValueError, "a tensor has at most " + std::to_string(VD_MAX_NDIM) +
                                " dimensions, not " + std::to_string(ndim));
  Meta probe;
  probe.dtype = static_cast<uint8_t>(dtype);
  probe.ndim = static_cast<uint8_t>(ndim);
  probe.device = device;
  int64_t numel = 1;
  for (int d = 0; d < ndim; ++d) {
    if (shape[d] < 0)
      raise(PyExc_ValueError,
            "negative size " + std::to_string(shape[d]) + " at dim " + std::to_string(d));
    probe.dims[d] = shape[d];
    if (__builtin_mul_overflow(numel, shape[d], &numel) || numel > (int64_t{1} << 56))
      raise(PyExc_ValueError, "a tensor of that shape does not fit any memory");
  }
  int64_t expected = 1;
  bool contiguous = true;
  for (int d = ndim - 1; d >= 0; --d) {
    int64_t stride = strides ? strides[d] : expected;
    if (shape[d] != 1 && stride != expected && numel != 0) contiguous = false;
    probe.dims[ndim + d] = stride;
    expected *= shape[d] > 0 ? shape[d] : 1;
  }
  probe.numel = numel;
  probe.contiguous = contiguous;
  size_t h = 0xcbf29ce484222325u ^ (reinterpret_cast<size_t>(device) + dtype * 31 + ndim);
  for (int d = 0; d < 2 * ndim; ++d)
    h = (h ^ static_cast<size_t>(probe.dims[d])) * 0x9e3779b97f4a7c15u, h ^= h >> 29;
  probe.hash = h;
  auto found = table().find(&probe);
  if (found != table().end()) return meta_ref(*found);
  auto* meta = new Meta(probe);
  meta->refs = 1;
  meta->shape_tuple = nullptr;
  table().insert(meta);
  return meta;
}

void meta_free(Meta* meta) {
  table().erase(meta);
  Py_XDECREF(meta->shape_tuple);
  delete meta;
}

PyObject* meta_shape(Meta* meta) {
  if (!meta->shape_tuple) {
    PyObject* tuple = checked(PyTuple_New(meta->ndim));
    for (int d = 0; d < meta->ndim; ++d)
      PyTuple_SET_ITEM(tuple, d, PyLong_FromLongLong(meta->dims[d]));
    meta->shape_tuple = tuple;
  }
  return meta->shape_tuple;
}

Storage* storage_empty(Device* device) {
  auto* s = new Storage;
  s->device = device;
  return s;
}

Storage* storage_new(Device* device, uint64_t bytes) {
  vd_buffer buffer = device->allocate(bytes);
  Storage* s = storage_empty(device);
  s->buffer = buffer;
  s->bytes = bytes;
  return s;
}

void storage_free(Storage* s) {
  if (s->free_owner)
    s->free_owner(s->owner);
  else if (s->buffer)
    s->device->release(s->buffer, s->bytes);
  delete s;
}

std::string describe(const Meta* meta) {
  std::string text = std::string(kDtypes[meta->dtype].name) + "[";
  for (int d = 0; d < meta->ndim; ++d) text += (d ? "," : "") + std::to_string(meta->dims[d]);
  return text + "]";
}

}  // namespace vidya
