// Meta (what a tensor looks like, interned), Storage (its memory) and the Python tensor object.
#pragma once
#include <unordered_set>

#include "device.hpp"

namespace vidya {

// Shape, strides, dtype and device of a tensor. Interned: equal metas are the same pointer, so a
// memo look-up compares pointers. Reference-counted under Python's lock.
struct Meta {
  int refs;
  uint8_t dtype;
  uint8_t ndim;
  bool contiguous;
  Device* device;
  int64_t numel;
  size_t hash;
  PyObject* shape_tuple;          // made at first use
  int64_t dims[2 * VD_MAX_NDIM];  // ndim sizes, then ndim strides (elements)

  const int64_t* shape() const { return dims; }
  const int64_t* strides() const { return dims + ndim; }
  uint64_t nbytes() const { return static_cast<uint64_t>(numel) * kDtypes[dtype].size; }
};
// New reference. strides may be null: contiguous.
Meta* meta_intern(Device* device, int dtype, int ndim, const int64_t* shape,
                  const int64_t* strides);
void meta_free(Meta* meta);
inline Meta* meta_ref(Meta* meta) {
  ++meta->refs;
  return meta;
}
inline void meta_unref(Meta* meta) {
  if (meta && --meta->refs == 0) meta_free(meta);
}
PyObject* meta_shape(Meta* meta);  // borrowed tuple

// Memory that tensors share. symbolic: a value of a trace, with no memory; slot names it.
struct Storage {
  int refs = 1;
  uint32_t version = 0;
  bool symbolic = false;
  int slot = 0;
  Device* device = nullptr;
  vd_buffer buffer = nullptr;
  uint64_t bytes = 0;
  void (*free_owner)(void*) = nullptr;  // set: memory that somebody else owns
  void* owner = nullptr;
};
Storage* storage_new(Device* device, uint64_t bytes);  // allocates
Storage* storage_empty(Device* device);                // a buffer may be set later
void storage_free(Storage* storage);
inline Storage* storage_ref(Storage* s) {
  ++s->refs;
  return s;
}
inline void storage_unref(Storage* s) {
  if (s && --s->refs == 0) storage_free(s);
}

enum TensorFlags : uint32_t {
  REQUIRES_GRAD = 1u << 0,
  PARAM = 1u << 1,      // a weight
  WEAK = 1u << 2,       // in a trace: a Python number, which yields to tensors in promotion
  VIEW_COPY = 1u << 3,  // came from a view op on a device that cannot alias
  FROZEN = 1u << 5,     // in a plan: never changes while the plan lives
  PACK = 1u << 6,       // and the user gives memory for a packed copy
  KEEP = 1u << 4,       // outlives the scope it was made in: gradients, optimizer state
};

struct TensorObject {
  PyObject_HEAD Storage*
      storage;  // null: a value that was not saved for backward; only its meta is known
  Meta* meta;
  int64_t offset;  // bytes
  uint32_t flags;
  int output_index;  // which output of grad_fn this is
  PyObject* grad_fn;
  PyObject* grad;
  PyObject* hooks;
  PyObject* weakrefs;
  PyObject* base;     // of a view: the tensor whose memory it shows, itself no view
  uint32_t rewrites;  // recorded writes into the base's memory; a view's: as its history knows
};

extern PyTypeObject* TensorBaseType;
extern PyGetSetDef kTensorAttributes[];
extern PyMethodDef kTensorMethods[];
void tensor_init_type(PyObject* module);
void set_tensor_class(PyObject* cls);
PyTypeObject* tensor_class();

inline bool is_tensor(PyObject* object) { return PyObject_TypeCheck(object, TensorBaseType); }
inline TensorObject* as_tensor(PyObject* object) { return reinterpret_cast<TensorObject*>(object); }
inline PyObject* as_object(TensorObject* t) { return reinterpret_cast<PyObject*>(t); }

// Steals storage and meta. New reference; throws.
TensorObject* tensor_new(Storage* storage, Meta* meta, int64_t offset, uint32_t flags = 0);
TensorObject* tensor_alias(TensorObject* t);  // same memory, no gradient history

// Views share their base's memory, so a recorded write to one gives all of them a new history.
void set_base(TensorObject* view, TensorObject* of);
void refresh_history(TensorObject* view);  // of what was written since; throws
inline void current_history(TensorObject* t) {
  if (t->base && t->rewrites != as_tensor(t->base)->rewrites) refresh_history(t);
}
// What a backend is told of a tensor's flags.
inline uint32_t weight_flags(uint32_t flags) {
  return (flags & PARAM ? uint32_t{VD_TENSOR_PARAM} : 0u) |
         (flags & FROZEN ? uint32_t{VD_TENSOR_FROZEN} : 0u) |
         (flags & PACK ? uint32_t{VD_TENSOR_PACK} : 0u);
}
void fill_vd(const TensorObject* t, vd_tensor* out);
std::string describe(const Meta* meta);  // "f32[2, 3]"

// Tensors made between these are freed at the end, but for those that are kept (by address).
void scope_begin();
void scope_end(const std::unordered_set<PyObject*>& kept);

// Gradient recording in this thread.
extern thread_local bool t_grad_enabled;

}  // namespace vidya
