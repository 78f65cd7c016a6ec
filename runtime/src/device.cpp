#include "device.hpp"

#include <algorithm>
#include <cstdlib>
#include <cstring>

namespace vidya {

// ---- size classes ----

uint64_t Cache::round_up(uint64_t bytes) {
  if (bytes <= 512) return std::max<uint64_t>(64, (bytes + 63) & ~uint64_t{63});
  int top = 63 - __builtin_clzll(bytes);
  uint64_t step = std::max<uint64_t>(64, uint64_t{1} << (top - 3));
  return (bytes + step - 1) / step * step;
}

bool Cache::take(uint64_t rounded, vd_buffer* out) {
  auto bin = bins_.find(rounded);
  if (bin == bins_.end() || bin->second.empty()) return false;
  *out = bin->second.back();
  bin->second.pop_back();
  bytes_ -= rounded;
  return true;
}

template <class F>
void Cache::drop_until(uint64_t limit, F&& release) {
  while (bytes_ > limit) {
    auto largest = bins_.end();
    for (auto it = bins_.begin(); it != bins_.end(); ++it)
      if (!it->second.empty() && (largest == bins_.end() || it->first > largest->first))
        largest = it;
    release(largest->second.back());
    largest->second.pop_back();
    bytes_ -= largest->first;
    if (largest->second.empty()) bins_.erase(largest);
  }
}

// ---- device ----

namespace {
uint64_t default_cache_limit(uint64_t device_memory) {
  if (const char* text = std::getenv("VIDYA_CACHE_BYTES")) return std::strtoull(text, nullptr, 10);
  return device_memory ? device_memory / 4 : uint64_t{2} << 30;
}
}  // namespace

Device::Device(Backend* b, int i) : backend(b), index(i) {
  name = std::string(b->table.name) + ":" + std::to_string(i);
  vd_err err{};
  vd_status status = b->table.open(b->table.self, i, &handle, &err);
  if (status != VD_OK) check(status, err, "open");
  info.struct_size = sizeof info;
  status = b->table.info(handle, &info, &err);
  if (status != VD_OK) check(status, err, "info");
  if (info.alignment == 0) info.alignment = 1;
  cache_limit_ = default_cache_limit(info.memory_bytes);
}

vd_buffer Device::allocate(uint64_t bytes) {
  uint64_t rounded = Cache::round_up(bytes);
  vd_buffer buffer = nullptr;
  if (cache_.take(rounded, &buffer)) {
    ++stats.reuses;
    stats.cached_bytes = cache_.bytes();
  } else {
    DeviceLock guard(this);
    vd_err err{};
    vd_status status = backend->table.alloc(handle, rounded, &buffer, &err);
    if (status == VD_OOM) {
      empty_cache();
      err = {};
      status = backend->table.alloc(handle, rounded, &buffer, &err);
    }
    if (status != VD_OK) check(status, err, "alloc of " + std::to_string(bytes) + " bytes");
    ++stats.allocations;
  }
  adopt(rounded);
  return buffer;
}

void Device::adopt(uint64_t bytes) {
  stats.live_bytes += bytes;
  if (stats.live_bytes > stats.peak_bytes) stats.peak_bytes = stats.live_bytes;
}

void Device::release(vd_buffer buffer, uint64_t bytes) {
  if (!strided()) {  // the backend made it, and only the backend can reuse it
    DeviceLock guard(this);
    backend->table.free(handle, buffer);
    stats.live_bytes -= bytes;
    return;
  }
  uint64_t rounded = Cache::round_up(bytes);
  stats.live_bytes -= rounded;
  cache_.put(rounded, buffer);
  if (cache_.bytes() > cache_limit_) {
    DeviceLock guard(this);
    cache_.drop_until(cache_limit_, [&](vd_buffer b) { backend->table.free(handle, b); });
  }
  stats.cached_bytes = cache_.bytes();
}

void Device::empty_cache() {
  DeviceLock guard(this);
  cache_.drop_until(0, [&](vd_buffer b) { backend->table.free(handle, b); });
  stats.cached_bytes = 0;
}

void Device::set_cache_limit(uint64_t bytes) {
  cache_limit_ = bytes;
  DeviceLock guard(this);
  cache_.drop_until(bytes, [&](vd_buffer b) { backend->table.free(handle, b); });
  stats.cached_bytes = cache_.bytes();
}

void Device::lock() {
  if (mutex_.try_lock()) return;
  // Another thread runs here and may want Python's lock to finish: give it up while waiting.
  if (PyGILState_Check()) {
    PyThreadState* state = PyEval_SaveThread();
    mutex_.lock();
    PyEval_RestoreThread(state);
  } else {
    mutex_.lock();
  }
}

void Device::sync() {
  vd_err err{};
  vd_status status;
  {
    DeviceLock guard(this);
    PyThreadState* state = backend->python ? nullptr : PyEval_SaveThread();
    status = backend->table.sync(handle, &err);
    if (state) PyEval_RestoreThread(state);
  }
  if (status != VD_OK) check(status, err, "sync");
}

std::string words(const vd_err& err) {
  return std::string(err.text, strnlen(err.text, sizeof err.text));
}

void Device::check(vd_status status, const vd_err& err, const std::string& what,
                   const Backend* provider) {
  if (status == VD_OK) return;
  if (status == VD_INTERNAL) raise_passing();
  if (!provider) provider = backend;
  const vd_backend& t = provider->table;
  std::string said = words(err);
  std::string text = name + " (" + provider->distribution + " " + (t.version ? t.version : "?") +
                     ", abi " + std::to_string(t.abi_major) + "." + std::to_string(t.abi_minor) +
                     ") " + what + ": " + (said.empty() ? "no reason given" : said);
  switch (status) {
    case VD_UNSUPPORTED:
      raise("UnsupportedError", text);
    case VD_INVALID:
      // An index out of range is what Python calls an IndexError.
      raise(said.find("index") != std::string::npos ? PyExc_IndexError : PyExc_ValueError, text);
    case VD_OOM:
      raise("OutOfMemoryError", text);
    case VD_DEVICE:
      raise("DeviceError", text);
    default:
      raise("BackendError", text + " (a bug in that backend: please report it there)");
  }
}

std::string describe_call(const vd_call& call) {
  std::string text = std::string(call.op) + "(";
  for (int i = 0; i < call.n_inputs; ++i) {
    const vd_tensor& t = call.inputs[i];
    if (i) text += ", ";
    if (t.flags & VD_TENSOR_ABSENT) {
      text += "None";
      continue;
    }
    int dtype = dtype_from_vd(t.dtype);
    text += dtype < 0 ? "?" : kDtypes[dtype].name;
    if (t.flags & VD_TENSOR_SCALAR) continue;
    text += "[";
    for (int d = 0; d < t.ndim; ++d) text += (d ? "," : "") + std::to_string(t.shape[d]);
    text += "]";
  }
  return text + ")";
}

}  // namespace vidya
