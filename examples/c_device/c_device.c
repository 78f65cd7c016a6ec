/* The least that is a vidya device: float32 in host memory, five kernels, no Python.
 * Whatever else is asked of it is decomposed into these or answered with VD_UNSUPPORTED. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vidya/backend.h"

static int64_t count_of(const vd_tensor* t) {
  int64_t n = 1;
  for (int d = 0; d < t->ndim; ++d) n *= t->shape[d];
  return n;
}

static char* address(const vd_tensor* t) { return (char*)t->buffer + t->offset; }

/* ---- kernels ---- */

/* An operand: a tensor, or a number that stands for a tensor of equal elements. */
typedef struct operand {
  const float* at;
  int64_t step;
} operand;

static operand operand_of(const vd_tensor* t) {
  if (t->flags & VD_TENSOR_SCALAR) return (operand){&t->value.f32, 0};
  return (operand){(const float*)address(t), 1};
}

typedef void (*kernel_fn)(operand x, operand y, float* out, int64_t n);

/* docs: kernel */
static void add(operand x, operand y, float* out, int64_t n) {
  for (int64_t i = 0; i < n; ++i) out[i] = x.at[i * x.step] + y.at[i * y.step];
}
/* docs: end */
static void sub(operand x, operand y, float* out, int64_t n) {
  for (int64_t i = 0; i < n; ++i) out[i] = x.at[i * x.step] - y.at[i * y.step];
}
static void mul(operand x, operand y, float* out, int64_t n) {
  for (int64_t i = 0; i < n; ++i) out[i] = x.at[i * x.step] * y.at[i * y.step];
}
static void maximum(operand x, operand y, float* out, int64_t n) {
  for (int64_t i = 0; i < n; ++i) {
    float a = x.at[i * x.step], b = y.at[i * y.step];
    out[i] = a != a || a > b ? a : b; /* a NaN in either is the result */
  }
}

static const struct entry {
  const char* op;
  kernel_fn run;
} KERNELS[] = {{"add", add}, {"sub", sub}, {"mul", mul}, {"maximum", maximum}};
static const struct entry COPY = {"copy", NULL};

static int is_float32(const vd_tensor* t) {
  return t->dtype.code == VD_FLOAT && t->dtype.bits == 32;
}

/* docs: find */
static vd_status find(void* device, const vd_call* call, vd_kernel* kernel, vd_err* err) {
  (void)device;
  if (strcmp(call->op, COPY.op) == 0) {
    kernel->kernel = (void*)&COPY;
    kernel->caps = VD_CAP_STRIDED_IN; /* strides on both sides: views become whole through it */
    return VD_OK;
  }
  for (size_t i = 0; i < sizeof KERNELS / sizeof *KERNELS; ++i) {
    if (strcmp(call->op, KERNELS[i].op) != 0) continue;
    if (!is_float32(&call->outputs[0])) {
      snprintf(err->text, sizeof err->text, "%s is for float32 here", call->op);
      return VD_UNSUPPORTED;
    }
    kernel->kernel = (void*)&KERNELS[i];
    kernel->caps = VD_CAP_INPLACE | VD_CAP_SCALAR_IN;
    return VD_OK;
  }
  snprintf(err->text, sizeof err->text, "no kernel for %s here", call->op);
  return VD_UNSUPPORTED;
}
/* docs: end */

static void copy_strided(const vd_tensor* from, vd_tensor* to, int dim, char* x, char* out) {
  int64_t size = to->dtype.bits / 8;
  if (dim == to->ndim) {
    memcpy(out, x, (size_t)size);
    return;
  }
  for (int64_t i = 0; i < to->shape[dim]; ++i)
    copy_strided(from, to, dim + 1, x + i * from->strides[dim] * size,
                 out + i * to->strides[dim] * size);
}

static vd_status run(void* device, void* kernel, const vd_call* call, vd_err* err) {
  (void)device, (void)err;
  const struct entry* entry = kernel;
  vd_tensor* out = &call->outputs[0];
  if (entry == &COPY)
    copy_strided(&call->inputs[0], out, 0, address(&call->inputs[0]), address(out));
  else
    entry->run(operand_of(&call->inputs[0]), operand_of(&call->inputs[1]), (float*)address(out),
               count_of(out));
  return VD_OK;
}

/* ---- the device ---- */

static vd_status count(void* self, int32_t* n, vd_err* err) {
  (void)self, (void)err;
  *n = 1;
  return VD_OK;
}
static vd_status open(void* self, int32_t index, void** device, vd_err* err) {
  (void)index, (void)err;
  *device = self; /* it has no state of its own */
  return VD_OK;
}
static void close(void* device) { (void)device; }
static vd_status info(void* device, vd_info* info, vd_err* err) {
  (void)device, (void)err;
  info->flags = VD_DEVICE_STRIDED | VD_DEVICE_HOST_MEMORY;
  snprintf(info->name, sizeof info->name, "one C11 file");
  snprintf(info->detail, sizeof info->detail, "float32, plain loops, 1 thread");
  info->alignment = 1;
  info->threads = 1;
  return VD_OK;
}
static vd_status sync(void* device, vd_err* err) {
  (void)device, (void)err; /* every kernel is done when it returns */
  return VD_OK;
}

static vd_status alloc(void* device, uint64_t bytes, vd_buffer* buffer, vd_err* err) {
  (void)device;
  *buffer =
      bytes < SIZE_MAX ? malloc((size_t)bytes + 1) : NULL; /* + 1: 0 bytes are a handle, too */
  if (*buffer) return VD_OK;
  snprintf(err->text, sizeof err->text, "malloc of %llu bytes failed", (unsigned long long)bytes);
  return VD_OOM;
}
static void release(void* device, vd_buffer buffer) {
  (void)device;
  free(buffer);
}

static vd_status upload(void* device, vd_tensor* dst, const void* src, vd_err* err) {
  (void)device, (void)err;
  memcpy(address(dst), src, (size_t)(count_of(dst) * dst->dtype.bits / 8));
  return VD_OK;
}
static vd_status download(void* device, const vd_tensor* src, void* dst, vd_err* err) {
  (void)device, (void)err;
  memcpy(dst, address(src), (size_t)(count_of(src) * src->dtype.bits / 8));
  return VD_OK;
}
static vd_status copy(void* device, vd_tensor* dst, const vd_tensor* src, vd_err* err) {
  return upload(device, dst, address(src), err);
}

/* docs: table */
VD_EXPORT const vd_backend* vidya_backend_v1(void) {
  static int self;
  static const vd_backend backend = {
      .struct_size = sizeof(vd_backend),
      .abi_major = VD_ABI_MAJOR,
      .abi_minor = VD_ABI_MINOR,
      .name = "c_device",
      .version = "1.0",
      .self = &self,
      .count = count,
      .open = open,
      .close = close,
      .info = info,
      .sync = sync,
      .alloc = alloc,
      .free = release,
      .upload = upload,
      .download = download,
      .copy = copy,
      .find = find,
      .run = run,
  };
  return &backend;
}
/* docs: end */
