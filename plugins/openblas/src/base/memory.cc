#include "base/memory.h"

#include <sys/mman.h>

#include <cstdint>
#include <cstdlib>
#include <iterator>

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

// The smallest free block that holds them; what is left of it stays free.
void* Memory::from_slab(size_t bytes) {
  std::lock_guard<std::mutex> lock(mutex_);
  auto fit = free_.lower_bound({bytes, nullptr});
  if (fit == free_.end()) {
    char* base = pages(kSlab, kSlab);
    if (!base) return nullptr;
    fit = free_.emplace(kSlab, base).first;
  }
  const auto [size, at] = *fit;
  free_.erase(fit);
  blocks_[at] = {bytes, true};
  if (size > bytes) offer(blocks_.emplace(at + bytes, Block{size - bytes, false}).first);
  return at;
}

void Memory::offer(Blocks::iterator block) {
  block->second.live = false;
  free_.emplace(block->second.size, block->first);
}

bool Memory::to_slab(char* p) {
  std::lock_guard<std::mutex> lock(mutex_);
  auto block = blocks_.find(p);
  if (block == blocks_.end()) return false;
  const auto slab = [](const char* at) { return reinterpret_cast<uintptr_t>(at) / kSlab; };
  // joins `from`, which is free, to the block before it
  const auto join = [&](Blocks::iterator into, Blocks::iterator from) {
    into->second.size += from->second.size;
    blocks_.erase(from);
  };
  const auto mergeable = [&](Blocks::iterator other) {
    return !other->second.live && slab(other->first) == slab(p);
  };
  if (auto next = std::next(block); next != blocks_.end() && mergeable(next)) {
    free_.erase({next->second.size, next->first});
    join(block, next);
  }
  if (block != blocks_.begin())
    if (auto before = std::prev(block); mergeable(before)) {
      free_.erase({before->second.size, before->first});
      join(before, block);
      block = before;
    }
  if (block->second.size < kSlab) {
    offer(block);
  } else {
    std::free(block->first);
    blocks_.erase(block);
  }
  return true;
}

void Memory::put(void* p) {
  if (!to_slab(static_cast<char*>(p))) std::free(p);
}

}  // namespace vob
