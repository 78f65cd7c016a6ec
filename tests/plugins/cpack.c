/* Packed weights for the device of cdev.c: included after it. A matmul whose second operand is
 * frozen keeps that operand's transpose, made at its first run. memory_stats counts the packs. */

typedef struct packed {
  void* copy;
  struct packed* next;
} packed;
static packed* packs;
static int made;

static int is_pack(const void* kernel) {
  for (packed* p = packs; p; p = p->next)
    if (p == kernel) return 1;
  return 0;
}

static vd_status pack_find(void* device, const vd_call* call, vd_kernel* kernel, vd_err* err) {
  vd_status status = dev_find(device, call, kernel, err);
  if (status != VD_OK || strcmp(call->op, "matmul") != 0) return status;
  if (call->inputs[0].flags & VD_TENSOR_FROZEN) return fail(err, VD_UNSUPPORTED, "not the first");
  if (!(call->inputs[1].flags & VD_TENSOR_FROZEN)) return VD_OK;
  packed* p = calloc(1, sizeof *p);
  p->next = packs, packs = p;
  kernel->kernel = p;
  return VD_OK;
}

static vd_status pack_run(void* device, void* kernel, const vd_call* call, vd_err* err) {
  if (!is_pack(kernel)) return dev_run(device, kernel, call, err);
  packed* p = kernel;
  const vd_tensor *a = &call->inputs[0], *b = &call->inputs[1], *out = &call->outputs[0];
  int64_t k = b->shape[b->ndim - 2], n = b->shape[b->ndim - 1];
  if (!(b->flags & VD_TENSOR_FROZEN)) return fail(err, VD_INTERNAL, "not frozen at the run");
  if (!p->copy) {
    p->copy = malloc((size_t)(k * n) * sizeof(float));
    for (int64_t i = 0; i < k * n; ++i) ((float*)p->copy)[i % n * k + i / n] = ((float*)data(b))[i];
    ++made;
  }
  for (int64_t i = 0, rows = numel(out) / n; i < rows * n; ++i) {
    double s = 0;
    for (int64_t j = 0; j < k; ++j)
      s += (double)((float*)data(a))[i / n * k + j] * ((float*)p->copy)[i % n * k + j];
    ((float*)data(out))[i] = (float)s;
  }
  return VD_OK;
}

static void pack_free(void* device, void* kernel) {
  (void)device;
  for (packed** at = &packs; *at; at = &(*at)->next)
    if (*at == kernel) {
      packed* p = *at;
      *at = p->next;
      free(p->copy);
      free(p);
      return;
    }
}

/* cached_bytes: packs that live; live_bytes: packs made so far. */
static vd_status pack_stats(void* device, vd_memory_stats* stats, vd_err* err) {
  (void)device, (void)err;
  stats->cached_bytes = 0;
  for (packed* p = packs; p; p = p->next) stats->cached_bytes += p->copy != NULL;
  stats->live_bytes = (uint64_t)made;
  return VD_OK;
}
