// The table that the runtime loads: devices, memory, find and run.
#include <sched.h>
#include <strings.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <exception>
#include <thread>

#include "attention/attention_loops.h"
#include "base/common.h"
#include "base/memory.h"
#include "bf16/kernels.h"
#include "matrices/matrices.h"
#include "windows/grid.h"

#ifndef VIDYA_OPENBLAS_VERSION
#define VIDYA_OPENBLAS_VERSION "0"
#endif

namespace vob {

Device::Device(int threads)
    : pool(threads), simd(choose_simd(std::getenv("VIDYA_SIMD"), &simd_name)) {
  if (simd && std::strcmp(simd_name, "avx512") == 0) bf16 = bf16_kernels();
  if (bf16) attention_bf16 = bf16_attention(), simd = with_bf16(simd);
  add_elementwise(table);
  add_ewise(table);
  add_activations(table);
  add_gated(table);
  add_rope(table);
  add_cast(table);
  add_copy(table);
  add_triangle(table);
  add_create(table);
  add_reduce(table);
  add_scan(table);
  add_matmul(table);
  add_index(table);
  add_scatter(table);
  add_sort(table);
  add_softmax(table);
  add_norm(table);
  add_norm_residual(table);
  add_channels(table);
  add_loss(table);
  add_optim(table);
  add_attention(table);
  add_quant(table);
  add_factor(table);
  add_eig(table);
  add_solve(table);
  add_least_squares(table);
  add_permutation(table);
  add_conv(table);
  add_pool(table);
  add_topk(table);
  add_cache(table);
  add_fft(table);
  add_embedding_backward(table);
  add_pad(table);
  add_search(table);
  add_grid(table);
  add_cdist(table);
  add_recurrent(table);
}

namespace {

Device& as_device(void* p) { return *static_cast<Device*>(p); }

/* VIDYA_NUM_THREADS, else OMP_NUM_THREADS, else the cores this process may use. */
vd_status thread_count(int* n, vd_err* err) {
  for (const char* name : {"VIDYA_NUM_THREADS", "OMP_NUM_THREADS"}) {
    const char* text = std::getenv(name);
    if (!text || !*text) continue;
    char* end;
    long value = std::strtol(text, &end, 10);
    if (value < 1 || value > 1024 || (*end && *end != ','))
      return fail(err, VD_DEVICE, "%s=%s is no number of threads: set it to 1 .. 1024", name, text);
    *n = int(value);
    return VD_OK;
  }
#if defined(__linux__)
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof set, &set) == 0) {
    *n = std::max(1, CPU_COUNT(&set));
    return VD_OK;
  }
#endif
  *n = std::max(1u, std::thread::hardware_concurrency());
  return VD_OK;
}

std::string cpu_name() {
  std::string name = "CPU";
  if (FILE* f = std::fopen("/proc/cpuinfo", "r")) {
    char line[512];
    while (std::fgets(line, sizeof line, f)) {
      if (std::strncmp(line, "model name", 10) != 0) continue;
      if (const char* colon = std::strchr(line, ':')) name = colon + 2;
      while (!name.empty() && name.back() == '\n') name.pop_back();
      break;
    }
    std::fclose(f);
  }
  return name;
}

vd_status count_devices(void*, int32_t* n, vd_err*) {
  *n = 1;
  return VD_OK;
}

vd_status open_device(void*, int32_t index, void** device, vd_err* err) {
  if (index != 0)
    return fail(err, VD_DEVICE, "openblas has one device, number 0; there is no number %d", index);
  try {
    int threads = 1;
    if (vd_status s = thread_count(&threads, err)) return s;
    auto d = std::make_unique<Device>(threads);
    if (!d->simd)
      return fail(err, VD_DEVICE,
                  "VIDYA_SIMD=%s cannot run on this CPU: unset it, or set it to baseline, avx2 or "
                  "avx512 as the CPU allows",
                  std::getenv("VIDYA_SIMD"));
    if (vd_status s = d->blas.load(err)) return s;
    *device = d.release();
    return VD_OK;
  } catch (const std::exception& e) {
    return fail(err, VD_INTERNAL, "openblas: %s", e.what());
  }
}

void close_device(void* device) { delete static_cast<Device*>(device); }

/* OpenBLAS took kernels for an older CPU than this one, at half the speed or less. */
bool blas_is_slow(const char* core) {
  auto among = [&](std::initializer_list<const char*> names) {
    return std::any_of(names.begin(), names.end(),
                       [&](const char* n) { return strcasecmp(core, n) == 0; });
  };
  const char* level = "";
  choose_simd(nullptr, &level);
  const bool avx512 = among({"SkylakeX", "Cooperlake", "SapphireRapids"});
  if (std::strcmp(level, "avx512") == 0) return !avx512;
  if (std::strcmp(level, "avx2") == 0) return !avx512 && !among({"Haswell", "Zen", "Excavator"});
  return false;
}

vd_status device_info(void* device, vd_info* info, vd_err*) {
  Device& d = as_device(device);
  info->flags = VD_DEVICE_STRIDED | VD_DEVICE_HOST_MEMORY;
  std::snprintf(info->name, sizeof info->name, "%s", cpu_name().c_str());
  std::snprintf(info->detail, sizeof info->detail, "OpenBLAS core %s, SIMD %s%s, %d threads%s",
                d.blas.core, d.simd_name, d.bf16 ? " with bf16" : "", d.pool.threads(),
                blas_is_slow(d.blas.core)
                    ? "; that core is below this CPU: unset OPENBLAS_CORETYPE "
                      "or pip install --upgrade scipy-openblas32"
                    : "");
  info->memory_bytes = uint64_t(sysconf(_SC_PHYS_PAGES)) * uint64_t(sysconf(_SC_PAGESIZE));
  info->alignment = 1;
  info->threads = d.pool.threads();
  return VD_OK;
}

vd_status sync_device(void*, vd_err*) { return VD_OK; }  // run returns when the work is done

vd_status alloc_bytes(void*, uint64_t bytes, vd_buffer* buffer, vd_err* err) {
  *buffer = bytes > (uint64_t(1) << 62) ? nullptr : Memory::instance().get(bytes);
  if (!*buffer) return fail(err, VD_OOM, "no memory for %llu bytes", (unsigned long long)bytes);
  return VD_OK;
}

void free_bytes(void*, vd_buffer buffer) { Memory::instance().put(buffer); }

vd_status upload(void*, vd_tensor* dst, const void* src, vd_err*) {
  const size_t bytes = size_t(sdk::numel(*dst) * sdk::size_of(sdk::dtype_of(dst->dtype)));
  if (bytes) std::memcpy(sdk::data(*dst), src, bytes);
  return VD_OK;
}

vd_status download(void*, const vd_tensor* src, void* dst, vd_err*) {
  const size_t bytes = size_t(sdk::numel(*src) * sdk::size_of(sdk::dtype_of(src->dtype)));
  if (bytes) std::memcpy(dst, sdk::data(*src), bytes);
  return VD_OK;
}

vd_status copy_tensor(void*, vd_tensor* dst, const vd_tensor* src, vd_err*) {
  const size_t bytes = size_t(sdk::numel(*src) * sdk::size_of(sdk::dtype_of(src->dtype)));
  if (bytes) std::memmove(sdk::data(*dst), sdk::data(*src), bytes);
  return VD_OK;
}

/* What every kernel may rely on: known dtypes, ranks and sizes that make sense. */
vd_status check(const vd_call& call, vd_err* err) {
  auto one = [&](const vd_tensor& t, const char* what, int i) -> vd_status {
    if (sdk::absent(t)) return VD_OK;
    if (sdk::dtype_of(t.dtype) == DType::Unknown)
      return fail(err, VD_UNSUPPORTED, "openblas knows no dtype {code %d, bits %d, lanes %d}",
                  t.dtype.code, t.dtype.bits, t.dtype.lanes);
    if (t.ndim < 0 || t.ndim > VD_MAX_NDIM - 1)
      return fail(err, VD_UNSUPPORTED, "%s: %s %d has rank %d; openblas takes up to %d", call.op,
                  what, i, t.ndim, VD_MAX_NDIM - 1);
    if (t.ndim && (!t.shape || !t.strides))
      return fail(err, VD_INVALID, "%s: %s %d has no shape or strides", call.op, what, i);
    for (int k = 0; k < t.ndim; ++k)
      if (t.shape[k] < 0)
        return fail(err, VD_INVALID, "%s: %s %d has size %lld in dim %d", call.op, what, i,
                    (long long)t.shape[k], k);
    return VD_OK;
  };
  for (int i = 0; i < call.n_inputs; ++i)
    if (vd_status s = one(call.inputs[i], "input", i)) return s;
  for (int i = 0; i < call.n_outputs; ++i)
    if (vd_status s = one(call.outputs[i], "output", i)) return s;
  return VD_OK;
}

vd_status find_kernel(void* device, const vd_call* call, vd_kernel* out, vd_err* err) {
  Device& d = as_device(device);
  const Make* make = call->op ? d.table.get(call->op) : nullptr;
  if (!make)
    return fail(err, VD_UNSUPPORTED, "openblas has no kernel for %s", call->op ? call->op : "?");
  if (vd_status s = check(*call, err)) return s;
  try {
    std::unique_ptr<Kernel> kernel;
    if (vd_status s = (*make)(d, *call, kernel, err)) return s;
    out->caps = kernel->caps;
    out->kernel = kernel.release();
    return VD_OK;
  } catch (const std::bad_alloc&) {
    return fail(err, VD_OOM, "%s: no memory to plan the kernel", call->op);
  }
}

vd_status run_kernel(void* device, void* kernel, const vd_call* call, vd_err* err) {
  try {
    return static_cast<Kernel*>(kernel)->run(as_device(device), *call, err);
  } catch (const std::exception& e) {
    return fail(err, VD_INTERNAL, "%s: %s", call->op, e.what());
  }
}

void free_kernel(void*, void* kernel) { delete static_cast<Kernel*>(kernel); }

vd_status host_pointer(void*, vd_buffer buffer, void** address, vd_err*) {
  *address = buffer;
  return VD_OK;
}

}  // namespace
}  // namespace vob

extern "C" VD_EXPORT const vd_backend* vidya_backend_v1(void) {
  static const vd_backend backend = [] {
    vd_backend b{};
    b.struct_size = sizeof b;
    b.abi_major = VD_ABI_MAJOR;
    b.abi_minor = VD_ABI_MINOR;
    b.name = "openblas";
    b.version = VIDYA_OPENBLAS_VERSION;
    b.count = vob::count_devices;
    b.open = vob::open_device;
    b.close = vob::close_device;
    b.info = vob::device_info;
    b.sync = vob::sync_device;
    b.alloc = vob::alloc_bytes;
    b.free = vob::free_bytes;
    b.upload = vob::upload;
    b.download = vob::download;
    b.copy = vob::copy_tensor;
    b.find = vob::find_kernel;
    b.run = vob::run_kernel;
    b.kernel_free = vob::free_kernel;
    b.host_ptr = vob::host_pointer;
    return b;
  }();
  return &backend;
}
