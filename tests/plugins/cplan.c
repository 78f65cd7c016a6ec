/* Plans for the device of cdev.c: included after it. A plan is its own copy of the graph, with
 * memory for every value; a run interprets it. Kernels outside of plans refuse `mul`, so that a
 * test sees who computed; graphs with `div` in them are not taken. */

typedef struct value {
  vd_tensor t;
  int64_t shape[VD_MAX_NDIM], strides[VD_MAX_NDIM];
  int32_t kind, index;
} value;

typedef struct step {
  const struct op* op; /* NULL: a view */
  int32_t n_in, n_out, in[8], out[4];
  int64_t offset, dims[VD_MAX_NDIM];
  int32_t n_dims;
} step;

typedef struct plan {
  int32_t n_values, n_steps;
  value* values;
  step* steps;
} plan;

static void cplan_free(void* device, void* p) {
  (void)device;
  plan* mine = p;
  for (int32_t i = 0; i < mine->n_values; ++i)
    if (mine->values[i].kind == VD_VALUE_TEMP && mine->values[i].index) /* owns its memory */
      free(mine->values[i].t.buffer);
  free(mine->values);
  free(mine->steps);
  free(mine);
}

static vd_status take(step* to, const vd_node* from, vd_err* err) {
  if (strcmp(from->op, "div") == 0) return fail(err, VD_UNSUPPORTED, "no div in plans");
  if (from->n_inputs > 8 || from->n_outputs > 4) return fail(err, VD_UNSUPPORTED, "too wide");
  to->n_in = from->n_inputs, to->n_out = from->n_outputs;
  memcpy(to->in, from->inputs, sizeof(int32_t) * (size_t)to->n_in);
  memcpy(to->out, from->outputs, sizeof(int32_t) * (size_t)to->n_out);
  for (int i = 0; i < from->n_attrs; ++i) {
    const vd_attr* a = &from->attrs[i];
    if (strcmp(a->name, "offset") == 0) to->offset = a->value.i;
    if (strcmp(a->name, "dims") != 0) continue;
    to->n_dims = a->count;
    memcpy(to->dims, a->value.ints, sizeof(int64_t) * (size_t)a->count);
  }
  if (strcmp(from->op, "view") == 0) return VD_OK;
  for (size_t i = 0; i < sizeof OPS / sizeof *OPS; ++i)
    if (strcmp(OPS[i].name, from->op) == 0) to->op = &OPS[i];
  return to->op ? VD_OK : fail(err, VD_UNSUPPORTED, "no %s in plans", from->op);
}

static vd_status cplan_compile(void* device, const vd_graph* g, void** out, vd_err* err) {
  plan* mine = calloc(1, sizeof *mine);
  mine->values = calloc((size_t)g->n_values, sizeof *mine->values);
  mine->steps = calloc((size_t)g->n_nodes + 1, sizeof *mine->steps);
  *out = mine;
  for (; mine->n_values < g->n_values; ++mine->n_values) {
    const vd_value* from = &g->values[mine->n_values];
    value* to = &mine->values[mine->n_values];
    to->t = from->meta;
    to->kind = from->kind, to->index = from->kind == VD_VALUE_TEMP ? 0 : from->index;
    memcpy(to->shape, from->meta.shape, sizeof(int64_t) * (size_t)from->meta.ndim);
    memcpy(to->strides, from->meta.strides, sizeof(int64_t) * (size_t)from->meta.ndim);
    to->t.shape = to->shape, to->t.strides = to->strides;
  }
  for (; mine->n_steps < g->n_nodes; ++mine->n_steps) {
    step* s = &mine->steps[mine->n_steps];
    vd_status status = take(s, &g->nodes[mine->n_steps], err);
    if (status != VD_OK) {
      cplan_free(device, mine);
      return status;
    }
    for (int32_t i = 0; i < s->n_out && s->op; ++i) {
      value* v = &mine->values[s->out[i]];
      if (v->kind != VD_VALUE_TEMP) continue;
      v->t.buffer = malloc((size_t)numel(&v->t) * item(&v->t) + 1);
      v->index = 1;
    }
  }
  return VD_OK;
}

static vd_status cplan_run(void* device, void* p, const vd_tensor* inputs, vd_tensor* outputs,
                           vd_err* err) {
  (void)device;
  plan* mine = p;
  for (int32_t i = 0; i < mine->n_values; ++i) {
    value* v = &mine->values[i];
    if (v->kind == VD_VALUE_INPUT) v->t = inputs[v->index];
    if (v->kind == VD_VALUE_OUTPUT) v->t = outputs[v->index];
  }
  for (int32_t k = 0; k < mine->n_steps; ++k) {
    step* s = &mine->steps[k];
    vd_tensor in[8], out[4];
    for (int32_t i = 0; i < s->n_in; ++i) {
      if (s->in[i] < 0) return fail(err, VD_INTERNAL, "none of these ops has optional inputs");
      in[i] = mine->values[s->in[i]].t;
    }
    if (!s->op) {
      vd_tensor* view = &mine->values[s->out[0]].t;
      view->buffer = in[0].buffer;
      view->offset = in[0].offset + (uint64_t)s->offset;
      continue;
    }
    for (int32_t i = 0; i < s->n_out; ++i) out[i] = mine->values[s->out[i]].t;
    vd_attr dims = {
        .name = "dims", .kind = VD_ATTR_INTS, .count = s->n_dims, .value.ints = s->dims};
    vd_call call = {.struct_size = sizeof call,
                    .op = s->op->name,
                    .n_inputs = s->n_in,
                    .n_outputs = s->n_out,
                    .n_attrs = 1,
                    .inputs = in,
                    .outputs = out,
                    .attrs = &dims};
    vd_status status = s->op->run(&call, err);
    if (status != VD_OK) return status;
  }
  return VD_OK;
}

static vd_status cplan_alone(void* device, void* kernel, const vd_call* call, vd_err* err) {
  if (strcmp(call->op, "mul") == 0) return fail(err, VD_DEVICE, "mul was called outside of a plan");
  return dev_run(device, kernel, call, err);
}
