// One pool of threads for everything this backend runs, matrix products included.
#ifndef VIDYA_OPENBLAS_POOL_H
#define VIDYA_OPENBLAS_POOL_H

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

namespace vob {

class Pool {
 public:
  // in element-operations: below the first a hand-off costs more than it gains
  static constexpr double kSerialWork = 32768, kChunkWork = 65536;

  explicit Pool(int threads) : shares_(new Share[size_t(threads)]), threads_(threads) {}
  ~Pool() { stop(); }
  Pool(const Pool&) = delete;
  Pool& operator=(const Pool&) = delete;

  int threads() const { return threads_; }

  /* Calls task(context, i) for every i in [0, n), on all threads, and returns when all are done.
   * A thread begins with indices of its own, the same ones each time, so that what it read or wrote
   * last time is in its caches; then it helps those that a neighbour slows down. */
  void run(int64_t n, void (*task)(void*, int64_t), void* context);

  template <class F>
  void each(int64_t n, F&& f) {
    if (n == 1 || threads_ == 1) {
      for (int64_t i = 0; i < n; ++i) f(i);
      return;
    }
    using Fn = std::remove_reference_t<F>;
    run(n, [](void* c, int64_t i) { (*static_cast<Fn*>(c))(i); }, &f);
  }

  /* Splits [0, n) into ranges of a multiple of `align` and calls f(begin, end).  `cost` is the work
   * per element in element-operations: a small total stays on the calling thread. */
  template <class F>
  void ranges(int64_t n, double cost, int64_t align, F&& f) {
    if (n <= 0) return;
    double work = double(n) * cost;
    if (threads_ == 1 || work < kSerialWork || n <= align) {
      f(int64_t(0), n);
      return;
    }
    int64_t parts = int64_t(work / kChunkWork) + 1, most = int64_t(threads_) * kChunksPerThread;
    parts = (parts + threads_ - 1) / threads_ * threads_;  // as many for every thread
    parts = parts > most ? most : parts;
    int64_t step = (n + parts - 1) / parts;
    step = (step + align - 1) / align * align;
    each((n + step - 1) / step, [&](int64_t i) {
      int64_t begin = i * step, end = begin + step;
      f(begin, end < n ? end : n);
    });
  }

 private:
  static constexpr int64_t kChunksPerThread = 8;

  void start();
  void stop();
  void work(int self);
  void drain(int self);
  /* The first index of the thread's own: the range [first(t), first(t + 1)) is shared out there. */
  int64_t first(int64_t t) const { return (count_ * t + threads_ - 1) / threads_; }

  // What is left of a thread's own indices, in one word with the number of the job: (job << 32 |
  // left). Whoever lowers it by compare-and-swap owns that index, and the job cannot end before
  // its owner counted it done.
  struct alignas(64) Share {
    std::atomic<uint64_t> left{0};
  };
  std::unique_ptr<Share[]> shares_;
  // read by every thread at a job's begin: one cache line
  alignas(64) std::atomic<uint32_t> job_{0};
  void (*task_)(void*, int64_t) = nullptr;
  void* context_ = nullptr;
  int64_t count_ = 0;
  alignas(64) std::atomic<int64_t> done_{0};
  alignas(64) std::atomic<int> sleepers_{0};
  int threads_;
  std::atomic<bool> quit_{false};
  int owner_ = 0;  // the process that started the workers: a fork has none of them
  std::mutex mutex_;
  std::condition_variable wake_;
  std::vector<std::thread> workers_;
};

}  // namespace vob

#endif
