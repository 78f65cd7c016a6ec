/* A whole vidya device in one C11 file: malloc'ed memory, float32 and float64, a dozen kernels.
 * It includes backend.h and knows nothing of Python. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vidya/backend.h"

#ifndef DEVICE_NAME
#define DEVICE_NAME "cdev"
#endif

static uint64_t live_bytes;

static vd_status fail(vd_err* err, vd_status status, const char* format, ...) {
  va_list args;
  va_start(args, format);
  vsnprintf(err->text, sizeof err->text, format, args);
  va_end(args);
  return status;
}

static int64_t numel(const vd_tensor* t) {
  int64_t n = 1;
  for (int d = 0; d < t->ndim; ++d) n *= t->shape[d];
  return n;
}
static void* data(const vd_tensor* t) { return (char*)t->buffer + t->offset; }
static size_t item(const vd_tensor* t) { return t->dtype.bits / 8; }
static int is_float(const vd_tensor* t, int bits) {
  return t->dtype.code == VD_FLOAT && t->dtype.bits == bits;
}

/* ---- kernels: each gets a checked call ---- */

typedef vd_status (*kernel_fn)(const vd_call* call, vd_err* err);

#define LOOP(T, EXPR)                                                    \
  do {                                                                   \
    const T* x = data(&call->inputs[0]);                                 \
    const T* y = call->n_inputs > 1 ? data(&call->inputs[1]) : (T*)NULL; \
    T* out = data(&call->outputs[0]);                                    \
    (void)y;                                                             \
    for (int64_t i = 0; i < n; ++i) out[i] = (EXPR);                     \
  } while (0)
#define ELEMENTWISE(NAME, EXPR)                             \
  static vd_status NAME(const vd_call* call, vd_err* err) { \
    (void)err;                                              \
    int64_t n = numel(&call->outputs[0]);                   \
    if (is_float(&call->outputs[0], 32))                    \
      LOOP(float, EXPR);                                    \
    else                                                    \
      LOOP(double, EXPR);                                   \
    return VD_OK;                                           \
  }
ELEMENTWISE(k_neg, -x[i])
ELEMENTWISE(k_add, x[i] + y[i])
ELEMENTWISE(k_sub, x[i] - y[i])
ELEMENTWISE(k_mul, x[i] * y[i])
ELEMENTWISE(k_div, x[i] / y[i])
ELEMENTWISE(k_maximum, x[i] != x[i] || x[i] > y[i] ? x[i] : y[i])

#define MATMUL(T, SUM)                                           \
  for (int64_t row = 0; row < rows; ++row)                       \
    for (int64_t j = 0; j < n; ++j) {                            \
      const T* x = (T*)data(a) + row * k;                        \
      const T* y = (T*)data(b) + row / m * k * n + j;            \
      SUM s = 0;                                                 \
      for (int64_t i = 0; i < k; ++i) s += (SUM)x[i] * y[i * n]; \
      ((T*)data(out))[row * n + j] = (T)s;                       \
    }
static vd_status k_matmul(const vd_call* call, vd_err* err) {
  (void)err;
  const vd_tensor *a = &call->inputs[0], *b = &call->inputs[1], *out = &call->outputs[0];
  int64_t k = a->shape[a->ndim - 1], m = out->shape[out->ndim - 2], n = out->shape[out->ndim - 1];
  int64_t rows = n ? numel(out) / n : 0;
  if (is_float(out, 32)) {
    MATMUL(float, double)
  } else {
    MATMUL(double, double)
  }
  return VD_OK;
}

/* One step of an odometer over `shape`; offsets[i] moves by strides[i]. 0 at the end. */
static int next(int64_t* at, int ndim, const int64_t* shape, const int64_t* const strides[2],
                int64_t offsets[2]) {
  for (int d = ndim - 1; d >= 0; --d) {
    for (int i = 0; i < 2; ++i) offsets[i] += strides[i][d];
    if (++at[d] < shape[d]) return 1;
    for (int i = 0; i < 2; ++i) offsets[i] -= strides[i][d] * shape[d];
    at[d] = 0;
  }
  return 0;
}

static vd_status k_copy(const vd_call* call, vd_err* err) {
  (void)err;
  const vd_tensor *x = &call->inputs[0], *out = &call->outputs[0];
  if (numel(x) == 0) return VD_OK;
  int64_t at[VD_MAX_NDIM] = {0}, offsets[2] = {0, 0}, size = (int64_t)item(x);
  const int64_t* const strides[2] = {x->strides, out->strides};
  do {
    memcpy((char*)data(out) + offsets[1] * size, (char*)data(x) + offsets[0] * size, (size_t)size);
  } while (next(at, x->ndim, x->shape, strides, offsets));
  return VD_OK;
}

static vd_status k_sum(const vd_call* call, vd_err* err) {
  const vd_tensor *x = &call->inputs[0], *out = &call->outputs[0];
  int64_t n = numel(out), x_strides[VD_MAX_NDIM], strides_out[VD_MAX_NDIM], step = 1, step_in = 1;
  double* sums = calloc((size_t)n + 1, sizeof *sums);
  if (!sums) return fail(err, VD_OOM, "no memory for %lld sums", (long long)n);
  for (int d = x->ndim - 1; d >= 0; --d) {
    int reduced = 0;
    for (int i = 0; i < call->attrs[0].count; ++i) reduced |= call->attrs[0].value.ints[i] == d;
    strides_out[d] = reduced ? 0 : step;
    x_strides[d] = step_in;
    step *= reduced ? 1 : x->shape[d];
    step_in *= x->shape[d];
  }
  int64_t at[VD_MAX_NDIM] = {0}, offsets[2] = {0, 0};
  const int64_t* const strides[2] = {x_strides, strides_out};
  int single = is_float(x, 32);
  if (numel(x)) do {
      const void* from = data(x);
      sums[offsets[1]] += single ? ((float*)from)[offsets[0]] : ((double*)from)[offsets[0]];
    } while (next(at, x->ndim, x->shape, strides, offsets));
  for (int64_t i = 0; i < n; ++i) {
    if (single)
      ((float*)data(out))[i] = (float)sums[i];
    else
      ((double*)data(out))[i] = sums[i];
  }
  free(sums);
  return VD_OK;
}

static vd_status k_fill(const vd_call* call, vd_err* err) {
  (void)err;
  const vd_tensor *value = &call->inputs[0], *out = &call->outputs[0];
  const void* one = value->flags & VD_TENSOR_SCALAR ? value->value.bytes : data(value);
  for (int64_t i = 0, n = numel(out); i < n; ++i)
    memcpy((char*)data(out) + (size_t)i * item(out), one, item(out));
  return VD_OK;
}

static vd_status k_cast(const vd_call* call, vd_err* err) {
  (void)err;
  const vd_tensor *x = &call->inputs[0], *out = &call->outputs[0];
  for (int64_t i = 0, n = numel(out); i < n; ++i) {
    double value = is_float(x, 32) ? ((float*)data(x))[i] : ((double*)data(x))[i];
    if (is_float(out, 32))
      ((float*)data(out))[i] = (float)value;
    else
      ((double*)data(out))[i] = value;
  }
  return VD_OK;
}

enum { ANY_DTYPE = 1 };
static const struct op {
  const char* name;
  kernel_fn run;
  uint32_t caps;
  int flags;
} OPS[] = {
    {"neg", k_neg, VD_CAP_INPLACE, 0},
    {"add", k_add, VD_CAP_INPLACE, 0},
    {"sub", k_sub, VD_CAP_INPLACE, 0},
    {"mul", k_mul, VD_CAP_INPLACE, 0},
    {"div", k_div, VD_CAP_INPLACE, 0},
    {"maximum", k_maximum, VD_CAP_INPLACE, 0},
    {"matmul", k_matmul, 0, 0},
    {"sum", k_sum, 0, 0},
    {"copy", k_copy, VD_CAP_STRIDED_IN, ANY_DTYPE},
    {"cast", k_cast, 0, 0},
    {"fill", k_fill, VD_CAP_SCALAR_IN, ANY_DTYPE},
};

static vd_status dev_find(void* device, const vd_call* call, vd_kernel* kernel, vd_err* err) {
  (void)device;
  for (size_t i = 0; i < sizeof OPS / sizeof *OPS; ++i) {
    if (strcmp(OPS[i].name, call->op) != 0) continue;
    for (int j = 0; j < call->n_inputs + call->n_outputs && !(OPS[i].flags & ANY_DTYPE); ++j) {
      const vd_tensor* t =
          j < call->n_inputs ? &call->inputs[j] : &call->outputs[j - call->n_inputs];
      if (!is_float(t, 32) && !is_float(t, 64))
        return fail(err, VD_UNSUPPORTED, "%s is for float32 and float64 here", call->op);
    }
    kernel->caps = OPS[i].caps;
    kernel->kernel = (void*)&OPS[i];
    return VD_OK;
  }
  return fail(err, VD_UNSUPPORTED, "no kernel for %s here", call->op);
}

static vd_status dev_run(void* device, void* kernel, const vd_call* call, vd_err* err) {
  (void)device;
  return ((const struct op*)kernel)->run(call, err);
}

/* ---- the device: each block is preceded by its size ---- */

enum { HEADER = 64 };

static vd_status dev_count(void* self, int32_t* n, vd_err* err) {
  (void)self, (void)err;
  *n = 1;
  return VD_OK;
}
static vd_status dev_open(void* self, int32_t index, void** device, vd_err* err) {
  (void)self;
  if (index != 0) return fail(err, VD_INVALID, "there is one device, not %d", (int)index + 1);
  *device = &live_bytes;
  return VD_OK;
}
static void dev_close(void* device) { (void)device; }
static vd_status dev_info(void* device, vd_info* info, vd_err* err) {
  (void)device, (void)err;
  info->flags = VD_DEVICE_STRIDED | VD_DEVICE_HOST_MEMORY;
  strcpy(info->name, "a C11 file");
  strcpy(info->detail, "plain loops");
  info->alignment = 1;
  info->threads = 1;
  return VD_OK;
}
static vd_status dev_sync(void* device, vd_err* err) {
  (void)device, (void)err;
  return VD_OK;
}
static vd_status dev_alloc(void* device, uint64_t bytes, vd_buffer* buffer, vd_err* err) {
  (void)device;
  char* block = bytes < UINT64_MAX / 2 ? malloc(bytes + HEADER) : NULL;
  if (!block) return fail(err, VD_OOM, "malloc of %llu bytes failed", (unsigned long long)bytes);
  memcpy(block, &bytes, sizeof bytes);
  live_bytes += bytes;
  *buffer = block + HEADER;
  return VD_OK;
}
static void dev_free(void* device, vd_buffer buffer) {
  (void)device;
  uint64_t bytes;
  memcpy(&bytes, (char*)buffer - HEADER, sizeof bytes);
  live_bytes -= bytes;
  free((char*)buffer - HEADER);
}
static vd_status dev_upload(void* device, vd_tensor* dst, const void* src, vd_err* err) {
  (void)device, (void)err;
  memcpy(data(dst), src, (size_t)numel(dst) * item(dst));
  return VD_OK;
}
static vd_status dev_download(void* device, const vd_tensor* src, void* dst, vd_err* err) {
  (void)device, (void)err;
  memcpy(dst, data(src), (size_t)numel(src) * item(src));
  return VD_OK;
}
static vd_status dev_copy(void* device, vd_tensor* dst, const vd_tensor* src, vd_err* err) {
  (void)device, (void)err;
  memmove(data(dst), data(src), (size_t)numel(src) * item(src));
  return VD_OK;
}
static vd_status dev_host_ptr(void* device, vd_buffer buffer, void** address, vd_err* err) {
  (void)device, (void)err;
  *address = buffer;
  return VD_OK;
}
static vd_status dev_memory_stats(void* device, vd_memory_stats* stats, vd_err* err) {
  (void)device, (void)err;
  stats->live_bytes = live_bytes;
  stats->cached_bytes = 0;
  return VD_OK;
}

VD_EXPORT const vd_backend* vidya_backend_v1(void) {
  static const vd_backend backend = {
      .struct_size = sizeof(vd_backend),
      .abi_major = VD_ABI_MAJOR,
      .abi_minor = VD_ABI_MINOR,
      .name = DEVICE_NAME,
      .version = "1.2",
      .count = dev_count,
      .open = dev_open,
      .close = dev_close,
      .info = dev_info,
      .sync = dev_sync,
      .alloc = dev_alloc,
      .free = dev_free,
      .upload = dev_upload,
      .download = dev_download,
      .copy = dev_copy,
      .find = dev_find,
      .run = dev_run,
      .host_ptr = dev_host_ptr,
      .memory_stats = dev_memory_stats,
  };
  return &backend;
}
