#include "memory.h"

#include <sys/mman.h>

#include <cstdlib>

namespace vob {

char* Memory::pages(size_t bytes, size_t align) {
  void* p = nullptr;
  if (posix_memalign(&p, align, bytes) != 0) return nullptr;
#if defined(MADV_HUGEPAGE)
  // fresh 4 KiB pages fault in ten times slower; a refusal only costs speed
  (void)madvise(p, bytes, MADV_HUGEPAGE);
#endif
  return static_cast<char*>(p);
}

Memory& Memory::instance() {
  static Memory* memory = new Memory;
  return *memory;
}

void* Memory::get(size_t bytes) {
  if (bytes >= kHuge) return pages((bytes + kHuge - 1) / kHuge * kHuge, kHuge);
  if (bytes >= kLeast) return from_slab((bytes + 4095) / 4096 * 4096);
  void* p = nullptr;
  return posix_memalign(&p, 64, bytes < 64 ? 64 : bytes) ? nullptr : p;
}

void* Memory::from_slab(size_t bytes) {
  std::lock_guard<std::mutex> lock(mutex_);
  auto take = [&](Slab& slab, char* p, size_t size) {
    slab.live[p] = size;
    return p;
  };
  // a block given back, if little of it would be wasted
  for (auto& [base, slab] : slabs_) {
    const auto it = slab.free.lower_bound(bytes);
    if (it == slab.free.end() || it->first > bytes + bytes / 8) continue;
    const auto [size, p] = *it;
    slab.free.erase(it);
    return take(slab, p, size);
  }
  for (auto& [base, slab] : slabs_)
    if (kSlab - slab.used >= bytes) {
      slab.used += bytes;
      return take(slab, base + slab.used - bytes, bytes);
    }
  char* base = pages(kSlab, kSlab);
  if (!base) return nullptr;
  Slab& slab = slabs_[base];
  slab.used = bytes;
  return take(slab, base, bytes);
}

void Memory::put(void* p) {
  char* at = static_cast<char*>(p);
  {
    std::lock_guard<std::mutex> lock(mutex_);
    auto it = slabs_.upper_bound(at);
    if (it != slabs_.begin() && at < (--it)->first + kSlab) {
      Slab& slab = it->second;
      const auto block = slab.live.find(at);
      slab.free.emplace(block->second, at);
      slab.live.erase(block);
      if (!slab.live.empty()) return;
      at = it->first;
      slabs_.erase(it);
    }
  }
  std::free(at);
}

}  // namespace vob
