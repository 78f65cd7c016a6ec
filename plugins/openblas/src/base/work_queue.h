// Units of work in order for every worker, which helps the others when it is done.
#ifndef VIDYA_OPENBLAS_WORK_QUEUE_H
#define VIDYA_OPENBLAS_WORK_QUEUE_H

#include <atomic>
#include <cstdint>

namespace vob {

/* Each worker takes its own share from the front, so that what it prepared for one unit serves the
 * next, and from the back of another's share when its own is empty. */
class WorkQueues {
 public:
  static constexpr int64_t kMost = 128;  // workers

  WorkQueues(int64_t units, int64_t workers) : workers_(workers) {
    for (int64_t w = 0; w < workers; ++w)
      queues_[w].left = uint64_t(units * w / workers) << 32 | uint64_t(units * (w + 1) / workers);
  }

  template <class F>
  void work(int64_t worker, F&& unit) {
    for (int64_t i = 0; i < workers_; ++i) {
      std::atomic<uint64_t>& left = queues_[(worker + i) % workers_].left;
      uint64_t seen = left.load(std::memory_order_relaxed);
      while (seen >> 32 < uint32_t(seen)) {
        const uint64_t rest = i ? seen - 1 : seen + (uint64_t(1) << 32);
        if (!left.compare_exchange_weak(seen, rest, std::memory_order_relaxed)) continue;
        unit(i ? int64_t(uint32_t(rest)) : int64_t(seen >> 32));
        seen = left.load(std::memory_order_relaxed);
      }
    }
  }

 private:
  struct alignas(64) Queue {
    std::atomic<uint64_t> left;  // first << 32 | end
  };
  int64_t workers_;
  Queue queues_[kMost];
};

}  // namespace vob

#endif
