// Taking a backend's table: from a capsule, a shared library, or a Python object.
#include <dlfcn.h>

#include <cstring>

#include "device.hpp"

namespace vidya {

namespace {

// `free` is required; what follows `run` is optional.
constexpr size_t kRequiredSize = offsetof(vd_backend, kernel_free);

void check_version(const vd_backend* table, const std::string& distribution) {
  if (table->abi_major == VD_ABI_MAJOR) return;
  raise("BackendError", distribution + " speaks backend ABI " + std::to_string(table->abi_major) +
                            "." + std::to_string(table->abi_minor) + ", this vidya-runtime ABI " +
                            std::to_string(VD_ABI_MAJOR) + "." + std::to_string(VD_ABI_MINOR) +
                            "; install versions that fit: pip install -U vidya-runtime " +
                            distribution);
}

Backend* copy_table(const vd_backend* table, const std::string& distribution) {
  auto* backend = new Backend;
  std::memcpy(&backend->table, table, std::min<size_t>(table->struct_size, sizeof(vd_backend)));
  backend->distribution = distribution;
  return backend;
}

}  // namespace

Backend* backend_from_table(const vd_backend* table, const std::string& distribution) {
  check_version(table, distribution);
  if (table->struct_size < kRequiredSize)
    raise("BackendError", distribution + ": its vd_backend says struct_size " +
                              std::to_string(table->struct_size) + ", but ABI 1.0 needs at least " +
                              std::to_string(kRequiredSize) + "; rebuild it against backend.h");
  const struct {
    const char* name;
    const void* entry;
  } required[] = {
      {"name", table->name},
      {"count", reinterpret_cast<const void*>(table->count)},
      {"open", reinterpret_cast<const void*>(table->open)},
      {"close", reinterpret_cast<const void*>(table->close)},
      {"info", reinterpret_cast<const void*>(table->info)},
      {"sync", reinterpret_cast<const void*>(table->sync)},
      {"alloc", reinterpret_cast<const void*>(table->alloc)},
      {"free", reinterpret_cast<const void*>(table->free)},
      {"upload", reinterpret_cast<const void*>(table->upload)},
      {"download", reinterpret_cast<const void*>(table->download)},
      {"copy", reinterpret_cast<const void*>(table->copy)},
      {"find", reinterpret_cast<const void*>(table->find)},
      {"run", reinterpret_cast<const void*>(table->run)},
  };
  for (const auto& r : required)
    if (!r.entry)
      raise("BackendError", distribution + ": its vd_backend has no `" + r.name +
                                "`, which ABI 1.0 requires; see docs/plugins.md");
  return copy_table(table, distribution);
}

Backend* backend_from_library(const std::string& path, const std::string& distribution,
                              bool kernels_only) {
  void* library = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (!library) raise("BackendError", distribution + ": cannot load its library: " + dlerror());
  auto entry = reinterpret_cast<vd_backend_entry>(dlsym(library, VD_LIBRARY_SYMBOL));
  if (!entry)
    raise("BackendError", distribution + ": " + path +
                              " does not export " VD_LIBRARY_SYMBOL "(); it is no vidya backend");
  const vd_backend* table = entry();
  if (!table)
    raise("BackendError", distribution + ": " VD_LIBRARY_SYMBOL "() of " + path + " gave NULL");
  if (!kernels_only) return backend_from_table(table, distribution);
  check_version(table, distribution);
  if (table->struct_size < kRequiredSize || !table->find || !table->run)
    raise("BackendError", distribution + ": a kernel library needs `find` and `run`");
  return copy_table(table, distribution);
}

}  // namespace vidya
