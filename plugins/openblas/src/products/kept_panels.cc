#include "products/kept_panels.h"

#include <algorithm>
#include <mutex>
#include <tuple>
#include <vector>

#include "base/lines.h"
#include "base/memory.h"

namespace vob {
namespace {

struct Free {
  void operator()(uint32_t* p) const { Memory::instance().put(p); }
};

/* All panels of one matrix, one after the other, each with all of k. */
template <class E>
class Whole final : public Panels<E> {
 public:
  Whole(const PackedKernels<E>& kernels, const E* b, const Matrices& m)
      : kernels_(kernels), b_(b), m_(m), each_((m.rows + kTerms - 1) / kTerms * kTileCols) {}

  int64_t count() const { return (m_.cols + kTileCols - 1) / kTileCols; }
  bool fill(Device& d) {
    words_.reset(static_cast<uint32_t*>(Memory::instance().get(size_t(each_ * count()) * 4)));
    if (!words_) return false;
    d.pool.ranges(count(), double(each_), 1, [&](int64_t first, int64_t last) {
      for (int64_t i = first; i < last; ++i) one(words_.get() + i * each_, i);
    });
    return true;
  }
  /* Is this what the matrix holds now? */
  bool holds(Device& d) const {
    std::atomic<bool> same{true};
    d.pool.ranges(count(), double(each_), 1, [&](int64_t first, int64_t last) {
      uint32_t* own = static_cast<uint32_t*>(thread_scratch(1, size_t(each_) * 4));
      for (int64_t i = first; i < last && same; ++i) {
        if (own) one(own, i);
        if (!own || std::memcmp(own, words_.get() + i * each_, size_t(each_) * 4)) same = false;
      }
    });
    return same;
  }
  auto key() const { return std::make_tuple(b_, m_.rows, m_.cols, m_.s0, m_.s1); }

  void pack(uint32_t* to, int64_t, int64_t p, int64_t k, int64_t j, int64_t) const override {
    std::memcpy(to, ready(j) + p / kTerms * kTileCols,
                size_t((k + kTerms - 1) / kTerms * kTileCols) * 4);
  }
  const uint32_t* ready(int64_t j) const override { return words_.get() + j / kTileCols * each_; }

 private:
  static constexpr int64_t kTerms = PackedKernels<E>::kTerms;

  void one(uint32_t* to, int64_t panel) const {
    const int64_t j = panel * kTileCols;
    kernels_.pack_b(to, b_ + j * m_.s1, m_.s0, m_.s1, m_.rows, std::min(kTileCols, m_.cols - j));
  }

  const PackedKernels<E>& kernels_;
  const E* b_;
  Matrices m_;
  int64_t each_;  // words of a panel
  std::unique_ptr<uint32_t, Free> words_;
};

/* What kernels hold at the moment. */
template <class E>
std::vector<std::weak_ptr<Whole<E>>>& held() {
  static auto* all = new std::vector<std::weak_ptr<Whole<E>>>;
  return *all;
}
std::mutex held_mutex;

template <class E>
std::shared_ptr<Whole<E>> find_or_pack(Device& d, const PackedKernels<E>& kernels, const E* b,
                                       const Matrices& m) {
  auto fresh = std::make_shared<Whole<E>>(kernels, b, m);
  std::lock_guard<std::mutex> lock(held_mutex);
  auto& all = held<E>();
  all.erase(std::remove_if(all.begin(), all.end(), [](const auto& w) { return w.expired(); }),
            all.end());
  for (const auto& weak : all)
    // what lay there may have been written since it was packed
    if (auto old = weak.lock(); old && old->key() == fresh->key() && old->holds(d)) return old;
  if (!fresh->fill(d)) return nullptr;
  all.push_back(fresh);
  return fresh;
}

}  // namespace

template <class E>
const Panels<E>* KeptPanels<E>::of(Device& d, const PackedKernels<E>& kernels, const E* b,
                                   const Matrices& m) {
  if (from_ != b) {
    panels_ = find_or_pack(d, kernels, b, m);
    from_ = panels_ ? b : nullptr;
  }
  return panels_.get();
}

template class KeptPanels<float>;
template class KeptPanels<uint16_t>;

}  // namespace vob
