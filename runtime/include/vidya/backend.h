/* vidya backend ABI 1.0: the one header that a device plugin needs.  Plain C11.
 *
 * A plugin hands the runtime one `vd_backend` table, either in a PyCapsule named
 * "vidya.backend.v1" or from a shared library that exports
 *
 *     const vd_backend *vidya_backend_v1(void);
 *
 * Rules that hold for every function here:
 *   - It never throws, aborts, or touches Python.  It returns a vd_status, and on any status but
 *     VD_OK it writes one sentence into the caller's vd_err.
 *   - Only VD_UNSUPPORTED lets the runtime decompose the op or ask another device.
 *   - A device is one in-order queue: work is done in the order of the calls.  Only `sync`,
 *     `download` and `host_ptr` may block until it is done.
 *   - The runtime may call from any thread and without Python's lock, but never calls one device
 *     from two threads at the same time.
 *   - Structures only ever grow at their end.  Where one starts with `struct_size`, the reader
 *     looks at no field beyond it.
 */
#ifndef VIDYA_BACKEND_H
#define VIDYA_BACKEND_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define VD_ABI_MAJOR 1
#define VD_ABI_MINOR 0
#define VD_CAPSULE_NAME "vidya.backend.v1"
#define VD_LIBRARY_SYMBOL "vidya_backend_v1"
#define VD_MAX_NDIM 16

#if defined(_WIN32)
#define VD_EXPORT __declspec(dllexport)
#else
#define VD_EXPORT __attribute__((visibility("default")))
#endif

typedef int32_t vd_status;
enum {
  VD_OK = 0,
  VD_UNSUPPORTED = 1, /* this backend has no kernel for that call: decompose or fall back */
  VD_INVALID = 2,     /* the call itself is wrong (an index out of range, say) */
  VD_OOM = 3,         /* no device memory: the runtime empties its cache and tries once more */
  VD_DEVICE = 4,      /* the device is lost or failed */
  VD_INTERNAL = 5     /* a bug in the backend */
};

/* Owned by the caller; `text` is always NUL-terminated UTF-8. */
typedef struct vd_err {
  char text[1024];
} vd_err;

/* A dtype as DLPack spells it. lanes is 1. bool is {VD_BOOL, 8, 1}, one byte, 0 or 1. */
enum { VD_INT = 0, VD_UINT = 1, VD_FLOAT = 2, VD_BFLOAT = 4, VD_COMPLEX = 5, VD_BOOL = 6 };
typedef struct vd_dtype {
  uint8_t code;
  uint8_t bits;
  uint16_t lanes;
} vd_dtype;

/* A device allocation, as the backend names it. */
typedef void* vd_buffer;

enum {
  VD_TENSOR_PARAM = 1u << 0,  /* a weight: it changes seldom, so a packed copy may pay */
  VD_TENSOR_SCALAR = 1u << 1, /* no buffer: the one element is in `value`; ndim is 0 */
  VD_TENSOR_ABSENT = 1u << 2, /* an optional input that was not given; all else is zero */
  VD_TENSOR_FROZEN = 1u << 3, /* in `find` and `run` of a compiled function's kernel: this input is
                                 the same memory with the same contents at every run of the kernel
                                 found, which may keep what it made of it until kernel_free */
  VD_TENSOR_PACK = 1u << 4    /* of those: the user gives memory for a packed copy as large as it */
};

typedef struct vd_tensor {
  vd_buffer buffer;       /* NULL: scalar, absent, or an output the kernel shall allocate */
  uint64_t offset;        /* bytes from the start of the buffer to element [0, 0, ...] */
  const int64_t* shape;   /* ndim entries, in elements */
  const int64_t* strides; /* ndim entries, in elements; 0 repeats (broadcast), may be negative */
  int32_t ndim;
  vd_dtype dtype;
  uint32_t flags; /* VD_TENSOR_* */
  uint32_t reserved;
  union {
    unsigned char bytes[16]; /* one element, in `dtype` */
    float f32;
    double f64;
    int64_t i64;
  } value; /* VD_TENSOR_SCALAR only */
} vd_tensor;

enum { VD_ATTR_INT = 0, VD_ATTR_FLOAT = 1, VD_ATTR_STR = 2, VD_ATTR_INTS = 3, VD_ATTR_FLOATS = 4 };
typedef struct vd_attr {
  const char* name;
  int32_t kind;  /* VD_ATTR_*; a bool is an INT; an absent (None) attribute is left out */
  int32_t count; /* entries of an INTS or FLOATS */
  union {
    int64_t i;
    double f;
    const char* s;
    const int64_t* ints;
    const double* floats;
  } value;
} vd_attr;

/* One op on tensors.  What each op means is in docs/kernels.md. */
typedef struct vd_call {
  uint32_t struct_size;
  int32_t n_inputs;
  int32_t n_outputs;
  int32_t n_attrs;
  const char* op;
  const vd_tensor* inputs;
  vd_tensor* outputs;
  const vd_attr* attrs;
} vd_call;

enum {
  VD_CAP_STRIDED_IN = 1u << 0,    /* takes inputs of any strides; else they arrive contiguous */
  VD_CAP_INPLACE = 1u << 1,       /* an output may be the same memory as the first input of its
                                     shape and type; element-wise, as any of these */
  VD_CAP_ALLOCS_OUTPUT = 1u << 2, /* outputs arrive with buffer NULL; the kernel sets it */
  VD_CAP_PREFERRED = 1u << 3,     /* faster than its decomposition (a composite without it is
                                     decomposed when the decomposition has kernels) */
  VD_CAP_NONDETERMINISTIC = 1u << 4,
  VD_CAP_SCALAR_IN = 1u << 5,  /* takes VD_TENSOR_SCALAR inputs; else they arrive as tensors */
  VD_CAP_STRIDED_OUT = 1u << 6 /* may be asked for with outputs of other strides, that do not
                                  overlap, and takes or refuses them */
};

/* The answer to `find`. */
typedef struct vd_kernel {
  uint32_t struct_size;
  uint32_t caps; /* VD_CAP_* */
  void* kernel;  /* the backend's own; valid until kernel_free, or for the device's life */
} vd_kernel;

enum {
  VD_DEVICE_STRIDED = 1u << 0, /* buffers are linear memory: offsets and strides address them, and
                                  views cost nothing. Without it every tensor is whole and
                                  contiguous, and reshape, permute, slice, expand are kernels. */
  VD_DEVICE_HOST_MEMORY = 1u << 1, /* a vd_buffer is an address that the host may read and write */
  VD_DEVICE_ASYNC = 1u << 2        /* `run` returns before the work is done */
};

typedef struct vd_info {
  uint32_t struct_size;
  uint32_t flags;        /* VD_DEVICE_* */
  char name[64];         /* the hardware: "AMD EPYC 9555" */
  char detail[256];      /* what shapes its speed: "OpenBLAS SkylakeX, AVX-512, 2 threads" */
  uint64_t memory_bytes; /* all of the device's memory; 0 if unknown */
  uint32_t alignment;    /* offsets of views handed to kernels are multiples of this; >= 1 */
  int32_t threads;       /* 0 if the word has no meaning there */
} vd_info;

typedef struct vd_memory_stats {
  uint32_t struct_size;
  uint32_t reserved;
  uint64_t live_bytes;   /* allocated and not freed, as the backend counts */
  uint64_t cached_bytes; /* kept by the backend for reuse */
} vd_memory_stats;

/* A graph in SSA form: every value is written once, nodes are in the order to run.
 *   - Nodes are ops as `find` gets them, but for "view": it moves nothing; its output's shape,
 *     strides and dtype lie over the memory of its input, `offset` (INT) bytes from its start.
 *   - Inputs that are numbers have VD_TENSOR_SCALAR; their value comes with each run. The value of
 *     a VD_VALUE_CONSTANT is in its meta.
 *   - An absent input of a node is value -1.
 *   - plan_run gets outputs with memory (none on a device without VD_DEVICE_STRIDED: it makes
 *     them). An output that takes an input's place has that input's memory: what the graph reads
 *     of the input is what was there before. */
enum { VD_VALUE_INPUT = 0, VD_VALUE_OUTPUT = 1, VD_VALUE_TEMP = 2, VD_VALUE_CONSTANT = 3 };
typedef struct vd_value {
  vd_tensor meta; /* shape, strides, dtype, flags; buffer NULL */
  int32_t kind;   /* VD_VALUE_* */
  int32_t index;  /* of the graph's input or output */
} vd_value;

typedef struct vd_node {
  const char* op;
  int32_t n_inputs;
  int32_t n_outputs;
  int32_t n_attrs;
  int32_t reserved;
  const int32_t* inputs; /* indices of values */
  const int32_t* outputs;
  const vd_attr* attrs;
} vd_node;

typedef struct vd_graph {
  uint32_t struct_size;
  int32_t n_values;
  int32_t n_nodes;
  int32_t n_inputs;
  int32_t n_outputs;
  const vd_value* values;
  const vd_node* nodes;
} vd_graph;

typedef struct vd_backend {
  uint32_t struct_size;
  uint16_t abi_major;
  uint16_t abi_minor;
  const char* name;    /* the device name: "openblas" */
  const char* version; /* of the plugin */
  void* self;          /* passed to count and open */

  /* How many devices this machine has; 0 with VD_OK means that the hardware is absent. */
  vd_status (*count)(void* self, int32_t* n, vd_err* err);
  vd_status (*open)(void* self, int32_t index, void** device, vd_err* err);
  void (*close)(void* device);
  vd_status (*info)(void* device, vd_info* info, vd_err* err);
  vd_status (*sync)(void* device, vd_err* err);

  /* bytes may be 0: the result is then a handle that is never read. Contents are undefined. */
  vd_status (*alloc)(void* device, uint64_t bytes, vd_buffer* buffer, vd_err* err);
  void (*free)(void* device, vd_buffer buffer);

  /* The tensors here are contiguous. A dst or output whose buffer is NULL (only on a device
   * without VD_DEVICE_STRIDED) is allocated by the backend, which sets it. */
  vd_status (*upload)(void* device, vd_tensor* dst, const void* src, vd_err* err);
  vd_status (*download)(void* device, const vd_tensor* src, void* dst, vd_err* err);
  vd_status (*copy)(void* device, vd_tensor* dst, const vd_tensor* src, vd_err* err);

  /* Is there a kernel for this call?  Buffers are NULL and scalar values unset; op, shapes,
   * strides, dtypes, attributes and flags are final.  The runtime remembers the answer. */
  vd_status (*find)(void* device, const vd_call* call, vd_kernel* kernel, vd_err* err);
  vd_status (*run)(void* device, void* kernel, const vd_call* call, vd_err* err);

  /* ---- optional: may be NULL, or beyond struct_size ---- */
  void (*kernel_free)(void* device, void* kernel);
  vd_status (*host_ptr)(void* device, vd_buffer buffer, void** address, vd_err* err);
  vd_status (*memory_stats)(void* device, vd_memory_stats* stats, vd_err* err);
  /* Take over a whole compiled function: all its steps in one plan_run. VD_UNSUPPORTED: the runtime
   * runs it kernel by kernel. The graph is the runtime's and gone after the call. */
  vd_status (*plan_compile)(void* device, const vd_graph* graph, void** plan, vd_err* err);
  vd_status (*plan_run)(void* device, void* plan, const vd_tensor* inputs, vd_tensor* outputs,
                        vd_err* err);
  void (*plan_free)(void* device, void* plan);
} vd_backend;

typedef const vd_backend* (*vd_backend_entry)(void);

#ifdef __cplusplus
}
#endif
#endif /* VIDYA_BACKEND_H */
