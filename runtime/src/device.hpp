// Devices: an opened backend behind the C ABI, and the cache that keeps its memory.
#pragma once
#include <mutex>
#include <unordered_map>
#include <vector>

#include "common.hpp"

namespace vidya {

// Where a backend's table came from. Never unloaded.
struct Backend {
  vd_backend table{};        // a full-size copy; entries beyond its struct_size are null
  std::string distribution;  // "vidya-runtime-openblas"
  bool python = false;       // kernels need Python's lock
};

struct MemoryStats {
  uint64_t live_bytes = 0;    // handed out and not given back
  uint64_t peak_bytes = 0;    // the most that live_bytes has been
  uint64_t cached_bytes = 0;  // kept for reuse
  uint64_t allocations = 0;   // asked of the backend
  uint64_t reuses = 0;        // served from the cache
};

// Holds freed blocks for reuse, by size class, up to a bound. Used with Python's lock held.
class Cache {
 public:
  static uint64_t round_up(uint64_t bytes);  // to its size class; wastes at most an eighth
  bool take(uint64_t rounded, vd_buffer* out);
  void put(uint64_t rounded, vd_buffer buffer) {
    bins_[rounded].push_back(buffer);
    bytes_ += rounded;
  }
  uint64_t bytes() const { return bytes_; }
  template <class F>
  void drop_until(uint64_t limit, F&& release);  // the largest blocks first

 private:
  std::unordered_map<uint64_t, std::vector<vd_buffer>> bins_;
  uint64_t bytes_ = 0;
};

class Device {
 public:
  Device(Backend* backend, int index);
  void* handle = nullptr;
  Backend* backend;
  int index;
  std::string name;  // "openblas:0"
  vd_info info{};
  PyObject* object = nullptr;  // the vidya.device that stands for it (borrowed, immortal)
  std::vector<Backend*> kernel_packs;

  bool strided() const { return info.flags & VD_DEVICE_STRIDED; }
  bool host_memory() const { return info.flags & VD_DEVICE_HOST_MEMORY; }

  // Blocks from the cache or the backend; raise on failure. Python's lock is held.
  vd_buffer allocate(uint64_t bytes);
  void release(vd_buffer buffer, uint64_t bytes);
  void adopt(uint64_t bytes);  // count a buffer that the backend itself allocated
  void empty_cache();
  void set_cache_limit(uint64_t bytes);

  void sync();
  // Throws the Python error for a failed status; `what` is "matmul(f32[2,3], f32[3,4])" or a verb.
  // `provider`: whose words these are; null: the device's own backend.
  void check(vd_status status, const vd_err& err, const std::string& what,
             const Backend* provider = nullptr);

  // The queue takes calls of one thread at a time.
  void lock();
  void unlock() { mutex_.unlock(); }

  MemoryStats stats;

 private:
  Cache cache_;
  uint64_t cache_limit_;
  std::recursive_mutex mutex_;
};

struct DeviceLock {
  explicit DeviceLock(Device* device) : device_(device) { device_->lock(); }
  ~DeviceLock() { device_->unlock(); }
  Device* device_;
};

// Validates a table (version, size, required entries) and copies it; raises BackendError.
Backend* backend_from_table(const vd_backend* table, const std::string& distribution);
Backend* backend_from_library(const std::string& path, const std::string& distribution,
                              bool kernels_only);
Backend* backend_from_python(PyObject* object, const std::string& distribution);

std::string words(const vd_err& err);  // what a backend said, even if it forgot the NUL
std::string describe_call(const vd_call& call);

// Raises KeyboardInterrupt and its like, if a backend in Python was left by one.
void raise_passing();

}  // namespace vidya
