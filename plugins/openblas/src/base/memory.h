// Memory for tensors, in huge pages where it is large enough to gain from them.
#ifndef VIDYA_OPENBLAS_MEMORY_H
#define VIDYA_OPENBLAS_MEMORY_H

#include <cstddef>
#include <map>
#include <mutex>
#include <set>
#include <utility>

namespace vob {

/* Blocks of kHuge and more are their own pages; smaller ones down to kLeast share slabs of huge
 * pages, because a model's matrices, a megabyte each, are read twice as fast from those as from
 * pages of 4 KiB; the rest is malloc's. */
class Memory {
 public:
  /* The process's: it outlives devices, because tensors may. */
  static Memory& instance();
  /* 64-byte aligned; nullptr if there is none. */
  void* get(size_t bytes);
  void put(void* p);

 private:
  static constexpr size_t kHuge = size_t(2) << 20;
  static constexpr size_t kLeast = size_t(128) << 10;
  static constexpr size_t kSlab = size_t(32) << 20;

  struct Block {
    size_t size;
    bool live;
  };
  using Blocks = std::map<char*, Block>;

  void* from_slab(size_t bytes);
  bool to_slab(char* p);  // false: p is not of a slab
  void offer(Blocks::iterator block);
  static char* pages(size_t bytes, size_t align);

  std::mutex mutex_;
  Blocks blocks_;                            // every slab, cut up, in order
  std::set<std::pair<size_t, char*>> free_;  // those of them that are free, by size
};

}  // namespace vob

#endif
